import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.core.simulation.compounds import (
    FOLLOWED_UP,
    IC50_UM,
    LARGEST,
    NONE,
    Effect,
    draw_effect,
)

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
    assert all(LARGEST[0] <= effect.largest <= LARGEST[1] for effect in effects)
    assert all(IC50_UM[0] <= effect.ic50_um <= IC50_UM[1] for effect in effects)


def test_of_the_others_some_inhibit_unless_all_must() -> None:
    seeds = range(400)
    some = [draw_effect("5", np.random.default_rng(seed)).largest > 0 for seed in seeds]
    every = [draw_effect("5", np.random.default_rng(seed), active=True) for seed in seeds]
    assert np.mean(some) == pytest.approx(0.15, abs=0.06)
    assert all(effect.largest > 0 for effect in every)
