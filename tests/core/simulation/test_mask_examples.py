import numpy as np
import pytest

from ck19ml.core.normalisation import DIAMETER_PX, KNEE, standardise
from ck19ml.core.simulation.degradation import Degradation
from ck19ml.core.simulation.mask_examples import (
    Conditions,
    Variation,
    examples,
    simulate_well,
)

STILL = Variation(noise=0, background=0, empty=0)


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


NARROW = Conditions(
    noise=(2, 2), gradient=(0.3, 0.3), unstained_share=(1, 1), unstained_brightness=(90, 90),
    staining=(np.log(2), np.log(2)), diameter=(2, 2), density=(3, 3), profile=(0.8, 0.8),
    blur=(2, 2),
)  # fmt: skip


def test_conditions_are_drawn_from_their_ranges() -> None:
    degradation, parameters = NARROW.draw(0, np.random.default_rng(0))
    assert degradation == Degradation(
        noise=2, gradient=0.3, unstained_share=1, unstained_brightness=90
    )
    assert parameters.tcell_brightness[0] == pytest.approx(1000)
    assert parameters.dc_brightness[0] == pytest.approx(1400)
    usual = parameters.conditions["OVA"].tcell_count[0] / 3
    assert usual == pytest.approx(1110)
    assert (parameters.diameter, parameters.camera.blur_px, parameters.dc_profile) == (1, 0.8, 1.5)


def test_wells_take_other_cells_by_turns() -> None:
    drawn = [NARROW.draw(index, np.random.default_rng(0))[1] for index in range(4)]
    assert [each.diameter for each in drawn] == pytest.approx([1, 2, 1, 2])
    assert [each.dc_profile for each in drawn] == pytest.approx([1.5, 1.5, 1.2, 1.2])
    assert [each.tcell_profile for each in drawn] == pytest.approx([0.5, 0.5, 0.4, 0.4])
    assert [each.camera.blur_px for each in drawn] == pytest.approx([0.8, 0.8, 1.6, 1.6])
    # Twice as wide, a quarter as many: they cover as much of a field.
    counts = [each.conditions["OVA"].dc_count[0] for each in drawn]
    assert counts == pytest.approx([2880, 720, 2880, 720])


def test_examples_keep_masks_with_their_pixels() -> None:
    made = well()
    crops = examples(made.image, made.truth, (DIAMETER_PX, DIAMETER_PX), 96)
    assert crops.planes.shape == crops.masks.shape == (8, 96, 96)
    seen = standardise(made.field.dc, DIAMETER_PX)
    np.testing.assert_array_equal(crops.planes[0], seen[:96, :96])
    np.testing.assert_array_equal(crops.masks[0], made.field.dc_mask[:96, :96])
    np.testing.assert_array_equal(crops.masks[4], made.field.tcell_mask[:96, :96])


def test_examples_of_wide_cells_are_rescaled_and_filled_up() -> None:
    made = well()
    crops = examples(made.image, made.truth, (3 * DIAMETER_PX, DIAMETER_PX / 2), 96)
    assert len(crops.planes) == 1 + 16  # 64 pixels fill a crop with background, 384 make 16
    assert not crops.planes[0, 64:].any()
    assert not crops.masks[0, :, 64:].any()
    assert crops.masks[0].mean() == pytest.approx(made.field.dc_mask.mean() * (64 / 96) ** 2, 0.2)


@pytest.fixture
def shown():
    rng = np.random.default_rng(1)
    heights = rng.normal(0, 1, (40, 24, 24))
    masks = np.zeros(heights.shape, bool)
    masks[:, 3:9, 5:13] = True
    heights[masks] += 60
    return (np.arcsinh(heights / KNEE) / KNEE).astype(np.float32), masks


def test_masks_turn_with_their_images(shown) -> None:
    for seed in range(8):
        planes, masks = STILL(*shown, np.random.default_rng(seed))
        assert (planes[masks] > 0.6).all()
        assert (planes[~masks] < 0.6).all()


def test_variation_rescales_the_noise_and_leaves_its_input(shown) -> None:
    before = shown[0].copy()
    planes, _ = STILL.changed(noise=0.7)(*shown, np.random.default_rng(0))
    np.testing.assert_array_equal(shown[0], before)
    assert planes.dtype == np.float32
    brightest = KNEE * np.sinh(KNEE * planes.max(axis=(1, 2)))
    assert brightest.min() < 45
    assert brightest.max() > 90


def test_an_image_without_cells_has_an_empty_mask(shown) -> None:
    planes, masks = STILL.model_copy(update={"empty": 1.0})(*shown, np.random.default_rng(0))
    assert not masks.any()
    assert planes.max() < 0.4


def test_the_same_seed_varies_alike(shown) -> None:
    one, other = (Variation()(*shown, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
