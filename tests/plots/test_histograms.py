import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.colors import to_hex

from ck19ml.plots import style
from ck19ml.plots.histograms import BIN_WIDTH, overlap_histograms
from tests.plots.legends import legend_texts

TRUE = [0.0, 0.0, 0.005, 0.155, 0.0, 0.25]
PREDICTED = [-0.1, 0.012, 0.008, 0.105, 0.0, 0.05]
NAMES = ["OVA", "OVA", "OVA", "OVA", "ConA", "ConA"]


def bar_heights(axes):
    return [bar.get_height() for bar in axes.containers[0]]


def test_histograms_count_zeros_apart_from_the_bins():
    figure = overlap_histograms(TRUE, PREDICTED, NAMES)
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
    figure = overlap_histograms(TRUE, PREDICTED, NAMES)
    values, edges, _ = figure.axes[0].patches[-1].get_data()
    assert values[0] == 1
    assert np.isnan(values[1])
    assert values[2:4].tolist() == [1, 1]
    assert values[12] == 1
    assert edges[2] == 0


def test_histograms_share_axes_and_name_n_means_and_unit():
    figure = overlap_histograms(TRUE, PREDICTED, NAMES)
    ova, cona = figure.axes
    assert ova.get_ylim() == cona.get_ylim()
    assert ova.get_xlim() == cona.get_xlim()
    assert ova.get_legend().get_title().get_text() == "n = 4 patches"
    assert legend_texts(ova) == ["true", "mean 4.00 %", "predicted", "mean 0.62 %"]
    assert cona.get_xlabel() == "overlap (IoU, %)"
    labels = [label.get_text() for label in cona.get_xticklabels()]
    assert labels == ["≤ 0", "5", "10", "15", "20", "25"]


def test_histograms_have_an_inset_of_the_tail_with_linear_counts_only():
    linear = overlap_histograms(TRUE, PREDICTED, NAMES)
    logarithmic = overlap_histograms(TRUE, PREDICTED, NAMES, log_counts=True)
    (inset,) = linear.axes[0].child_axes
    assert sum(bar_heights(inset)) == 1
    assert inset.patches[0].get_x() == pytest.approx(0.1)
    assert logarithmic.axes[0].child_axes == []
    assert logarithmic.axes[0].get_yscale() == "log"


def test_histograms_leave_out_what_is_not_finite_and_say_so():
    figure = overlap_histograms(
        [0.1, np.nan, 0.2, np.nan], [0.1, 0.1, np.inf, 0.1], ["OVA", "OVA", "OVA", "ConA"]
    )
    ova, cona = figure.axes
    assert sum(bar_heights(ova)) == 1
    assert [text.get_text() for text in cona.texts] == ["no patches"]
    assert figure.get_supxlabel() == "3 patches without a finite value left out"


def test_histograms_without_any_patch_say_so():
    assert overlap_histograms([], [], []).axes[0].texts[0].get_text() == "no patches"


@settings(max_examples=15, deadline=None)
@given(
    hnp.arrays(float, st.integers(1, 40), elements=st.floats(-2, 5)),
    st.booleans(),
)
def test_every_patch_is_in_exactly_one_bar(values, log_counts):
    figure = overlap_histograms(values, values, ["ConA"] * len(values), log_counts=log_counts)
    outline = figure.axes[0].patches[-1].get_data().values
    assert sum(bar_heights(figure.axes[0])) == len(values)
    assert np.nansum(outline) == len(values)


def test_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one value a row"):
        overlap_histograms([0.1], [0.1, 0.2], ["OVA"])
