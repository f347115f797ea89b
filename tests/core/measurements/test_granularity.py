import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage.morphology import opening

from ck19ml.core.measurements.granularity import RADII, granularity

PLANES = arrays.arrays(np.uint16, (23, 31), elements=st.integers(0, 4095))
MASKS = arrays.arrays(np.bool_, (23, 31))


@given(PLANES, MASKS)
def test_the_spectrum_is_what_openings_remove(plane: np.ndarray, mask: np.ndarray) -> None:
    found = granularity(plane, mask)
    opened = [plane, *(opening(plane, np.ones((2 * r + 1, 2 * r + 1))) for r in RADII)]
    for row, region in zip(found, (mask, ~mask, np.ones_like(mask)), strict=True):
        if not region.any():
            assert np.isnan(row).all()
            continue
        means = np.array([plane_[region].mean() for plane_ in opened])
        if means[0]:
            assert np.allclose(row, -100 * np.diff(means) / means[0])


def test_structures_count_at_their_own_size() -> None:
    plane = np.zeros((60, 60), np.uint8)
    plane[10:13, 10:13] = 90
    plane[30:39, 30:39] = 10
    spectrum = granularity(plane, plane > 0)[0]
    assert spectrum.tolist() == pytest.approx([0, 50, 0, 50])  # gone at radius 2, and at radius 8


def test_a_black_region_has_no_structure() -> None:
    plane = np.zeros((9, 9), np.uint8)
    assert granularity(plane, plane > 0)[2].tolist() == [0, 0, 0, 0]
