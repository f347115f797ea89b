from pathlib import Path

import keras
import numpy as np
import pytest

from ck19ml.networks.architectures import build_encoder
from ck19ml.networks.closed_form.pooled_encoder import build_pooled_encoder
from ck19ml.networks.training import seed_everything


@pytest.fixture(scope="module")
def encoder() -> keras.Model:
    seed_everything(1)
    return build_encoder("compact", 32)


def patches() -> np.ndarray:
    return np.random.default_rng(7).random((2, 32, 32, 2), dtype=np.float32)


def test_flips_and_turns_change_nothing(encoder: keras.Model) -> None:
    pooled, x = build_pooled_encoder(encoder), patches()
    known = np.asarray(pooled.predict_on_batch(x))
    assert known.shape == (2, 6 * (32 + 32 + 48 + 16))
    for turns in range(4):
        turned = np.rot90(x, turns, axes=(1, 2))
        for each in (turned, turned[:, :, ::-1]):
            assert np.allclose(np.asarray(pooled.predict_on_batch(each)), known, atol=1e-5)
    assert not np.allclose(known[0], known[1], atol=1e-3)


def test_the_statistics_are_those_of_the_maps(encoder: keras.Model) -> None:
    x = patches()
    x = (x + x[:, ::-1]) / 2
    x = (x + x[:, :, ::-1]) / 2
    x = (x + x.transpose(0, 2, 1, 3)) / 2  # looks the same from all sides
    first = next(layer for layer in encoder.layers if isinstance(layer, keras.layers.PReLU))
    maps = np.asarray(keras.Model(encoder.inputs, first.output).predict_on_batch(x))
    flat = maps.reshape(2, -1, 32)
    found = np.asarray(build_pooled_encoder(encoder).predict_on_batch(x))[:, : 6 * 32]
    known = [flat.mean(axis=1), flat.std(axis=1)]
    known += [np.quantile(flat, q, axis=1, method="nearest") for q in (0.1, 0.5, 0.9)]
    assert np.allclose(found, np.concatenate([*known, flat.max(axis=1)], axis=1), atol=1e-4)


def test_save_and_load_give_the_same_features(encoder: keras.Model, tmp_path: Path) -> None:
    pooled, x = build_pooled_encoder(encoder), patches()
    pooled.save(tmp_path / "encoder.keras")
    again = keras.models.load_model(tmp_path / "encoder.keras", compile=False, safe_mode=True)
    assert np.allclose(again.predict_on_batch(x), pooled.predict_on_batch(x), atol=1e-6)
