import numpy as np
import pytest

from ck19ml.core.screening.position import at_edge, position_effect, residuals

PLATE = 16 * 24
ROW, COLUMN = np.divmod(np.arange(PLATE), 24)
STIMULATION = np.minimum(COLUMN // 8, 2)


def test_residuals_are_from_the_stratum_s_median() -> None:
    values = np.array([1.0, 2.0, 6.0, 10.0, np.nan, 20.0])
    stratum = np.array([0, 0, 0, 1, 1, 1])
    found = residuals(values, stratum)
    assert found == pytest.approx([-1, 0, 4, -5, np.nan, 5], nan_ok=True)


def test_the_share_by_hand() -> None:
    # Ranks 1 2 | 3 4 in two places: between the places 4 of 5 parts of the variance.
    found = position_effect(
        np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(4, int), np.array([0, 0, 1, 1]),
        np.random.default_rng(0),
    )  # fmt: skip
    assert found.share == pytest.approx(4 / 5)
    assert found.places == 2
    # Of the six ways to choose two wells, two are as extreme.
    assert found.p == pytest.approx(1 / 3, abs=0.05)


@pytest.mark.parametrize(("place", "slope"), [(ROW, 0.1), (COLUMN, 0.25)])
def test_a_gradient_is_found_and_chance_is_not(place: np.ndarray, slope: float) -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(size=PLATE) + 10.0 * STIMULATION
    assert position_effect(noise + slope * place, STIMULATION, place, rng).p < 0.01
    assert position_effect(noise, STIMULATION, place, rng).p > 0.05


def test_the_p_value_is_uniform_without_an_effect() -> None:
    rng = np.random.default_rng(6)
    p = [position_effect(rng.normal(size=48), np.repeat([0, 1, 2], 16), np.arange(48) % 8, rng).p
         for _ in range(100)]  # fmt: skip
    assert np.mean(np.array(p) < 0.1) == pytest.approx(0.1, abs=0.08)


def test_a_difference_between_stimulations_is_none_between_columns() -> None:
    """CK19: each column holds one stimulation, and only the wells of one are compared."""
    rng = np.random.default_rng(7)
    values = rng.normal(size=PLATE) + 100.0 * STIMULATION
    found = position_effect(values, STIMULATION, COLUMN, rng)
    assert found.p > 0.05
    assert found.share == pytest.approx(found.expected, abs=0.06)


def test_what_cannot_be_told_apart_is_nan() -> None:
    rng = np.random.default_rng(8)
    one_place_each = position_effect(rng.normal(size=6), np.arange(6) // 3, np.arange(6) // 3, rng)
    assert np.isnan([one_place_each.p, one_place_each.share]).all()
    assert np.isnan(position_effect(np.ones(4), np.zeros(4, int), np.arange(4), rng).p)
    assert np.isnan(position_effect(np.array([]), np.array([]), np.array([]), rng).p)


def test_wells_without_a_value_are_left_out() -> None:
    values = np.array([1.0, 2.0, np.nan, 3.0, 4.0])
    found = position_effect(
        values, np.zeros(5, int), np.array([0, 0, 7, 1, 1]), np.random.default_rng(0)
    )
    assert (found.places, found.share) == (2, pytest.approx(4 / 5))


def test_the_edge_is_the_outer_ring() -> None:
    edge = at_edge(ROW, COLUMN, (16, 24)).reshape(16, 24)
    assert edge.sum() == 2 * 24 + 2 * 14
    assert edge[0].all()
    assert edge[:, -1].all()
    assert not edge[1:-1, 1:-1].any()
