import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from ck19ml.plots import screening, style

WELLS = pd.DataFrame(
    {
        "stimulation": ["ConA", "ConA", "Unstimulated", "Unstimulated", "ConA"],
        "kind": ["vehicle", "compound", "vehicle", "untreated", "compound"],
        "score": [5.0, 1.0, -2.0, -1.0, np.nan],
        "overlap": [0.1, 0.05, 0.01, 0.02, 0.03],
    }
)
HITS = pd.DataFrame(
    {
        "stimulation": ["ConA", "OVA", "ConA"],
        "compound": ["4", "9", "7"],
        "concentration_um": [10.0, np.nan, 0.03],
        "score_ssmd": [-5.0, 2.0, np.nan],
        "score_hit": [True, False, False],
        "overlap_ssmd": [-1.0, 0.5, 0.1],
        "overlap_hit": [False, True, False],
    }
)


def test_controls_stand_in_their_stimulation_and_kind() -> None:
    figure = screening.control_strips(
        WELLS, {"score": "score (nats)", "overlap": "overlap (%)"}, {"score": "Z' 0.3"}, ["overlap"]
    )
    score, overlap = figure.axes
    assert [label.get_text() for label in score.get_xticklabels()] == ["Unstimulated", "ConA"]
    assert score.get_title(loc="left") == "Z' 0.3"
    assert overlap.yaxis.get_major_formatter()(0.1) == "10"
    medians = sorted(float(line.get_ydata()[0]) for line in score.lines)
    assert medians == [-2, -1, 1, 5]  # the well without a value is left out
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["vehicle", "untreated", "compound", "median"]


def points(axes, face):
    """Places of the markers of this face colour."""
    found = []
    for line in axes.lines:
        if line.get_marker() in ("o", "D") and to_hex(line.get_markerfacecolor()) == face.lower():
            found += list(zip(line.get_xdata(), line.get_ydata(), strict=True))
    return found


def test_hits_are_filled_and_rows_named() -> None:
    axes = screening.ranked_hits(HITS, fdr=0.05, known=[True, False, False]).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["ConA: 4, 10 µM ★", "OVA: 9", "ConA: 7, 0.03 µM"]
    assert points(axes, style.BLUE) == [(-5, 0)]
    assert points(axes, style.VERMILLION) == [(0.5, 1)]
    assert axes.yaxis_inverted()


def test_only_the_head_of_a_long_list_is_drawn() -> None:
    figure = screening.ranked_hits(pd.concat([HITS] * 20), fdr=0.1, most=10)
    assert len(figure.axes[0].get_yticks()) == 10
    assert figure.axes[0].get_title(loc="left") == "the first 10 of 60"
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["model", "plain overlap", "filled: hit (FDR 10 %)"]


def test_precision_and_recall_by_hand() -> None:
    figure = screening.precision_recall(
        [True, False, True, False], {"score": [4, 3, 2, 1]}, {"score": "the model: 0.833"}
    )
    line = figure.axes[0].lines[0]
    drawn = {(round(x, 3), round(y, 3)) for x, y in zip(*line.get_data(), strict=True)}
    assert {(0.5, 1.0), (1.0, 0.667)} <= drawn
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["the model: 0.833", "chance 50 %"]


def test_nothing_to_show_is_said() -> None:
    for figure in (
        screening.ranked_hits(HITS.iloc[:0], fdr=0.05),
        screening.control_strips(WELLS.iloc[:0], {"score": "score"}),
        screening.precision_recall([False], {"score": [1.0]}, {"score": "the model"}),
    ):
        assert figure.axes[0].texts[0].get_text().startswith("no ")
        style.to_bytes(figure)


def test_wells_without_a_compound_are_drawn() -> None:
    wells = pd.DataFrame(
        {"stimulation": "OVA", "kind": ["no compound", "vehicle"] * 4, "score": np.arange(8.0)}
    )
    figure = screening.control_strips(wells, {"score": "score"})
    assert sum(len(drawn.get_offsets()) for drawn in figure.axes[0].collections) == 8
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "vehicle", "no compound", "median",
    ]  # fmt: skip
