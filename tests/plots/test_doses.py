import numpy as np
import pandas as pd
import pytest

from ck19ml.plots import doses, style

WELLS = pd.DataFrame(
    {
        "stimulation": ["ConA"] * 4 + ["Unstimulated"],
        "kind": ["compound"] * 3 + ["vehicle", "compound"],
        "compound": ["4", "4", "10", "", "4"],
        "concentration_um": [0.01, 10.0, 1.0, np.nan, 1.0],
        "score": [5.0, 1.0, 3.0, 5.5, -2.0],
    }
)
FITS = pd.DataFrame(
    {
        "measure": "score",
        "stimulation": ["ConA", "ConA", "Unstimulated"],
        "compound": ["10", "4", "4"],
        "direction": ["IC50", "IC50", "EC50"],
        "ic50_um": [0.5, 0.2, np.nan],
        "low_um": [0.2, 0.1, np.nan],
        "high_um": [1.0, 0.4, np.nan],
        "hill": [1.0, 1.0, np.nan],
        "without": [5.0, 5.0, np.nan],
        "saturated": [1.0, 1.0, np.nan],
        "supported": [False, True, False],
        "reason": ["interval open above", "", "no effect"],
        "true_ic50_um": [0.4, 0.3, np.nan],
    }
)


def curves(axes):
    return [line for line in axes.lines if len(line.get_xdata()) == 100]


def test_each_compound_has_its_panel_in_the_order_of_numbers() -> None:
    figure = doses.dose_curves(WELLS, FITS, "score", "score (nats)")
    titles = [axes.get_title(loc="left").split("\n") for axes in figure.axes]
    assert titles[0] == ["4", "Unstimulated: no effect", "ConA: IC50 0.2 (0.1–0.4)"]
    assert titles[1] == ["10", "ConA: interval open above"]
    assert figure.axes[0].get_xscale() == "log"


def test_a_curve_is_solid_where_it_is_supported() -> None:
    first, second = doses.dose_curves(WELLS, FITS, "score", "score").axes
    (solid,), (dashed,) = curves(first), curves(second)
    assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
    assert solid.get_color() == style.GREEN
    # At 0.2 uM, half of the way from 5 to 1.
    assert np.interp(0.2, solid.get_xdata(), solid.get_ydata()) == pytest.approx(3, abs=0.02)


def test_fitted_beside_true() -> None:
    figure = doses.ic50_agreement(FITS[FITS["stimulation"] == "ConA"], {"score": "the model"})
    (axes,) = figure.axes
    filled, hollow = [line for line in axes.lines if line.get_marker() == "o"]
    assert (filled.get_xdata()[0], filled.get_ydata()[0]) == (0.3, 0.2)
    assert hollow.get_markerfacecolor() == "white"
    assert [text.get_text() for text in axes.texts] == ["10", "4"]


def test_nothing_to_show_is_said() -> None:
    for figure in (
        doses.dose_curves(WELLS, FITS.iloc[:0], "score", "score"),
        doses.ic50_agreement(FITS.iloc[2:], {"score": "the model"}),
    ):
        assert figure.axes[0].texts[0].get_text().startswith("no ")
        style.to_bytes(figure)
