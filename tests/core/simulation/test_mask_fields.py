import numpy as np
import pytest

from ck19ml.core.mask_methods import MaskSettings, segment
from ck19ml.core.simulation.mask_examples import Conditions
from ck19ml.core.simulation.mask_fields import ROLES, MaskField, simulated_field


def field(role: str = "train", index: int = 0, target: str = "truth", **ranges) -> MaskField:
    how = {"seed": 3, "size": 192, "target": target}
    return simulated_field(role, index, conditions=Conditions(**ranges), **how)


def test_a_field_has_raw_pixels_true_masks_and_diameters_in_pixels() -> None:
    made = field(belief=0)
    assert made.image.shape == made.masks.shape == (2, 192, 192)
    assert made.image.min() < 255
    assert made.diameters_px == pytest.approx([14 / 1.34, 11.3 / 1.34])
    assert all(plane[mask].mean() > 2 * plane[~mask].mean()
               for plane, mask in zip(made.image, made.masks, strict=True))  # fmt: skip


def test_wide_cells_lie_in_a_wide_field() -> None:
    made = field(index=1, diameter=(3, 3), belief=0)
    assert made.image.shape == (2, 576, 576)
    assert made.diameters_px == pytest.approx([3 * 14 / 1.34, 3 * 11.3 / 1.34])


def test_the_stated_diameter_is_wrong_by_no_more_than_the_belief() -> None:
    ratios = [field(index=index, diameter=(1, 1)).diameters_px[0] / (14 / 1.34) for index in (0, 2)]
    assert ratios[0] != ratios[1]
    assert np.abs(np.log(ratios)).max() < 0.2


def test_roles_have_wells_of_their_own_and_a_seed_the_same() -> None:
    assert len({field(role, index).sha256 for role in ROLES for index in (0, 1)}) == 6
    assert field().sha256 == field().sha256 == field().unit


def test_another_method_can_make_the_masks() -> None:
    made = field(target="threshold")
    image = np.moveaxis(made.image, 0, -1)
    expected = segment(image, MaskSettings("threshold")).masks
    np.testing.assert_array_equal(made.masks, expected)
    assert (made.masks != field().masks).any()
