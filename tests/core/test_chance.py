import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ck19ml.core.chance import by_chance, expected_area
from ck19ml.core.overlap import DC, TCELL

masks_of_patches = hnp.arrays(
    bool, st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7), st.just(2))
)


def over_all_shifts(masks: np.ndarray) -> np.ndarray:
    """Area of the overlap of one patch under each shift of its T cells, counted one by one."""
    height, width = masks.shape[:2]
    return np.array(
        [
            np.count_nonzero(masks[..., DC] & np.roll(masks[..., TCELL], (y, x), axis=(0, 1)))
            for y in range(height)
            for x in range(width)
        ]
    )


@given(masks_of_patches)
def test_mean_and_deviation_are_those_over_all_shifts(masks: np.ndarray) -> None:
    found = by_chance(masks)
    for index, patch in enumerate(masks):
        areas = over_all_shifts(patch)
        assert found.overlap_area_px[index] == areas[0]
        assert found.expected_px[index] == pytest.approx(areas.mean(), abs=1e-9)
        assert found.sd_px[index] == pytest.approx(areas.std(), rel=1e-4, abs=1e-3)


@given(masks_of_patches, st.integers(0, 6), st.integers(0, 6))
def test_what_is_expected_does_not_depend_on_where_the_cells_are(
    masks: np.ndarray, y: int, x: int
) -> None:
    moved = masks.copy()
    moved[..., DC] = np.roll(moved[..., DC], (y, x), axis=(1, 2))
    here, there = by_chance(masks), by_chance(moved)
    np.testing.assert_array_equal(here.expected_px, there.expected_px)
    np.testing.assert_allclose(here.sd_px, there.sd_px, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("value", [False, True])
def test_a_mask_that_every_shift_meets_alike_has_no_z(value: bool) -> None:
    masks = np.zeros((1, 8, 8, 2), bool)
    masks[..., DC] = value
    masks[0, :2, :3, TCELL] = True
    found = by_chance(masks)
    assert (found.excess_px[0], found.sd_px[0], found.z[0]) == (0, 0, 0)


def test_expected_by_hand() -> None:
    np.testing.assert_array_equal(expected_area([30, 0], [20, 20], 100), [6, 0])


def test_cells_that_lie_anywhere_do_not_exceed_chance_but_bound_ones_do() -> None:
    rng = np.random.default_rng(3)
    dc = np.zeros((64, 64), bool)
    dc[rng.integers(0, 64, 40), rng.integers(0, 64, 40)] = True
    anywhere = [np.stack([dc, rng.random((64, 64)) < 0.05], -1) for _ in range(200)]
    z = by_chance(np.stack(anywhere)).z
    assert abs(z.mean()) < 0.2
    assert z.std() == pytest.approx(1, abs=0.15)
    bound = np.stack([dc, dc & (rng.random((64, 64)) < 0.5)], -1)[None]
    assert by_chance(bound).z[0] > 10
