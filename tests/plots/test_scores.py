import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from ck19ml.plots import scores, style

COLUMNS = ["name", "level", "value", "low", "high", "kind"]
TABLE = pd.DataFrame(
    [
        ("majority class", "patch", 0.33, np.nan, np.nan, "baseline"),
        ("classifier", "patch", 0.5, 0.45, 0.55, "model"),
        ("classifier", "well", 0.8, 0.7, 0.9, "model"),
    ],
    columns=COLUMNS,
)


def markers(axes):
    return [
        (line.get_xdata()[0], line.get_ydata()[0], line.get_marker())
        for line in axes.lines
        if line.get_marker() not in ("None", "")
    ]


def intervals(axes):
    return [
        (list(line.get_xdata()), line.get_ydata()[0])
        for line in axes.lines
        if line.get_marker() in ("None", "") and len(line.get_xdata()) == 2
    ]


def test_a_panel_a_level_with_dots_and_intervals():
    patch, well = scores.scores_with_baselines(TABLE).axes
    assert [axes.get_title(loc="left") for axes in (patch, well)] == ["patches", "wells"]
    assert [label.get_text() for label in patch.get_yticklabels()] == [
        "majority class",
        "classifier",
    ]
    assert markers(patch) == [(0.33, 0, "D"), (0.5, 1, "o")]
    assert intervals(patch) == [([0.45, 0.55], 1)]
    assert markers(well) == [(0.8, 1, "o")]
    assert patch.get_xlim() == well.get_xlim()


def test_models_and_baselines_look_different():
    patch = scores.scores_with_baselines(TABLE).axes[0]
    dots = [line for line in patch.lines if line.get_marker() not in ("None", "")]
    assert [to_hex(dot.get_markerfacecolor()).upper() for dot in dots] == ["#FFFFFF", style.BLUE]


def test_chance_is_marked_when_given():
    figure = scores.scores_with_baselines(TABLE, label="accuracy (%)", chance=0.25, percent=True)
    for axes in figure.axes:
        assert axes.lines[0].get_xdata() == [0.25, 0.25]
        assert axes.get_xlabel() == "accuracy (%)"
        assert axes.xaxis.get_major_formatter()(0.25) == "25"
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["model", "baseline", "chance"]


def test_a_score_that_is_not_finite_is_said_and_not_drawn():
    figure = scores.scores_with_baselines(TABLE.assign(value=[np.nan, 0.5, np.inf]))
    patch, well = figure.axes
    assert [text.get_text() for text in patch.texts] == ["not finite"]
    assert patch.texts[0].get_position()[1] == 0
    assert markers(well) == []
    style.to_bytes(figure)


def test_wrong_tables_are_refused_and_an_empty_one_says_so():
    with pytest.raises(ValueError, match=r"missing .'low'"):
        scores.scores_with_baselines(TABLE.drop(columns="low"))
    with pytest.raises(ValueError, match=r"found .'guess'"):
        scores.scores_with_baselines(TABLE.assign(kind=["guess", "model", "model"]))
    empty = scores.scores_with_baselines(TABLE.iloc[:0])
    assert empty.axes[0].texts[0].get_text() == "no scores"
