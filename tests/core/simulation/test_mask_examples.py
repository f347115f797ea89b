import numpy as np
import pytest

from ck19ml.core.simulation.degradation import Degradation
from ck19ml.core.simulation.mask_examples import Conditions, Variation, crops, simulate_well

STILL = Variation(brightness=0, background=0, illumination=0, empty=0)


def well(seed: int = 5, index: int = 0):
    return simulate_well(index, 192, np.random.default_rng(seed), Degradation())


def test_a_well_has_raw_patches_and_true_masks() -> None:
    made = well()
    assert made.patches.shape == made.masks.shape == (1, 192, 192, 2)
    assert made.patches.min() < 255
    np.testing.assert_array_equal(made.masks[0, :, :, 0], made.field.dc_mask)
    assert made.field.view == "clear"


def test_wells_take_the_stimulations_by_turns() -> None:
    assert [well(index=index).stimulation for index in range(4)] == [
        "Unstimulated", "OVA", "ConA", "Unstimulated",
    ]  # fmt: skip


def test_a_well_is_known_by_its_pixels() -> None:
    assert well(5).sha256 == well(5).sha256 != well(6).sha256


def test_conditions_are_drawn_from_their_ranges() -> None:
    narrow = Conditions(
        noise=(2, 2), gradient=(0.3, 0.3), unstained_share=(1, 1), unstained_brightness=(90, 90),
        staining=(np.log(2), np.log(2)),
    )  # fmt: skip

    degradation, parameters = narrow.draw(np.random.default_rng(0))
    assert degradation == Degradation(
        noise=2, gradient=0.3, unstained_share=1, unstained_brightness=90
    )
    assert parameters.tcell_brightness[0] == pytest.approx(1000)
    assert parameters.dc_brightness[0] == pytest.approx(1400)


def test_crops_keep_masks_with_their_pixels() -> None:
    patches = np.arange(2 * 4 * 4 * 2, dtype=np.uint16).reshape(2, 4, 4, 2)
    planes, masks = crops(patches, patches % 3 == 0, 2)
    assert planes.shape == (16, 2, 2)
    np.testing.assert_array_equal(masks, planes % 3 == 0)
    assert planes[0].tolist() == patches[0, :2, :2, 0].tolist()
    assert sorted(planes.ravel()) == sorted(patches.ravel())


@pytest.fixture
def examples():
    rng = np.random.default_rng(1)
    planes = rng.normal(170, 8, (40, 24, 24))
    masks = np.zeros(planes.shape, bool)
    masks[:, 3:9, 5:13] = True
    planes[masks] += 500
    return planes.astype(np.uint16), masks


def test_masks_turn_with_their_images(examples) -> None:
    for seed in range(8):
        planes, masks = STILL(*examples, np.random.default_rng(seed))
        assert (planes[masks] > 500).all()
        assert (planes[~masks] < 500).all()


def test_variation_changes_the_light_and_leaves_its_input(examples) -> None:
    before = examples[0].copy()
    planes, _ = STILL.changed(brightness=0.7)(*examples, np.random.default_rng(0))
    np.testing.assert_array_equal(examples[0], before)
    brightest = planes.max(axis=(1, 2))
    assert brightest.min() < 600
    assert brightest.max() > 900


def test_an_image_without_cells_has_an_empty_mask(examples) -> None:
    planes, masks = STILL.model_copy(update={"empty": 1.0})(*examples, np.random.default_rng(0))
    assert not masks.any()
    assert planes.reshape(40, -1).std(axis=1).max() < 60
    assert np.ptp(planes.mean(axis=(1, 2))) > 300


def test_the_same_seed_varies_alike(examples) -> None:
    one, other = (Variation()(*examples, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
