from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.core.simulation.compounds import Response
from ck19ml.core.simulation.conditions import NO_INFLUENCE, Influence
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.core.simulation.placement import (
    Well,
    areas,
    assign_clumps,
    between,
    couple,
    draw_well,
    place_dcs,
    place_tcells,
    place_unstained,
    scatter,
)
from ck19ml.core.simulation.position import Terms

PARAMETERS = Parameters()
WELL = Well(
    tcell_count=1000,
    dc_count=800,
    tcell_area_px=56.0,
    dc_area_px=80.0,
    contact=0.5,
    stacked=0.3,
    clumps=(0.5, 5),
    coupling=-1.0,
    tcell_brightness=500.0,
    dc_brightness=700.0,
)
counts = st.integers(0, 400)
seeds = st.integers(0, 10**6)


@given(counts, seeds)
def test_every_dc_lies_in_the_field(count: int, seed: int) -> None:
    dcs = place_dcs(WELL, count, PARAMETERS, 100, np.random.default_rng(seed))
    assert len(dcs) == count
    for position in (dcs.y, dcs.x):
        assert ((position >= 0) & (position < 100)).all()


@given(counts, seeds)
def test_at_most_one_point_lies_in_each_square(count: int, seed: int) -> None:
    y, x = scatter(count, 100, np.random.default_rng(seed))
    side = max(1, int(np.ceil(np.sqrt(count))))
    squares = np.floor(y * side / 100) * side + np.floor(x * side / 100)
    assert np.unique(squares).size == count == y.size


@given(counts, st.floats(0, 1), st.floats(1, 20), seeds)
def test_clump_numbers_ascend_from_zero(
    count: int, share: float, members: float, seed: int
) -> None:
    clump = assign_clumps(count, (share, members), np.random.default_rng(seed))
    assert clump.size == count
    assert (np.diff(clump) >= 0).all()
    assert (clump >= 0).all()


def test_clumps_hold_the_share_and_the_number_asked_for() -> None:
    clump = assign_clumps(4000, (0.5, 8), np.random.default_rng(0))
    sizes = np.bincount(clump)
    together = sizes[sizes > 1].sum()
    assert together / 4000 == pytest.approx(0.5, abs=0.05)
    assert sizes[sizes > 1].mean() == pytest.approx(8, rel=0.1)


def test_cells_of_a_clump_are_neighbours() -> None:
    rng = np.random.default_rng(1)
    dcs = place_dcs(replace(WELL, clumps=(1.0, 12)), 12, PARAMETERS, 4000, rng)
    spread = np.hypot(dcs.y - np.median(dcs.y), dcs.x - np.median(dcs.x))
    # Twelve cells of 10 pixels in a disc.
    assert np.median(spread) < 60


def test_bound_tcells_lie_on_their_dc_and_free_ones_anywhere() -> None:
    rng = np.random.default_rng(2)
    dcs = place_dcs(WELL, 300, PARAMETERS, 2000, rng)
    tcells, on_dc, bound = place_tcells(WELL, 1000, dcs, PARAMETERS, 2000, rng)
    lying = on_dc >= 0
    assert bound.mean() == pytest.approx(0.5, abs=0.06)
    assert lying.mean() == pytest.approx(0.5 + 0.5 * 0.3, abs=0.06)
    assert lying[bound].all()
    apart = np.hypot(tcells.y[lying] - dcs.y[on_dc[lying]], tcells.x[lying] - dcs.x[on_dc[lying]])
    inner = apart < 1000  # the others left on one side and came in on the other
    assert inner.mean() > 0.98
    limit = PARAMETERS.reach[1] * dcs.radius_px[on_dc[lying]]
    assert (apart[inner] <= limit[inner] + 1e-9).all()


def test_without_dcs_no_tcell_is_bound() -> None:
    rng = np.random.default_rng(3)
    none = place_dcs(WELL, 0, PARAMETERS, 200, rng)
    tcells, on_dc, bound = place_tcells(WELL, 50, none, PARAMETERS, 200, rng)
    assert len(tcells) == 50
    assert not bound.any()
    assert (on_dc == -1).all()


def test_coupling_dims_the_cells_that_lie_on_one_another_only() -> None:
    rng = np.random.default_rng(4)
    dcs = replace(place_dcs(WELL, 2, PARAMETERS, 200, rng), brightness=np.array([400.0, 400.0]))
    tcells = replace(
        place_unstained(place_dcs(WELL, 5, PARAMETERS, 200, rng), PARAMETERS, 200, rng),
        brightness=np.array([800.0, 800.0]),
    )
    dimmed_dcs, dimmed = couple(dcs, tcells, np.array([-1, 1]), float(np.log(0.5)), 250.0)
    assert dimmed_dcs.brightness.tolist() == pytest.approx([400, 250])  # 200, but none is fainter
    assert dimmed.brightness.tolist() == pytest.approx([800, 400])


def test_wells_differ_as_much_as_the_condition_says() -> None:
    rng = np.random.default_rng(5)
    condition = PARAMETERS.condition("Unstimulated")
    wells = [draw_well(condition, NO_INFLUENCE, PARAMETERS, rng) for _ in range(1500)]
    tcells, dcs = np.array([(well.tcell_count, well.dc_count) for well in wells]).T
    assert (tcells.mean(), tcells.std()) == (
        pytest.approx(condition.tcell_count[0], rel=0.03),
        pytest.approx(condition.tcell_count[1], rel=0.1),
    )
    assert np.corrcoef(tcells, dcs)[0, 1] == pytest.approx(PARAMETERS.shared_density, abs=0.08)


def test_an_odd_well_has_the_odd_coupling() -> None:
    changed = {"coupling": (-1.0, 0.0), "odd_coupling": (2.0, 0.0)}
    condition = PARAMETERS.condition("OVA").model_copy(update=changed)
    usual, odd = (
        draw_well(condition, Influence(odd=is_odd), PARAMETERS, np.random.default_rng(6))
        for is_odd in (False, True)
    )
    assert (usual.coupling, odd.coupling) == (-1.0, 2.0)
    assert replace(odd, coupling=usual.coupling) == usual


def test_compound_and_position_multiply_what_a_well_draws() -> None:
    condition = PARAMETERS.condition("ConA")
    response = Response(tcell_count=0.5, dc_count=0.6, dc_area=0.9, tcell_killed=0.5)
    terms = Terms(tcell_count=np.log(1.2), dc_count=np.log(0.5), brightness=np.log(2))
    plain, acted = (
        draw_well(condition, influence, PARAMETERS, np.random.default_rng(8))
        for influence in (NO_INFLUENCE, Influence(response, terms))
    )
    assert acted.tcell_count == pytest.approx(0.6 * plain.tcell_count)
    assert acted.dc_count == pytest.approx(0.3 * plain.dc_count)
    assert acted.dc_area_px == pytest.approx(0.9 * plain.dc_area_px)
    assert acted.dc_brightness == pytest.approx(2 * plain.dc_brightness)
    assert acted.tcell_brightness == pytest.approx(2 * plain.tcell_brightness)
    # Half of the cells that the place would have.
    assert acted.tcell_dead == pytest.approx(0.6 * plain.tcell_count)
    assert acted.dc_dead == 0
    assert acted.contact == plain.contact


def test_areas_of_cells_average_to_the_wells() -> None:
    assert areas(20_000, PARAMETERS, np.random.default_rng(7)).mean() == pytest.approx(1, abs=0.01)


def test_a_value_is_never_far_below_its_mean() -> None:
    assert between((100, 20), 1.5) == 130
    assert between((100, 20), -9) == 10
