import numpy as np
import pandas as pd

from ck19ml.plots import position, style

WELLS = pd.DataFrame(
    {"row": [0, 0, 1, 1], "column": [2, 3, 2, 3], "edge": [True, True, False, False],
     "score_residual": [1.0, 3.0, -1.0, np.nan]}
)  # fmt: skip
TESTS = pd.DataFrame(
    {"factor": ["row", "column", "edge"], "share": [0.5, 0.1, np.nan],
     "expected": [0.1, 0.1, np.nan], "q": [0.01, 0.6, np.nan]}
)  # fmt: skip


def medians(axes):
    return [float(line.get_ydata()[0]) for line in axes.lines if line.get_color() == style.BLUE]


def test_medians_stand_at_their_rows_columns_and_zones() -> None:
    figure = position.position_effects(WELLS, "score_residual", "score", TESTS)
    rows, columns, edge = figure.axes
    assert medians(rows) == [2, -1]
    assert medians(columns) == [0, 3]
    assert medians(edge) == [-1, 2]
    assert [label.get_text() for label in rows.get_xticklabels()] == ["A", "B"]
    assert [label.get_text() for label in columns.get_xticklabels()] == ["3", "4"]
    assert rows.get_title(loc="left") == "row\nexplains 50%\nchance 10%, q 0.01"
    assert edge.get_title(loc="left") == "edge\nnot testable"


def test_a_plate_without_values_is_drawn() -> None:
    empty = WELLS.assign(score_residual=np.nan)
    style.to_bytes(position.position_effects(empty, "score_residual", "x", TESTS, percent=True))
