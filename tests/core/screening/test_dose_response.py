import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ck19ml.core.screening.dose_response import fit_dose_response, logistic

DOSES = np.repeat([30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001], 2)
WELLS = np.r_[DOSES, np.zeros(20)]
"""As on CK21: ten doses twice, and 20 vehicle wells."""


def response(ic50: float, hill: float, low: float = 0.2, high: float = 1.0) -> np.ndarray:
    return high + (low - high) * logistic(WELLS, np.log10(ic50), hill)


def test_half_of_the_effect_is_at_the_ic50() -> None:
    share = logistic(np.array([0.0, 0.5, 1e9]), np.log10(0.5), 1.3)
    assert share == pytest.approx([0, 0.5, 1])
    # One decade above, slope 1: 10 / 11.
    assert logistic(np.array([5.0]), np.log10(0.5), 1.0)[0] == pytest.approx(10 / 11)


@given(st.floats(-1.8, 0.5), st.floats(0.6, 3.0), st.booleans())
@settings(max_examples=15)
def test_exact_data_give_their_own_numbers(place: float, hill: float, falls: bool) -> None:
    ends = (0.2, 1.0) if falls else (1.0, 0.2)
    fit = fit_dose_response(WELLS, response(10**place, hill, *ends))
    assert fit.ic50_um == pytest.approx(10**place, rel=0.01)
    assert fit.hill == pytest.approx(hill, rel=0.02)
    assert (fit.saturated, fit.without) == pytest.approx(ends, abs=0.01)
    assert fit.supported
    assert fit.low_um < fit.ic50_um < fit.high_um
    assert fit.response(np.array([fit.ic50_um]))[0] == pytest.approx(0.6, abs=0.01)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(9)
    held = 0
    for _ in range(60):
        true = 10 ** rng.uniform(-1.5, 0)
        fit = fit_dose_response(WELLS, response(true, 1.2) + rng.normal(0, 0.1, WELLS.size))
        held += fit.low_um <= true <= fit.high_um
    assert held >= 52  # below that 1 % of the time at 95 %


def test_noise_alone_supports_nothing() -> None:
    rng = np.random.default_rng(10)
    fits = [fit_dose_response(WELLS, rng.normal(size=WELLS.size)) for _ in range(60)]
    assert sum(fit.supported for fit in fits) <= 3
    assert sum(fit.reason == "no effect" for fit in fits) >= 50


@pytest.mark.parametrize(
    ("ic50", "reasons"),
    [
        (60.0, {"outside of the tested concentrations", "interval open above",
                 "interval spans the tested concentrations"}),
        (1e-5, {"no effect", "outside of the tested concentrations", "interval open below",
                "interval spans the tested concentrations"}),
    ],
)  # fmt: skip
def test_an_ic50_that_was_not_reached_is_flagged(ic50: float, reasons: set[str]) -> None:
    rng = np.random.default_rng(11)
    noise = rng.normal(0, 0.05, WELLS.size)
    fit = fit_dose_response(WELLS, response(ic50, 1.0) + noise)
    assert not fit.supported
    assert fit.reason in reasons


def test_few_concentrations_are_not_fitted() -> None:
    fit = fit_dose_response(np.repeat([0.0, 1.0, 2.0, 3.0, 4.0], 4), np.arange(20.0))
    assert fit.reason == "4 concentrations, 5 needed"
    assert np.isnan(fit.ic50_um)


def test_wells_that_are_all_the_same_show_no_effect() -> None:
    assert fit_dose_response(WELLS, np.ones(WELLS.size)).reason == "no effect"


def test_wells_without_a_value_are_left_out() -> None:
    y = response(0.3, 1.0)
    y[3] = np.nan
    assert fit_dose_response(WELLS, y).ic50_um == pytest.approx(0.3, rel=0.01)
