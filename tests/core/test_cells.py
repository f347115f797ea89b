import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.draw import disk

from ck19ml.core.cells import pieces, separate
from tests.core.cell_areas import cell_areas

EIGHT = np.ones((3, 3))
masks_of_fields = hnp.arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 30)))


def discs(*middles: tuple[int, int], radius: float = 6, size: int = 100) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    for middle in middles:
        mask[disk(middle, radius, shape=mask.shape)] = True
    return mask


SINGLES = [(15, 80), (40, 80), (65, 80), (85, 15), (85, 45)]
"""Cells that touch no other: what an area is compared with."""


def test_single_cells_are_found_as_they_are() -> None:
    mask = discs(*SINGLES)
    areas = cell_areas(mask)
    assert areas.tolist() == [len(disk((20, 20), 6)[0])] * 5
    np.testing.assert_array_equal(areas, pieces(mask).areas)


def test_touching_cells_are_two_of_equal_area() -> None:
    mask = discs(*SINGLES, (30, 20), (30, 31))
    assert len(pieces(mask).areas) == 6
    areas = np.sort(cell_areas(mask))
    assert len(areas) == 7
    assert areas.sum() == np.count_nonzero(mask)
    numbers = separate(mask)
    one, other = (np.count_nonzero(numbers == numbers[y, x]) for y, x in ((30, 18), (30, 33)))
    assert one == pytest.approx(other, rel=0.1)
    assert numbers[30, 18] != numbers[30, 33]


def test_a_chain_of_cells_comes_apart() -> None:
    assert len(cell_areas(discs(*SINGLES, (30, 12), (30, 23), (41, 23), (30, 34)))) == 9


def test_cells_on_one_another_stay_one() -> None:
    assert len(cell_areas(discs(*SINGLES, (30, 20), (32, 22)))) == 6


def test_small_cells_are_left_out() -> None:
    mask = discs((20, 20), (50, 50))
    mask[90, 90] = True
    assert len(cell_areas(mask, min_area_px=1)) == 3
    assert len(cell_areas(mask, min_area_px=2)) == 2


@pytest.mark.parametrize("shape", [(1, 1), (40, 30)])
def test_an_empty_mask_has_no_cell(shape: tuple[int, int]) -> None:
    mask = np.zeros(shape, bool)
    assert cell_areas(mask).shape == (0,)
    assert not separate(mask).any()


def test_a_full_mask_is_some_cell() -> None:
    assert cell_areas(np.ones((50, 40), bool)).sum() == 2000


@given(masks_of_fields)
def test_pieces_are_scipy_s(mask: np.ndarray) -> None:
    labels, number = ndimage.label(mask, structure=EIGHT)
    found = pieces(mask)
    np.testing.assert_array_equal(np.sort(found.areas), np.sort(np.bincount(labels.ravel())[1:]))
    assert found.labels.max() == number


@given(masks_of_fields)
def test_each_pixel_belongs_to_one_cell_and_each_cell_to_one_piece(mask: np.ndarray) -> None:
    numbers = separate(mask)
    np.testing.assert_array_equal(numbers > 0, mask)
    areas = np.bincount(numbers.ravel())[1:]
    assert (areas > 0).all()
    labels = pieces(mask).labels
    pairs = np.unique(np.stack([numbers[mask], labels[mask]]), axis=1)
    assert len(np.unique(pairs[0])) == pairs.shape[1]


def test_a_mask_that_is_not_contiguous_is_measured_alike() -> None:
    both = np.stack([discs((20, 20)), discs((20, 20), (50, 50))], axis=-1)
    assert len(cell_areas(both[..., 1])) == 2


@pytest.mark.parametrize("zoom", [2, 4])
def test_any_magnification_will_do(zoom: int) -> None:
    mask = discs(*SINGLES, (30, 20), (30, 31)).repeat(zoom, axis=0).repeat(zoom, axis=1)
    assert len(cell_areas(mask)) == 7


def test_specks_do_not_say_how_wide_a_cell_is() -> None:
    mask = discs(*SINGLES, (30, 20), (30, 31))
    mask[90:, ::2][::2] = True
    assert np.count_nonzero(cell_areas(mask) > 50) == 7
