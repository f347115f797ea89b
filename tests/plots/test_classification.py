import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from ck19ml.plots import classification, style
from tests.plots.legends import legend_texts

NAMES = ["Unstimulated", "OVA", "ConA"]
COUNTS = [[90, 10, 0], [0, 0, 0], [500, 0, 1500]]


def cell_texts(axes):
    return [text.get_text() for text in axes.texts]


def test_confusion_shows_counts_and_shares_of_rows():
    axes = classification.confusion(COUNTS, NAMES, title="wells").axes[0]
    assert cell_texts(axes)[:3] == ["90\n90 %", "10\n10 %", "0\n0 %"]
    assert cell_texts(axes)[3:6] == ["0\n–"] * 3
    assert cell_texts(axes)[8] == "1,500\n75 %"
    assert axes.get_title(loc="left") == "wells\n1,590 of 2,100 right (75.7 %)"


def test_confusion_colours_by_share_and_not_by_count():
    shares = classification.confusion(COUNTS, NAMES).axes[0].images[0].get_array()
    assert shares[0].tolist() == [0.9, 0.1, 0.0]
    assert np.ma.getmaskarray(shares)[1].all() or np.isnan(shares[1].astype(float)).all()


def test_confusion_names_rows_and_columns_and_writes_readably():
    axes = classification.confusion(COUNTS, NAMES).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == NAMES
    assert [label.get_text() for label in axes.get_yticklabels()] == NAMES
    assert axes.get_xlabel() == "predicted"
    assert axes.get_ylabel() == "true"
    assert axes.texts[0].get_color() == "#FFFFFF"
    assert axes.texts[1].get_color() == "#000000"


def test_confusion_of_one_class_and_of_none_counted():
    single = classification.confusion([[3]], ["OVA"]).axes[0]
    assert cell_texts(single) == ["3\n100 %"]
    nothing = classification.confusion(np.zeros((2, 2), int), ["OVA", "ConA"]).axes[0]
    assert nothing.get_title(loc="left") == "none counted"


def test_confusion_refuses_counts_that_do_not_fit():
    with pytest.raises(ValueError, match=r"shape \(2, 2\), found \(3, 3\)"):
        classification.confusion(COUNTS, ["OVA", "ConA"])


def test_confusions_stand_side_by_side():
    figure = classification.confusions(COUNTS, np.eye(3, dtype=int), NAMES)
    titles = [axes.get_title(loc="left") for axes in figure.axes[:2]]
    assert titles == ["patches\n1,590 of 2,100 right (75.7 %)", "wells\n3 of 3 right (100.0 %)"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == NAMES
    assert figure.axes[2].get_ylabel() == "share of the true class (%)"


def test_reliability_of_a_hand_worked_case():
    figure = classification.reliability(
        [0.55, 0.55, 0.95, 1.0, np.nan], [True, False, True, True, True]
    )
    upper, lower = figure.axes
    curve = upper.lines[1]
    assert curve.get_xdata()[[5, 9]] == pytest.approx([0.55, 0.975])
    assert curve.get_ydata()[[5, 9]] == pytest.approx([0.5, 1.0])
    assert np.isnan(curve.get_ydata()[6])
    assert [bar.get_height() for bar in lower.patches] == [0] * 5 + [2] + [0] * 3 + [2]
    # Two answers are off by 0.05 and two by 0.025.
    assert upper.get_title(loc="left") == "expected calibration error 3.8 %"
    assert figure.get_supxlabel() == "1 answers without a finite value left out"


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(1, 20))
def test_reliability_counts_every_answer_once(probability, bins):
    figure = classification.reliability(probability, [True] * len(probability), bins=bins)
    assert sum(bar.get_height() for bar in figure.axes[1].patches) == len(probability)


def test_reliability_takes_what_rounding_makes_of_one_and_no_more():
    classification.reliability(np.array([1.0000001], np.float32), [True])
    with pytest.raises(ValueError, match=r"found 0\.2 to 1\.2"):
        classification.reliability([0.2, 1.2], [True, True])


def test_reliability_without_answers_says_so():
    figure = classification.reliability([np.nan], [True])
    assert "no answers" in figure.axes[0].texts[0].get_text()


WELLS = pd.DataFrame(
    {
        "stimulation": ["ConA", "ConA", "OVA", "OVA"],
        "probability": [0.9, 0.2, 0.7, np.nan],
        "correct": [True, False, True, True],
    }
)


def test_wells_are_points_by_true_stimulation():
    figure = classification.well_probabilities(WELLS, chance=1 / 3)
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["OVA\n1 of 1 right", "ConA\n1 of 2 right"]
    ova_right, _, cona_right, cona_wrong = axes.collections
    assert ova_right.get_offsets()[:, 1].tolist() == [0.7]
    assert cona_right.get_offsets()[:, 1].tolist() == [0.9]
    assert cona_wrong.get_offsets()[:, 1].tolist() == [0.2]
    assert to_hex(cona_wrong.get_edgecolor()[0]).upper() == style.GREEN
    assert legend_texts(axes)[-1] == "chance, 33 %"
    assert figure.get_supxlabel().startswith("1 wells")


def test_wells_without_known_answers_are_counted_only():
    (axes,) = classification.well_probabilities(WELLS.drop(columns="correct")).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["OVA\nn = 1", "ConA\nn = 2"]
    assert legend_texts(axes) == ["a well", "median"]


def test_wells_need_their_columns():
    with pytest.raises(ValueError, match=r"missing .'probability'"):
        classification.well_probabilities(WELLS.drop(columns="probability"))


def test_no_wells_say_so():
    figure = classification.well_probabilities(WELLS.iloc[:0])
    assert figure.axes[0].texts[0].get_text() == "no wells"
