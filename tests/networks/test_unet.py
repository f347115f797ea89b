import numpy as np
import pytest
from numpy.typing import NDArray

from ck19ml.core.normalisation import DIAMETER_PX
from ck19ml.core.simulation.mask_examples import Examples, Variation
from ck19ml.networks import unet


def noisy(height: int = 60, width: int = 48) -> NDArray[np.uint16]:
    """Noise around 300 grey values with one bright disc."""
    grey = np.random.default_rng(5).normal(300, 4, (height, width))
    y, x = np.ogrid[:height, :width]
    grey[(y - 30) ** 2 + (x - 22) ** 2 < 25] += 600
    return np.rint(grey).astype(np.uint16)


@pytest.fixture(scope="module")
def network():
    return unet.build_unet("compact", filters=4)


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
    """A network that says 0.75 where the input is a third or more, else 0.25, and notes sizes."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def predict_on_batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        assert images.shape[1] % unet.STEP == images.shape[2] % unet.STEP == 0
        self.seen.append((images.shape[1], images.shape[2]))
        return np.where(images >= 1 / 3, np.float32(0.75), np.float32(0.25))


class TestFindCells:
    @pytest.mark.parametrize("shape", [(60, 48), (61, 37), (200, 50)])
    def test_any_height_and_width(self, shape: tuple[int, int]) -> None:
        plane = noisy(*shape)
        found = unet.find_cells(Judge(), plane, DIAMETER_PX)
        np.testing.assert_array_equal(found, plane > 600)

    def test_a_tall_image_is_seen_in_bands(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unet, "BAND", 64)
        judge, plane = Judge(), noisy(150, 48)
        np.testing.assert_array_equal(unet.find_cells(judge, plane, DIAMETER_PX), plane > 600)
        assert judge.seen == [(160, 48), (160, 48), (128, 48)]

    def test_bands_do_not_show(self, network, monkeypatch: pytest.MonkeyPatch) -> None:
        plane = np.random.default_rng(2).integers(100, 900, (330, 64)).astype(np.uint16)
        seen = unet.standardise(plane, DIAMETER_PX)
        whole = unet.probabilities(network, seen)
        monkeypatch.setattr(unet, "BAND", 112)
        np.testing.assert_allclose(unet.probabilities(network, seen), whole, atol=1e-6)

    def test_wide_cells_are_shown_at_the_usual_width(self) -> None:
        judge, plane = Judge(), np.kron(noisy(), np.ones((3, 3), np.uint16))
        found = unet.find_cells(judge, plane, 3 * DIAMETER_PX)
        assert judge.seen == [(160, 48)]  # 60 rows between two rims, in whole steps
        true = plane > 600
        assert np.count_nonzero(found & true) > 0.85 * np.count_nonzero(found | true)


class TestBestThreshold:
    def test_it_lies_where_the_truth_does(self) -> None:
        bright, all_ = noisy() > 600, np.ones(noisy().shape, bool)
        for mask, best in ((bright, 0.3), (all_, 0.05)):
            found = unet.best_threshold(Judge(), [noisy()], [mask], [DIAMETER_PX])
            assert found == pytest.approx(best)


class TestBatches:
    def test_every_example_comes_once_an_epoch(self) -> None:
        planes = np.arange(5, dtype=np.float32)[:, None, None] * np.ones((1, 16, 16), np.float32)
        batches = unet.Batches(Examples(planes, planes > 2), 2)
        shown = [batches[index] for index in range(len(batches))]
        assert [len(x) for x, _ in shown] == [2, 2, 1]
        x, y = (np.concatenate(each) for each in zip(*shown, strict=True))
        np.testing.assert_array_equal(x[..., 0], planes)
        np.testing.assert_array_equal(y, (x > 2).astype(np.float32))
        assert y.dtype == np.float32

    def test_a_generator_shuffles_and_varies(self) -> None:
        planes = np.random.default_rng(0).normal(0, 0.1, (4, 16, 16)).astype(np.float32)
        examples = Examples(planes, np.zeros(planes.shape, bool))
        made = [
            unet.Batches(examples, 4, variation=Variation(), rng=np.random.default_rng(seed))[0][0]
            for seed in (1, 1, 2)
        ]
        np.testing.assert_array_equal(made[0], made[1])
        assert (made[0] != made[2]).any()
