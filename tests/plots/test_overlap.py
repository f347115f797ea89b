import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.colors import to_hex

from ck19ml.plots import overlap, style
from ck19ml.plots.histograms import BIN_WIDTH

TRUE = [0.0, 0.0, 0.005, 0.155, 0.0, 0.25]
PREDICTED = [-0.1, 0.012, 0.008, 0.105, 0.0, 0.05]
NAMES = ["OVA", "OVA", "OVA", "OVA", "ConA", "ConA"]


def legend_texts(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def bar_heights(axes):
    return [bar.get_height() for bar in axes.containers[0]]


def test_histograms_count_zeros_apart_from_the_bins():
    figure = overlap.overlap_histograms(TRUE, PREDICTED, NAMES)
    ova, cona = figure.axes
    assert [axes.get_title(loc="left") for axes in (ova, cona)] == ["OVA", "ConA"]
    heights = bar_heights(ova)
    assert len(heights) == 1 + round(0.25 / BIN_WIDTH)
    assert heights[0] == 2
    assert heights[1] == 1
    assert heights[16] == 1
    assert sum(heights) == 4
    assert to_hex(ova.containers[0][0].get_facecolor()).upper() == style.ORANGE


def test_histograms_outline_what_was_predicted():
    figure = overlap.overlap_histograms(TRUE, PREDICTED, NAMES)
    values, edges, _ = figure.axes[0].patches[-1].get_data()
    assert values[0] == 1
    assert np.isnan(values[1])
    assert values[2:4].tolist() == [1, 1]
    assert values[12] == 1
    assert edges[2] == 0


def test_histograms_share_axes_and_name_n_means_and_unit():
    figure = overlap.overlap_histograms(TRUE, PREDICTED, NAMES)
    ova, cona = figure.axes
    assert ova.get_ylim() == cona.get_ylim()
    assert ova.get_xlim() == cona.get_xlim()
    assert ova.get_legend().get_title().get_text() == "n = 4 patches"
    assert legend_texts(ova) == ["true", "mean 4.00 %", "predicted", "mean 0.62 %"]
    assert cona.get_xlabel() == "overlap (IoU, %)"
    labels = [label.get_text() for label in cona.get_xticklabels()]
    assert labels == ["≤ 0", "5", "10", "15", "20", "25"]


def test_histograms_have_an_inset_of_the_tail_with_linear_counts_only():
    linear = overlap.overlap_histograms(TRUE, PREDICTED, NAMES)
    logarithmic = overlap.overlap_histograms(TRUE, PREDICTED, NAMES, log_counts=True)
    (inset,) = linear.axes[0].child_axes
    assert sum(bar_heights(inset)) == 1
    assert inset.patches[0].get_x() == pytest.approx(0.1)
    assert logarithmic.axes[0].child_axes == []
    assert logarithmic.axes[0].get_yscale() == "log"


def test_histograms_leave_out_what_is_not_finite_and_say_so():
    figure = overlap.overlap_histograms(
        [0.1, np.nan, 0.2, np.nan], [0.1, 0.1, np.inf, 0.1], ["OVA", "OVA", "OVA", "ConA"]
    )
    ova, cona = figure.axes
    assert sum(bar_heights(ova)) == 1
    assert [text.get_text() for text in cona.texts] == ["no patches"]
    assert figure.get_supxlabel() == "3 patches without a finite value left out"


def test_histograms_without_any_patch_say_so():
    assert overlap.overlap_histograms([], [], []).axes[0].texts[0].get_text() == "no patches"


@settings(max_examples=15, deadline=None)
@given(
    hnp.arrays(float, st.integers(1, 40), elements=st.floats(-2, 5)),
    st.booleans(),
)
def test_every_patch_is_in_exactly_one_bar(values, log_counts):
    figure = overlap.overlap_histograms(
        values, values, ["ConA"] * len(values), log_counts=log_counts
    )
    outline = figure.axes[0].patches[-1].get_data().values
    assert sum(bar_heights(figure.axes[0])) == len(values)
    assert np.nansum(outline) == len(values)


def test_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one value a row"):
        overlap.overlap_histograms([0.1], [0.1, 0.2], ["OVA"])


def test_field_sums_draw_a_point_a_well():
    figure = overlap.field_sums([1.0, 3.0, 4.0], [1.5, 2.0, np.nan], ["OVA", "OVA", "ConA"])
    (axes,) = figure.axes
    offsets = [points.get_offsets()[:, 1].tolist() for points in axes.collections]
    assert [1.0, 3.0] in offsets
    assert [1.5, 2.0] in offsets
    assert [label.get_text() for label in axes.get_xticklabels()] == ["OVA\nn = 2", "ConA\nn = 0"]
    assert legend_texts(axes) == ["true", "predicted"]
    assert figure.get_supxlabel().startswith("1 wells")


def test_agreement_is_in_the_legend():
    true, predicted = [0.0, 0.2, 0.1, 0.1], [0.1, 0.1, 0.1, 0.3]
    figure = overlap.predicted_against_true(true, predicted, ["OVA", "OVA", "ConA", "ConA"])
    (axes,) = figure.axes
    assert legend_texts(axes) == [
        "OVA, n = 2\nRMSE 10.00 pp, R² 0.00",
        "ConA, n = 2\nRMSE 14.14 pp, R² –",
        "identity",
    ]
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_xlabel() == "true overlap (IoU, %)"


def test_points_have_the_colour_of_their_stimulation():
    true = np.linspace(0, 0.4, 50)
    names = np.where(true > 0.2, "ConA", "Unstimulated")
    figure = overlap.predicted_against_true(true, true, names)
    points = figure.axes[0].collections[0]
    expected = {True: style.GREEN, False: style.BLUE}
    for (x, _), colour in zip(points.get_offsets(), points.get_facecolors(), strict=True):
        assert to_hex(colour).upper() == expected[bool(x > 0.2)]


def test_a_stimulation_without_finite_values_keeps_its_place():
    figure = overlap.predicted_against_true([0.1, np.nan], [0.1, 0.1], ["OVA", "ConA"])
    assert legend_texts(figure.axes[0])[1] == "ConA\nno patches"


def test_error_distribution_shows_shares_and_bias():
    figure = overlap.error_distribution(
        [0.0, 0.0, 0.0, 0.1], [0.0, 0.0, 0.02, 0.05], ["OVA", "OVA", "OVA", "ConA"]
    )
    (axes,) = figure.axes
    shares, edges, _ = axes.patches[0].get_data()
    assert shares.sum() == pytest.approx(1)
    middle = np.searchsorted(edges, 0.0) - 1
    assert edges[middle] == pytest.approx(-edges[middle + 1])
    assert shares[middle] == pytest.approx(2 / 3)
    assert legend_texts(axes)[1] == "ConA, n = 1\nbias \N{MINUS SIGN}5.00, SD 0.00 pp"


def test_no_error_lies_outside_of_the_bins():
    error = np.array([-1.7, 0.3, 12.0])
    figure = overlap.error_distribution(np.zeros(3), error, ["OVA"] * 3)
    assert figure.axes[0].patches[0].get_data().values.sum() == pytest.approx(1)


def test_threshold_curve_draws_gaps_and_the_chosen_threshold():
    figure = overlap.threshold_curve([0.1, 0.2, 0.3], [0.5, 0.8, np.nan], [1, 0.5, 0.1], 0.02, 0.2)
    (axes,) = figure.axes
    assert legend_texts(axes) == ["precision", "recall", "prevalence", "chosen: 20 %"]
    assert np.isnan(axes.lines[0].get_ydata()[2])
    assert axes.lines[2].get_ydata().tolist() == [0.02] * 3
    assert axes.lines[3].get_xdata() == [0.2, 0.2]


def test_threshold_curve_without_a_chosen_one():
    figure = overlap.threshold_curve([0.2], [0.5], [0.5], [0.01])
    assert len(figure.axes[0].lines) == 3
    assert figure.axes[0].lines[0].get_marker() == "o"


def test_interaction_curve_draws_gaps_and_never():
    columns = ("threshold", "precision", "recall", "f1", "prevalence", "accuracy", "never_accuracy")
    curve = pd.DataFrame(
        [(0.1, 0.5, 1, 0.6, 0.1, 0.95, 0.9), (0.2, np.nan, 0, 0, 0.01, 0.99, 0.99)],
        columns=columns,
    )
    left, right = overlap.interaction_curve(curve, 0.2).axes
    assert legend_texts(left) == ["precision", "recall", "F1", "prevalence"]
    assert np.isnan(left.lines[0].get_ydata()[1])
    np.testing.assert_allclose(right.lines[0].get_ydata(), [0.05, 0.01])
    np.testing.assert_allclose(right.lines[1].get_ydata(), [0.1, 0.01])
    assert [text.get_text() for text in right.texts] == ["chosen: 20 %"]
