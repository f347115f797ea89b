import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.core.simulation.compounds import (
    FOLLOWED_UP,
    NONE,
    SHRINKING,
    Compounds,
    Effect,
    draw_effect,
)

RANGES = Compounds()

concentrations = st.floats(1e-4, 1e4)


def test_half_the_largest_inhibition_comes_at_the_ic50() -> None:
    assert Effect(largest=0.8, ic50_um=2.0, hill=1.5).inhibition(2.0) == 0.4


def test_a_steep_response_is_nothing_a_decade_below_and_all_a_decade_above() -> None:
    effect = Effect(largest=1.0, ic50_um=1.0, hill=2.0)
    assert effect.inhibition(0.1) == pytest.approx(1 / 101)
    assert effect.inhibition(10) == pytest.approx(100 / 101)


@given(concentrations, concentrations, st.integers(0, 1000))
def test_more_of_a_compound_never_inhibits_less(one: float, other: float, seed: int) -> None:
    effect = draw_effect("4", np.random.default_rng(seed))
    low, high = sorted((one, other))
    assert 0 <= effect.inhibition(low) <= effect.inhibition(high) <= 1


@pytest.mark.parametrize("concentration", [0.0, float("nan")])
def test_nothing_has_no_effect(concentration: float) -> None:
    assert Effect(1.0, 1.0, 1.0).inhibition(concentration) == 0


@pytest.mark.parametrize("compound", ["", "DMSO"])
def test_vehicle_and_nothing_are_inert_even_where_all_inhibit(compound: str) -> None:
    assert draw_effect(compound, np.random.default_rng(0), active=True) == NONE


def test_compounds_that_were_followed_up_inhibit() -> None:
    effects = [draw_effect(name, np.random.default_rng(1)) for name in FOLLOWED_UP]
    assert all(RANGES.largest[0] <= effect.largest <= RANGES.largest[1] for effect in effects)
    assert all(RANGES.ic50_um[0] <= effect.ic50_um <= RANGES.ic50_um[1] for effect in effects)


def test_of_the_others_some_inhibit_unless_all_must() -> None:
    seeds = range(400)
    some = [draw_effect("5", np.random.default_rng(seed)).largest > 0 for seed in seeds]
    every = [draw_effect("5", np.random.default_rng(seed), active=True) for seed in seeds]
    assert np.mean(some) == pytest.approx(0.15, abs=0.06)
    assert all(effect.largest > 0 for effect in every)


def test_half_of_the_killing_comes_at_the_lethal_concentration() -> None:
    effect = Effect(0.0, 1.0, 1.0, tcell_kill=0.4, dc_kill=0.6, lethal_um=10.0)
    response = effect.response(10.0)
    assert response.tcell_count == pytest.approx(0.8)
    assert response.dc_count == pytest.approx(0.7)
    assert (response.tcell_killed, response.dc_killed) == pytest.approx((0.2, 0.3))
    assert effect.toxic
    assert response.toxic


def test_dispersed_dcs_are_more_and_smaller() -> None:
    response = Effect(0.9, 1.0, 1.0, dispersal=np.log(1.5)).response(1e9)
    assert response.dc_count == pytest.approx(1.5)
    assert response.dc_area == pytest.approx(1.5**-SHRINKING)
    assert response.tcell_count == 1
    assert not response.toxic


@given(concentrations, st.integers(0, 1000))
def test_a_response_kills_no_more_than_all(concentration: float, seed: int) -> None:
    effect = draw_effect("12", np.random.default_rng(seed), Compounds(toxic_share=1.0))
    response = effect.response(concentration)
    assert 0 <= response.tcell_killed < 1
    assert response.tcell_count == pytest.approx(1 - response.tcell_killed)
    assert response.inhibition == effect.inhibition(concentration)
    assert effect.toxic


def test_as_many_compounds_kill_as_asked_for_whether_they_inhibit_or_not() -> None:
    ranges = Compounds(toxic_share=0.5, active_share=0.5)
    effects = [draw_effect("5", np.random.default_rng(seed), ranges) for seed in range(600)]
    toxic, active = (
        np.array([effect.toxic for effect in effects]),
        np.array([effect.largest > 0 for effect in effects]),
    )
    assert toxic.mean() == pytest.approx(0.5, abs=0.08)
    assert toxic[active].mean() == pytest.approx(toxic[~active].mean(), abs=0.12)


def test_inert_compounds_change_the_dc_count_a_little() -> None:
    ranges = Compounds(toxic_share=0.0, active_share=0.0)
    spread = [
        draw_effect("5", np.random.default_rng(seed), ranges).dispersal for seed in range(500)
    ]
    assert np.std(spread) == pytest.approx(0.05, rel=0.15)
