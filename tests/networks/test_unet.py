import numpy as np
import pytest
from numpy.typing import NDArray

from ck19ml.core.simulation.mask_examples import Variation
from ck19ml.networks import unet

LEVEL = 255


def cell(size: int = 48, bright: int = 600) -> NDArray[np.uint16]:
    y, x = np.ogrid[:size, :size]
    above = np.clip(1 - ((y - 20) ** 2 + (x - 22) ** 2) / 36, 0, None) * bright
    return (LEVEL + above).astype(np.uint16)[None]


@pytest.fixture(scope="module")
def network():
    return unet.build_unet("compact", filters=4)


class TestInput:
    def test_the_background_is_zero_and_a_cell_about_one(self) -> None:
        shown = unet.as_input(cell(), LEVEL)
        assert shown.shape == (1, 48, 48, 1)
        assert shown.dtype == np.float32
        assert shown.min() == 0
        assert 1 <= shown.max() <= 1.2

    def test_a_known_value(self) -> None:
        plane = np.array([[[LEVEL, LEVEL + 100], [LEVEL, LEVEL + 300]]], np.uint16)
        # Weighted by itself, the mean of 100 and 300 is 100,000 / 400 = 250.
        expected = np.log1p(20 * 100 / 250) / np.log1p(20)
        assert unet.as_input(plane, LEVEL)[0, 0, 1, 0] == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize("factor", [2, 16])
    def test_exposure_and_bits_do_not_matter(self, factor: int) -> None:
        brighter = (cell().astype(int) * factor).astype(np.uint16)
        np.testing.assert_allclose(
            unet.as_input(brighter, LEVEL * factor), unet.as_input(cell(), LEVEL), rtol=1e-5
        )

    def test_each_image_has_its_own_scale(self) -> None:
        both = unet.as_input(np.concatenate([cell(bright=300), cell(bright=3000)]), LEVEL)
        np.testing.assert_allclose(both[0], both[1], atol=0.02)

    def test_an_image_without_cells_is_black(self) -> None:
        assert not unet.as_input(np.full((1, 16, 16), LEVEL, np.uint16), LEVEL).any()

    def test_faint_noise_is_not_brought_up_to_a_cell(self) -> None:
        noise = np.full((1, 32, 32), LEVEL, np.uint16)
        noise[0, ::5, ::5] += 2
        assert unet.as_input(noise, LEVEL).max() < 0.25


class TestNetwork:
    @pytest.mark.parametrize(("name", "parameters"), [("compact", 120_001), ("study", 1_945_233)])
    def test_size(self, name: str, parameters: int) -> None:
        network = unet.build_unet(name)
        assert network.count_params() == parameters
        given = np.zeros((1, 32, 48, 1), np.float32)
        assert network.predict_on_batch(given).shape == given.shape

    def test_it_starts_from_rare_cells(self, network) -> None:
        start = network.predict_on_batch(np.zeros((1, 32, 32, 1), np.float32))
        assert start.mean() == pytest.approx(1 / (1 + np.exp(4)), rel=0.05)

    def test_an_unknown_architecture_is_refused(self) -> None:
        with pytest.raises(ValueError, match="compact, study"):
            unet.build_unet("slides")


class TestLoss:
    def test_a_known_value(self) -> None:
        true = np.array([1, 0, 0, 1], np.float32).reshape(1, 2, 2, 1)
        made = np.array([0.5, 0.5, 0.5, 0.5], np.float32).reshape(1, 2, 2, 1)
        dice = 1 - (2 * 1.0 + 1) / (2.0 + 2.0 + 1)
        assert float(unet.bce_dice(true, made)) == pytest.approx(np.log(2) + dice, rel=1e-5)

    def test_the_truth_costs_nothing(self) -> None:
        true = np.array([1, 0], np.float32).reshape(1, 1, 2, 1)
        assert float(unet.bce_dice(true, true)) == pytest.approx(0, abs=1e-5)

    def test_a_batch_without_cells_has_a_loss(self) -> None:
        empty = np.zeros((2, 4, 4, 1), np.float32)
        assert float(unet.bce_dice(empty, empty)) == pytest.approx(0, abs=1e-5)


class Judge:
    """A network that says one half where the input is a third or more, and counts its images."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def predict_on_batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        assert images.shape[1] % unet.STEP == images.shape[2] % unet.STEP == 0
        self.seen.append(len(images))
        return np.where(images >= 1 / 3, 0.5, 0.49)


class TestFindCells:
    def test_any_height_width_and_number(self) -> None:
        judge, patches = Judge(), np.stack([cell(37)] * 3, axis=-1)
        found = unet.find_cells(judge, np.repeat(patches, 5, axis=0), LEVEL, batch=4)
        assert found.shape == (5, 37, 37, 3)
        assert found[0, 20, 22].all()
        assert not found[:, 0].any()
        assert judge.seen == [4, 4, 4, 3]

    def test_what_shows_nothing_is_not_looked_at(self) -> None:
        judge = Judge()
        patches = np.full((4, 32, 32, 2), LEVEL, np.uint16)
        patches[2, :, :, 1] = cell(32)[0]
        found = unet.find_cells(judge, patches, LEVEL)
        assert judge.seen == [1]
        assert found[2, :, :, 1].any()
        assert found.sum() == found[2, :, :, 1].sum()

    def test_one_channel_says_nothing_about_the_other(self, network) -> None:
        rng = np.random.default_rng(0)
        patches = np.maximum(rng.normal(255, 60, (2, 32, 32, 2)), LEVEL).astype(np.uint16)
        other = patches.copy()
        other[..., 1] = 4095
        first, second = (unet.find_cells(network, each, LEVEL)[..., 0] for each in (patches, other))
        np.testing.assert_array_equal(first, second)


class TestExamples:
    def test_every_example_comes_once_an_epoch_and_is_raised(self) -> None:
        planes = np.full((5, 16, 16), 170, np.uint16)
        planes[np.arange(5), 8, 8] = 600
        masks = planes > 400
        batches = unet.Examples(planes, masks, 2, background=LEVEL)
        shown = [batches[index] for index in range(len(batches))]
        assert [len(x) for x, _ in shown] == [2, 2, 1]
        x, y = (np.concatenate(each) for each in zip(*shown, strict=True))
        assert ((x > 0) == (y > 0)).all()
        assert y.dtype == np.float32

    def test_a_generator_shuffles_and_varies(self) -> None:
        planes = np.arange(200, 200 + 4 * 256, dtype=np.uint16).reshape(4, 16, 16)
        masks = np.zeros(planes.shape, bool)
        made = [
            unet.Examples(planes, masks, 4, background=LEVEL, variation=Variation(),
                          rng=np.random.default_rng(seed))[0][0]
            for seed in (1, 1, 2)
        ]  # fmt: skip
        np.testing.assert_array_equal(made[0], made[1])
        assert (made[0] != made[2]).any()
