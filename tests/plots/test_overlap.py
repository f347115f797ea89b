import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from ck19ml.plots import overlap, style
from tests.plots.legends import legend_texts


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
