from pathlib import Path

import keras
import numpy as np
import pytest

from ck19ml.networks import architectures
from ck19ml.networks.training import seed_everything

SLIDES_HEAD = {"units": 128, "depth": 1, "dropout": 0.0, "normalise": False, "pooled": False}


def patches(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(7).random((count, size, size, 2), dtype=np.float32)


@pytest.mark.parametrize(
    ("architecture", "features"), [("compact", 2304), ("slides", 2304), ("dissertation", 1152)]
)
def test_encoder_gives_the_study_s_number_of_features(architecture: str, features: int) -> None:
    encoder = architectures.build_encoder(architecture, 192)
    assert encoder.input_shape == (None, 192, 192, 2)
    assert encoder.output_shape == (None, features)
    assert np.asarray(encoder.predict_on_batch(patches(2, 192))).shape == (2, features)


def test_slides_encoder_has_the_slides_number_of_parameters() -> None:
    assert architectures.build_encoder("slides", 192).count_params() == 2_764_368


def test_slides_classifier_has_the_slides_number_of_parameters_all_trainable() -> None:
    encoder = architectures.build_encoder("slides", 192)
    head = architectures.build_classifier_head(
        architectures.feature_shape(encoder), classes=4, **SLIDES_HEAD
    )
    assert head.count_params() == 295_040 + 516
    network = architectures.join(encoder, head)
    assert network.count_params() == 3_059_924
    assert sum(weight.numpy().size for weight in network.trainable_weights) == 3_059_924


@pytest.mark.parametrize("architecture", architectures.ARCHITECTURES)
@pytest.mark.parametrize("size", [128, 256])
def test_other_patch_sizes_are_reconstructed(architecture: str, size: int) -> None:
    network = architectures.build_autoencoder(architecture, size)
    made = np.asarray(network.predict_on_batch(patches(1, size)))
    assert made.shape == (1, size, size, 2)
    assert made.min() >= 0
    assert made.max() <= 1
    assert network.get_layer("encoder").output_shape[-1] > 0


@pytest.mark.parametrize(
    ("architecture", "size"),
    [("resnet", 192), ("compact", 100), ("slides", 200), ("dissertation", 144)],
)
def test_wrong_architecture_or_size_is_refused(architecture: str, size: int) -> None:
    with pytest.raises(ValueError, match=f"must be one of .*found {architecture} and {size}"):
        architectures.build_encoder(architecture, size)


def test_the_dissertation_s_last_stride_needs_a_multiple_of_32() -> None:
    assert architectures.build_encoder("compact", 144).output_shape == (None, 9 * 9 * 16)
    with pytest.raises(ValueError, match="multiple of 32"):
        architectures.build_encoder("dissertation", 144)


@pytest.mark.parametrize(
    ("architecture", "pooled"), [("compact", True), ("slides", False), ("dissertation", False)]
)
def test_save_and_load_give_the_same_predictions(
    architecture: str, pooled: bool, tmp_path: Path
) -> None:
    seed_everything(3)
    size = 64
    encoder = architectures.build_encoder(architecture, size)
    head = architectures.build_classifier_head(
        architectures.feature_shape(encoder),
        classes=3,
        units=8,
        depth=2,
        dropout=0.3,
        normalise=True,
        pooled=pooled,
    )
    network = architectures.join(encoder, head)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
    x = patches(3, size)
    np.testing.assert_array_equal(network.predict_on_batch(x), loaded.predict_on_batch(x))
    assert [layer.name for layer in loaded.layers] == ["encoder", "head"]


def test_an_autoencoder_survives_save_and_load(tmp_path: Path) -> None:
    network = architectures.build_autoencoder("slides", 64)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
    x = patches(2, 64)
    np.testing.assert_array_equal(network.predict_on_batch(x), loaded.predict_on_batch(x))


def head(shape: tuple[int, int, int], **changes: object) -> architectures.Network:
    return architectures.build_classifier_head(shape, classes=4, **(SLIDES_HEAD | changes))


def test_depth_zero_is_a_linear_classifier_with_probabilities_that_sum_to_one() -> None:
    linear = head((1, 2, 3), depth=0, dropout=0.5)
    assert linear.count_params() == 6 * 4 + 4
    made = np.asarray(linear.predict_on_batch(patches(1, 6)[0, :, :, 0]))
    np.testing.assert_allclose(made.sum(axis=1), 1, rtol=1e-6)


def test_head_has_the_layers_that_it_is_asked_for() -> None:
    built = head((1, 1, 5), units=7, depth=2, dropout=0.2, normalise=True)
    kinds = [type(layer).__name__ for layer in built.layers[1:]]
    assert kinds == ["BatchNormalization", "Dense", "Dropout", "Dense", "Dropout", "Dense"]
    assert [layer.units for layer in built.layers if hasattr(layer, "units")] == [7, 7, 4]


def test_a_pooled_head_does_not_see_where_in_the_patch_something_lies() -> None:
    shape = (4, 4, 3)
    maps = np.random.default_rng(2).random((5, *shape), dtype=np.float32)
    moved = np.roll(maps, (1, 2), axis=(1, 2))
    assert head(shape, pooled=True).count_params() == (9 * 128 + 128) + (128 * 4 + 4)
    for pooled in (True, False):
        built = head(shape, pooled=pooled)
        here, there = (built.predict_on_batch(x.reshape(5, -1)) for x in (maps, moved))
        assert np.allclose(here, there, atol=1e-5) is pooled


def test_feature_shape_is_what_the_features_are_flattened_from() -> None:
    encoder = architectures.build_encoder("compact", 192)
    assert architectures.feature_shape(encoder) == (12, 12, 16)
    assert (
        np.prod(architectures.feature_shape(architectures.build_encoder("dissertation", 192)))
        == 1152
    )


def test_regressor_head_is_the_study_s_with_a_kernel_that_cannot_be_negative() -> None:
    head = architectures.build_regressor_head((1, 2, 5), local=False)
    assert head.count_params() == (10 * 128 + 128) + (128 * 64 + 64) + (64 + 1)
    last = head.layers[-1]
    assert isinstance(last.kernel_constraint, keras.constraints.NonNeg)
    assert head.output_shape == (None, 1)


def test_a_local_head_judges_each_position_alike() -> None:
    head = architectures.build_regressor_head((2, 2, 3))
    maps = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    moved = maps[:, [2, 0, 3, 1]]
    made = head.predict(maps.reshape(5, 12), verbose=0)
    assert np.ptp(made) > 0
    np.testing.assert_allclose(head.predict(moved.reshape(5, 12), verbose=0), made, rtol=1e-5)


def test_a_copy_shares_no_weights() -> None:
    encoder = architectures.build_encoder("compact", 64)
    twin = architectures.copy(encoder)
    for mine, theirs in zip(encoder.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    before = encoder.get_weights()
    twin.set_weights([weight + 1 for weight in twin.get_weights()])
    for mine, theirs in zip(encoder.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)
