import numpy as np
from hypothesis import given
from hypothesis.extra import numpy as arrays

from ck19ml.core.measurements.binary_patterns import PATTERNS, pattern_counts, shares

PLANES = arrays.arrays(np.uint8, (6, 7))
MASKS = arrays.arrays(np.bool_, (6, 7))


def counted(plane: list[list[int]]) -> list[int]:
    values = np.array(plane, np.uint8)
    return list(pattern_counts(values, np.ones(values.shape, bool))[0])


def test_patterns_by_hand() -> None:
    flat = counted([[5, 5, 5], [5, 5, 5], [5, 5, 5]])  # equal counts as bright: all eight
    edge = counted([[9, 9, 9], [0, 5, 0], [0, 0, 0]])
    mixed = counted([[9, 0, 9], [0, 5, 0], [0, 0, 0]])
    assert flat.index(1) == 8
    assert edge.index(1) == 3
    assert mixed.index(1) == PATTERNS - 1


@given(PLANES, MASKS)
def test_each_pixel_but_the_border_counts_once(plane: np.ndarray, mask: np.ndarray) -> None:
    inside, background, every = pattern_counts(plane, mask)
    assert every.sum() == 4 * 5
    assert inside.sum() == mask[1:-1, 1:-1].sum()
    assert np.array_equal(inside + background, every)


@given(PLANES)
def test_turns_and_brightness_change_nothing(plane: np.ndarray) -> None:
    mask = np.ones(plane.shape, bool)
    known = pattern_counts(plane, mask)
    assert np.array_equal(pattern_counts(np.rot90(plane), np.rot90(mask)), known)
    assert np.array_equal(pattern_counts(plane[:, ::-1], mask), known)
    assert np.array_equal(pattern_counts(plane.astype(np.uint16) * 16 + 3, mask), known)


def test_shares_sum_to_one_and_are_missing_without_pixels() -> None:
    found = shares(np.array([[1, 3], [0, 0]]))
    assert found[0].tolist() == [0.25, 0.75]
    assert np.isnan(found[1]).all()
    assert (pattern_counts(np.zeros((2, 9), np.uint8), np.zeros((2, 9), bool)) == 0).all()
