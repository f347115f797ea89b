from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ck19ml.networks import architectures, training
from ck19ml.networks.batches import Patches
from ck19ml.networks.heads import (
    Part,
    encode,
    train_classifier,
    train_regressor,
)
from ck19ml.networks.settings import (
    ClassifierSettings,
    FitSettings,
    HeadSettings,
    RegressorSettings,
)
from ck19ml.networks.training import predict

SIZE = 32


@pytest.fixture(scope="module")
def encoder() -> architectures.Network:
    training.seed_everything(5)
    return architectures.build_encoder("compact", SIZE)


def part(count: int, seed: int) -> Part:
    """Patches of two classes: class 1 is bright in the left half, class 0 in the upper half."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    raw = rng.integers(255, 1200, (count, SIZE, SIZE, 2)).astype(np.uint16)
    raw[labels == 1, :, : SIZE // 2] += 2500
    raw[labels == 0, : SIZE // 2] += 2500
    return Part(Patches(raw), labels)


SMALL = HeadSettings(units=8)


def settings(*, fine_tune: bool, epochs: int = 3, **changes: Any) -> ClassifierSettings:
    fit = FitSettings(epochs=epochs, least_steps=1, batch_size=8)
    return ClassifierSettings(**({"head": SMALL, "fine_tune": fine_tune, "fit": fit} | changes))


def assert_equal(first: list[NDArray[np.floating]], second: list[NDArray[np.floating]]) -> None:
    for mine, theirs in zip(first, second, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_features_are_computed_once(encoder: architectures.Network) -> None:
    encoded = encode(encoder, part(4, 0))
    assert encoded.features is not None
    np.testing.assert_array_equal(encoded.features, predict(encoder, encoded.patches))
    assert encode(encoder, encoded) is encoded


@pytest.mark.slow
def test_a_frozen_encoder_keeps_its_weights_and_the_head_learns(
    encoder: architectures.Network,
) -> None:
    before = encoder.get_weights()
    train, validation = part(24, 1), part(12, 2)
    fit = FitSettings(epochs=15, least_steps=1, batch_size=8, learning_rate=0.01, patience=15)
    chosen = settings(fine_tune=False, head=HeadSettings(units=32), fit=fit)
    network, result = train_classifier(encoder, train, validation, chosen, classes=2, seed=1)
    assert_equal(encoder.get_weights(), before)
    assert_equal(network.get_layer("encoder").get_weights(), before)
    called = predict(network, validation.patches).argmax(axis=1)
    assert np.mean(called == validation.targets) == 1.0
    assert result.history["validation/loss"].min() < result.history["validation/loss"].iloc[0]


@pytest.mark.slow
def test_fine_tuning_changes_the_copy_and_not_the_encoder_passed_in(
    encoder: architectures.Network,
) -> None:
    before = encoder.get_weights()
    train, validation = part(16, 1), part(8, 2)
    network, _ = train_classifier(
        encoder, train, validation, settings(fine_tune=True, epochs=2), classes=2, seed=1
    )
    assert_equal(encoder.get_weights(), before)
    tuned = network.get_layer("encoder").get_weights()
    assert all(np.any(mine != old) for mine, old in zip(tuned, before, strict=True))
    made = predict(network, validation.patches)
    np.testing.assert_allclose(made.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("normalise", [False, True])
def test_stored_features_give_the_network_that_encoding_on_the_fly_gives(
    encoder: architectures.Network, normalise: bool
) -> None:
    train, validation = part(16, 1), part(8, 2)
    chosen = settings(
        fine_tune=False, head=SMALL.changed(dropout=0.3, normalise=normalise), class_weights=True
    )
    networks = []
    for parts in ((train, validation), (encode(encoder, train), encode(encoder, validation))):
        training.seed_everything(99)  # whatever went on before must not matter
        network, _ = train_classifier(encoder, *parts, chosen, classes=2, seed=4)
        networks.append(network)
    assert_equal(networks[0].get_weights(), networks[1].get_weights())
    patches = validation.patches
    np.testing.assert_array_equal(predict(networks[0], patches), predict(networks[1], patches))


@pytest.mark.slow
def test_the_network_s_predictions_are_those_of_its_head_on_the_features(
    encoder: architectures.Network,
) -> None:
    train, validation = encode(encoder, part(16, 1)), encode(encoder, part(8, 2))
    network, _ = train_classifier(
        encoder, train, validation, settings(fine_tune=False), classes=2, seed=4
    )
    on_features = network.get_layer("head").predict(validation.features, verbose=0)
    np.testing.assert_allclose(predict(network, validation.patches), on_features, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("fine_tune", [False, True])
def test_the_same_seed_gives_the_same_classifier(
    encoder: architectures.Network, fine_tune: bool
) -> None:
    train, validation = encode(encoder, part(16, 1)), encode(encoder, part(8, 2))
    chosen = settings(fine_tune=fine_tune, epochs=2, head=SMALL.changed(dropout=0.2))

    def weights(seed: int) -> list[NDArray[np.floating]]:
        network, _ = train_classifier(encoder, train, validation, chosen, classes=2, seed=seed)
        return list(network.get_weights())

    first = weights(7)
    assert_equal(first, weights(7))
    assert any(np.any(mine != other) for mine, other in zip(first, weights(8), strict=True))


@pytest.mark.slow
def test_class_weights_pull_the_calls_to_the_rare_class(encoder: architectures.Network) -> None:
    rng = np.random.default_rng(3)
    raw = rng.integers(255, 4000, (40, SIZE, SIZE, 2)).astype(np.uint16)
    labels = (np.arange(40) % 10 == 0).astype(np.int64)  # one in ten, with nothing to tell it by
    train = encode(encoder, Part(Patches(raw), labels))
    shares = []
    for weighted in (False, True):
        chosen = settings(
            fine_tune=False,
            head=HeadSettings(units=8, depth=0),
            class_weights=weighted,
            fit=FitSettings(epochs=4, least_steps=1, batch_size=8, learning_rate=0.03),
        )
        network, _ = train_classifier(encoder, train, None, chosen, classes=2, seed=1)
        head = network.get_layer("head")
        shares.append(float(np.mean(head.predict(train.features, verbose=0)[:, 1])))
    assert shares[1] > shares[0] + 0.05


@pytest.mark.slow
def test_without_validation_all_epochs_are_run(encoder: architectures.Network) -> None:
    reports: list[int] = []
    _, result = train_classifier(
        encoder, part(8, 1), None, settings(fine_tune=False), classes=2, seed=1,
        report=lambda epoch, _: reports.append(epoch),
    )  # fmt: skip
    assert reports == [1, 2, 3]
    assert (result.stop_reason, result.best_epoch) == ("epochs", 3)


@pytest.mark.slow
@pytest.mark.parametrize("local", [True, False])
def test_the_regressor_learns_overlaps_and_leaves_the_encoder(
    encoder: architectures.Network, local: bool
) -> None:
    before = encoder.get_weights()
    train = part(32, 1)
    overlaps = np.where(train.targets == 1, 0.5, 0.1).astype(np.float32)
    known = encode(encoder, Part(train.patches, overlaps))
    network, result = train_regressor(
        encoder,
        known,
        known,
        RegressorSettings(
            head="local" if local else "study",
            fit=FitSettings(epochs=25, least_steps=1, batch_size=8),
        ),
        seed=2,
    )
    assert_equal(encoder.get_weights(), before)
    made = predict(network, train.patches)
    assert made.shape == (32, 1)
    assert result.history["validation/loss"].min() < 0.5 * np.var(overlaps)
    assert np.all(network.get_layer("head").layers[-1].get_weights()[0] >= 0)


@pytest.mark.slow
def test_a_regressor_that_cuts_channels_itself_needs_no_encoder() -> None:
    train = part(8, 1)
    known = Part(train.patches, np.full(8, 0.3, np.float32))
    fit = FitSettings(epochs=1, least_steps=1, batch_size=8)
    chosen = RegressorSettings(fit=fit)
    network, result = train_regressor(None, known, known, chosen, seed=2)
    assert predict(network, train.patches).shape == (8, 1)
    assert len(result.history) == 1


@pytest.mark.slow
def test_fine_tuning_goes_on_from_a_head_that_was_trained_first(
    encoder: architectures.Network,
) -> None:
    train, validation = encode(encoder, part(16, 1)), encode(encoder, part(8, 2))
    head = FitSettings(epochs=3, least_steps=1, batch_size=8)
    chosen = settings(fine_tune=True, epochs=2, head_fit=head)
    epochs: list[int] = []
    network, result = train_classifier(
        encoder, train, validation, chosen, classes=2, seed=7,
        report=lambda epoch, _: epochs.append(epoch),
    )  # fmt: skip
    assert epochs == result.history["epoch"].tolist() == [1, 2, 3, 4, 5]
    losses = result.history["validation/loss"].to_numpy()
    assert result.head_epochs == losses[:3].argmin() + 1
    assert result.best_epoch == losses[3:].argmin() + 1
    frozen = settings(fine_tune=False, fit=head)
    _, alone = train_classifier(encoder, train, validation, frozen, classes=2, seed=7)
    first = result.history["validation/loss"].to_numpy()[:3]
    np.testing.assert_array_equal(first, alone.history["validation/loss"])
    tuned = network.get_layer("encoder").get_weights()
    assert any(np.any(mine != old) for mine, old in zip(tuned, encoder.get_weights(), strict=True))
