import numpy as np
import pytest
from skimage.draw import ellipse
from skimage.measure import regionprops

from ck19ml.core.measurements.shape import NAMES, shape


def measured(mask: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, shape(mask).tolist(), strict=True))


def test_the_largest_object_is_measured_and_all_are_counted() -> None:
    mask = np.zeros((60, 80), bool)
    mask[ellipse(30, 40, 12, 25)] = True
    mask[2:4, 2:4] = mask[55, 70] = True
    own = np.zeros_like(mask)
    own[ellipse(30, 40, 12, 25)] = True
    known, found = regionprops(own.astype(int))[0], measured(mask)
    assert found["objects"] == 3
    assert found["area_px"] == mask.sum()
    assert found["area_share"] == mask.mean()
    assert found["object_area_mean_px"] == pytest.approx(mask.sum() / 3)
    assert found["largest_area_px"] == known.area
    assert found["largest_extent"] == pytest.approx(known.extent)
    assert found["largest_eccentricity"] == pytest.approx(known.eccentricity)
    assert found["largest_major_axis_px"] == pytest.approx(known.axis_major_length)
    assert found["largest_minor_axis_px"] == pytest.approx(known.axis_minor_length)
    assert found["largest_solidity"] > 0.95


def test_a_square_s_outline_by_hand() -> None:
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True  # through the centres of the rim's pixels: 4 x 4
    found = measured(mask)
    assert found["largest_perimeter_px"] == 16
    assert found["largest_form_factor"] == pytest.approx(np.pi / 4)
    assert found["largest_solidity"] == 1


def test_a_notch_costs_solidity() -> None:
    mask = np.zeros((20, 20), bool)
    mask[2:18, 2:18] = True
    mask[8:12, 8:18] = False
    assert measured(mask)["largest_solidity"] < 0.9


@pytest.mark.parametrize("size", [(1, 1), (1, 5)])
def test_an_object_without_an_enclosed_area(size: tuple[int, int]) -> None:
    mask = np.zeros((7, 7), bool)
    mask[1 : 1 + size[0], 1 : 1 + size[1]] = True
    found = measured(mask)
    assert (found["largest_solidity"], found["largest_form_factor"]) == (1, 0)
    assert found["largest_minor_axis_px"] == 0


def test_an_empty_mask_has_no_object_to_measure() -> None:
    found = measured(np.zeros((5, 5), bool))
    assert [found[name] for name in NAMES[:3]] == [0, 0, 0]
    assert all(np.isnan(found[name]) for name in NAMES[3:])
