from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from ck19ml.core import overlap
from ck19ml.networks import training
from ck19ml.networks.batches import Patches
from ck19ml.networks.overlap import _masks, _measures, build_overlap_network, train_overlap_network
from ck19ml.networks.settings import FitSettings

SIZE = 32


@pytest.fixture(scope="module")
def network() -> keras.Model:
    training.seed_everything(3)
    return build_overlap_network(SIZE)


def patches(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Draw two bright squares in a dim noise, one a channel, that overlap by chance."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 0.02, (count, SIZE, SIZE, 2)).astype(np.float32)
    for patch in x:
        for channel in range(2):
            y, z = rng.integers(0, SIZE - 12, 2)
            patch[y : y + 12, z : z + 12, channel] = rng.uniform(0.3, 1)
            patch[y, z, channel] = 1
    return x


CUT = 1000
"""Grey value between the dim rims of `raw` and its cells."""


def raw(count: int, seed: int = 0) -> NDArray[np.uint16]:
    """Draw the patches as a camera gives them, with a rim of a fifth of the brightest."""
    x = patches(count, seed)
    x[:, :, : SIZE // 2, 0] = np.maximum(x[:, :, : SIZE // 2, 0], 0.2)
    return (255 + 3000 * x).astype(np.uint16)


def thresholds_of(network: keras.Model, x: NDArray[np.float32]) -> NDArray[np.float32]:
    measured = network.get_layer("measured")
    cut = keras.Model(measured.inputs[1], measured.get_layer("thresholds").output)
    return np.asarray(cut.predict(network.get_layer("levels").predict(x, verbose=0), verbose=0))


def test_measures_by_hand() -> None:
    masks = np.zeros((1, 4, 4, 2), np.float32)
    masks[0, 0, :3, overlap.DC] = 1
    masks[0, 0, 2:, overlap.TCELL] = 1
    found = ops.convert_to_numpy(_measures(ops.convert_to_tensor(masks)))[0]
    # DC 3 pixels, T cell 2, both 1, together 4, of 16; by chance 3 * 2 / 16 of a pixel in both.
    by_chance = 6 / 256 / (5 / 16 - 6 / 256)
    np.testing.assert_allclose(found, [1 / 4, 1 / 2, 1 / 3, 3 / 16, 2 / 16, by_chance], rtol=1e-5)


def test_masks_are_cut_at_the_thresholds_and_are_hard() -> None:
    x = np.array([0.1, 0.3, 0.5, 0.9], np.float32).reshape(1, 2, 2, 1).repeat(2, axis=3)
    found = ops.convert_to_numpy(_masks(ops.convert_to_tensor(x), np.float32([[0.2, 0.5]])))
    np.testing.assert_allclose(found[0, ..., 0].ravel(), [0, 1, 1, 1], atol=1e-6)
    np.testing.assert_allclose(found[0, ..., 1].ravel(), [0, 0, 0, 1], atol=1e-6)


@pytest.mark.parametrize("empty", [0, 1, (0, 1)])
def test_where_a_channel_is_empty_the_overlap_is_exactly_0(
    network: keras.Model, empty: int | tuple[int, int]
) -> None:
    x = patches(4)
    x[..., empty] = 0
    assert np.all(network.predict(x, verbose=0) == 0)


def test_cells_that_do_not_touch_have_an_overlap_of_exactly_0(network: keras.Model) -> None:
    x = np.zeros((1, SIZE, SIZE, 2), np.float32)
    x[0, :8, :8, 0] = x[0, 16:, 16:, 1] = 1
    assert network.predict(x, verbose=0).item() == 0


def test_the_output_is_the_overlap_of_the_masks_at_the_thresholds(network: keras.Model) -> None:
    x = patches(6)
    thresholds = thresholds_of(network, x)
    assert thresholds.shape == (6, 2)
    masks = x > thresholds[:, None, None]
    made = network.predict(x, verbose=0)[:, 0]
    np.testing.assert_allclose(made, overlap.score(masks).overlap, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("target", ["tcell_overlap", "dc_overlap"])
def test_a_share_of_one_area_is_computed_from_the_masks(target: str) -> None:
    training.seed_everything(3)
    other = build_overlap_network(SIZE, target=target)
    x = patches(6)
    masks = x > thresholds_of(other, x)[:, None, None]
    expected = getattr(overlap.score(masks), target)
    np.testing.assert_allclose(other.predict(x, verbose=0)[:, 0], expected, rtol=1e-5, atol=1e-7)


def test_another_target_is_a_mixture_of_the_measures() -> None:
    mixed = build_overlap_network(SIZE, target="overlap_excess")
    assert mixed.count_params() == build_overlap_network(SIZE).count_params() + 6 + 1


def test_it_is_saved_and_loaded_in_safe_mode(network: keras.Model, tmp_path: Path) -> None:
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras", compile=False, safe_mode=True)
    x = patches(5)
    np.testing.assert_array_equal(again.predict(x, verbose=0), network.predict(x, verbose=0))


@pytest.mark.slow
@pytest.mark.parametrize("augmented", [False, True])
def test_the_gradient_passes_the_hard_masks_and_the_cut_is_learnt(augmented: bool) -> None:
    training.seed_everything(1)
    train, unseen = raw(192), raw(64, seed=1)
    settings = FitSettings(
        epochs=12, least_steps=1, batch_size=16, learning_rate=0.01, augment=augmented
    )
    parts = (
        (Patches(x), overlap.score(x > CUT).overlap.astype(np.float32)) for x in (train, unseen)
    )
    network, result = train_overlap_network(*parts, settings, target="overlap", seed=1)
    true = overlap.score(unseen > CUT).overlap
    made = training.predict(network, Patches(unseen))[:, 0]
    error = np.mean((made - true) ** 2)
    assert error < 0.05 * true.var()
    assert error == pytest.approx(result.history["validation/loss"].min(), rel=1e-4)
