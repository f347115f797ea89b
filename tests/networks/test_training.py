import gc
import weakref
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ck19ml.errors import TrialFailed
from ck19ml.networks import architectures, training
from ck19ml.networks.batches import ArrayBatches, Batches, Patches
from ck19ml.networks.settings import FitSettings
from ck19ml.networks.training import class_weights, fit, predict
from tests.networks.test_batches import raw_patches

Arrays = tuple[NDArray[np.float32], NDArray[np.float32]]


def line(count: int = 64) -> Arrays:
    """Points of y = 2 x0 - x1: learnable by one linear layer."""
    x = np.random.default_rng(5).normal(size=(count, 2)).astype(np.float32)
    return x, (2 * x[:, :1] - x[:, 1:]).astype(np.float32)


def linear(seed: int = 11) -> architectures.Network:
    training.seed_everything(seed)
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


def settings(epochs: int, **changes: Any) -> FitSettings:
    chosen: dict[str, Any] = {
        "batch_size": 16,
        "least_steps": 1,
        "learning_rate": 0.05,
        "patience": 5,
        "reduce_patience": 3,
    }
    return FitSettings(epochs=epochs, **(chosen | changes))


def test_fit_learns_a_line_and_says_what_it_did() -> None:
    x, y = line()
    network = linear()
    result = fit(network, (x, y), (x, y), settings(15, learning_rate=0.1, patience=15), loss="mse")
    losses = result.history["validation/loss"]
    assert losses.iloc[-1] < 0.05 * losses.iloc[0]
    assert result.history["epoch"].tolist() == list(range(1, 16))
    assert {"train/loss", "learning_rate"} <= set(result.history.columns)
    assert result.stop_reason == "epochs"
    kernel, bias = network.get_weights()
    np.testing.assert_allclose(kernel[:, 0], [2, -1], atol=0.3)
    np.testing.assert_allclose(bias, 0, atol=0.3)


def test_the_learning_rate_falls_to_nothing_along_a_cosine() -> None:
    x, y = line()
    chosen = settings(4, cosine=True, early_stopping=False)
    network, rates = linear(), []
    report = lambda *_: rates.append(float(network.optimizer.learning_rate))  # noqa: E731
    fit(network, (x, y), (x, y), chosen, loss="mse", report=report)
    np.testing.assert_allclose(rates, 0.05 * (1 + np.cos(np.pi * np.arange(1, 5) / 4)) / 2)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_fit() -> None:
    def once(seed: int) -> tuple[pd.DataFrame, NDArray[np.float32]]:
        network = linear(seed)
        x, y = line()
        history = fit(network, (x, y), (x, y), settings(5), loss="mse").history
        return history, network.get_weights()[0]

    first, again, other = once(1), once(1), once(2)
    pd.testing.assert_frame_equal(first[0], again[0], check_exact=True)
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


def test_patience_ends_a_fit_that_no_longer_improves_and_keeps_the_best_weights() -> None:
    x, y = line()
    network = linear()
    # A negative target: what training learns makes the validation loss worse from the start.
    result = fit(network, (x, y), (x, -y), settings(50, patience=3), loss="mse")
    assert result.stop_reason == "patience"
    losses = result.history["validation/loss"].to_numpy()
    assert result.best_epoch == losses.argmin() + 1
    assert len(losses) == result.best_epoch + 3
    kept = float(np.mean((network.predict_on_batch(x) + y) ** 2))
    assert kept == pytest.approx(losses.min(), rel=1e-5)


def test_best_weights_are_kept_where_the_epochs_run_out_too() -> None:
    x, y = line()
    network = linear()
    result = fit(network, (x, y), (x, -y), settings(3, patience=10), loss="mse")
    losses = result.history["validation/loss"].to_numpy()
    assert result.stop_reason == "epochs"
    assert losses.argmin() < 2, "the fixture must get worse for this test to mean something"
    kept = float(np.mean((network.predict_on_batch(x) + y) ** 2))
    assert kept == pytest.approx(losses.min(), rel=1e-5)


def test_the_learning_rate_falls_to_a_fifth_where_the_loss_stands_still() -> None:
    x, y = line()
    rates = fit(linear(), (x, y), (x, -y), settings(6, patience=9, reduce_patience=2), loss="mse")
    assert rates.history["learning_rate"].min() <= 0.05 / 5 + 1e-9


def test_without_validation_all_epochs_are_run_and_the_last_is_kept() -> None:
    x, y = line()
    result = fit(linear(), (x, y), None, settings(4), loss="mse")
    assert (result.stop_reason, result.best_epoch, len(result.history)) == ("epochs", 4, 4)
    assert not [name for name in result.history if name.startswith("validation")]


def test_a_loss_that_is_not_a_number_fails_the_trial_in_its_epoch() -> None:
    x, y = line()
    x[35, 0] = np.nan  # 16 at a time: the third batch, as batches without a generator are in order
    batches = ArrayBatches((x, y), 16)
    with pytest.raises(
        TrialFailed, match=r"is not finite: nan in epoch 1, batch 3 of 4$"
    ) as caught:
        fit(linear(), batches, line(), settings(5), loss="mse")
    assert str(caught.value).startswith("train/loss is not finite: ")


def test_a_huge_learning_rate_fails_the_trial_and_reports_no_such_epoch() -> None:
    x, y = line()
    epochs: list[int] = []
    with pytest.raises(TrialFailed, match=r"is not finite: (nan|inf) in epoch (\d+)") as caught:
        fit(linear(), (x, y), (x, y), settings(5, learning_rate=1e37), loss="mse",
            report=lambda epoch, _: epochs.append(epoch))  # fmt: skip
    failed = int(str(caught.value).split("epoch ")[1].split(",")[0])
    assert epochs == list(range(1, failed))


def test_a_report_sees_each_epoch_and_ends_the_training_by_what_it_raises() -> None:
    class EnoughError(Exception):
        pass

    seen: list[tuple[int, set[str]]] = []

    def report(epoch: int, metrics: object) -> None:
        assert isinstance(metrics, dict)
        assert all(isinstance(value, float) for value in metrics.values())
        seen.append((epoch, set(metrics)))
        if epoch == 2:
            raise EnoughError

    x, y = line()
    with pytest.raises(EnoughError):
        fit(linear(), (x, y), (x, y), settings(9), loss="mse", metrics=("mae",), report=report)
    assert [epoch for epoch, _ in seen] == [1, 2]
    assert {"train/loss", "train/mae", "validation/loss", "validation/mae"} <= seen[0][1]


def test_sample_weights_decide_what_is_learnt() -> None:
    x = np.ones((40, 2), np.float32)
    y = np.repeat([[1.0], [5.0]], 20, axis=0).astype(np.float32)
    weights = np.repeat([0.0, 1.0], 20)
    network = linear()
    fit(network, (x, y, weights), None, settings(15, learning_rate=0.2), loss="mse")
    # Without weights the mean of both targets, 3, is learnt.
    assert float(network.predict_on_batch(x[:1])[0, 0]) == pytest.approx(5.0, abs=0.5)


def test_class_weights_by_hand() -> None:
    # Three classes of 1, 3 and 4 of 8 labels: 8 / (3 * count).
    weights = class_weights(np.array([0, 1, 1, 1, 2, 2, 2, 2]), 3)
    np.testing.assert_allclose(weights, [8 / 3, 8 / 9, 8 / 12])


def test_a_class_without_labels_takes_no_weight_from_the_others() -> None:
    weights = class_weights(np.array([0, 0, 2, 2]), 3)
    np.testing.assert_allclose(weights[[0, 2]], [1.0, 1.0])


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_class_weights_give_each_class_the_same_sum_and_one_on_average(found: list[int]) -> None:
    labels = np.array(found)
    weights = class_weights(labels, 5)
    sums = np.bincount(labels, weights[labels], minlength=5)
    np.testing.assert_allclose(sums[np.unique(labels)], len(labels) / np.unique(labels).size)
    assert weights[labels].mean() == pytest.approx(1.0)


def test_predict_keeps_the_order_over_many_batches() -> None:
    count = 2 * training.PREDICT_BATCH + 3
    raw = np.full((count, 4, 4, 2), 255, np.uint16)
    # The share of bright pixels tells the patches apart after scaling.
    for index in range(count):
        raw[index].reshape(-1, 2)[: index % 16, 0] = 4000
    inputs = keras.Input((4, 4, 2))
    network = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    made = predict(network, Patches(raw))
    assert made.dtype == np.float32
    np.testing.assert_allclose(made[:, 0], (np.arange(count) % 16) / 16, atol=1e-6)


def test_predictions_let_go_of_their_patches_at_once() -> None:
    """And not when Python's collector of cycles comes by: a plate is hundreds of predictions."""
    network = architectures.build_encoder("compact", 16)
    raw = raw_patches(130)
    gone = weakref.ref(raw)
    gc.collect()
    gc.disable()
    try:
        predict(network, Patches(raw))
        del raw
        assert gone() is None
    finally:
        gc.enable()


def test_reconstruction_losses_by_hand() -> None:
    raw = np.full((3, 4, 4, 2), 255, np.uint16)
    raw[1, :, :2] = 4000  # half of its pixels are 1 after scaling
    inputs = keras.Input((4, 4, 2))
    # Says 0.2 everywhere.
    network = keras.Model(inputs, keras.layers.Lambda(lambda x: x * 0 + 0.2)(inputs))
    losses = training.reconstruction_losses(network, Patches(raw))
    dark, half = -np.log(0.8), -(np.log(0.2) + np.log(0.8)) / 2
    np.testing.assert_allclose(losses, [dark, half, dark], rtol=1e-6)


@pytest.mark.slow
def test_an_autoencoder_learns_patches_and_its_own_loss_is_keras_loss() -> None:
    raw = np.full((16, 32, 32, 2), 255, np.uint16)
    raw[:, 8:24, 8:24] = 3000
    raw[:, 0:8, 8:24] = 1500  # neither 0 nor 1 after scaling: no reconstruction reaches loss 0
    network = architectures.build_autoencoder("compact", 32)
    patches = Patches(raw)
    result = fit(
        network,
        Batches(patches, None, 8, np.random.default_rng(0)),
        Batches(patches, None, 8),
        FitSettings(epochs=6, least_steps=1, batch_size=8, learning_rate=5e-3),
        loss="binary_crossentropy",
    )
    losses = result.history["validation/loss"]
    assert losses.min() < 0.7 * losses.iloc[0]
    own = training.reconstruction_losses(network, patches).mean()
    assert own == pytest.approx(losses.min(), rel=1e-4)


def test_half_precision_is_for_training_only_and_the_output_stays_whole() -> None:
    training.seed_everything(2)
    network = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(1)]
    )
    seen: list[list[str]] = []

    def report(*_: object) -> None:
        seen.append([layer.compute_dtype for layer in network.layers])

    fit(network, line(), None, settings(2, mixed_precision="on"), loss="mse", report=report)
    assert seen == [["bfloat16", "float32"]] * 2
    assert [layer.compute_dtype for layer in network.layers] == ["float32", "float32"]
    assert {str(weight.dtype) for weight in network.weights} == {"float32"}


def test_half_precision_is_off_on_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "has_accelerator", lambda: False)
    with training.mixed_precision(linear(), "auto") as on:
        assert not on
    monkeypatch.setattr(training, "has_accelerator", lambda: True)
    with training.mixed_precision(linear(), "auto") as on:
        assert on
    with training.mixed_precision(linear(), "off") as on:
        assert not on


@pytest.mark.parametrize(
    ("loss", "train", "validation", "known"),
    [
        ("mean_squared_error", [1.0, 3.0], [2.0, 4.0], 2.0),
        ("sparse_categorical_crossentropy", [0, 0, 0, 1], [0, 1], (np.log(4 / 3) + np.log(4)) / 2),
        ("binary_crossentropy", [0.5, 0.5], [[0.0, 1.0]], np.log(2)),
    ],
)
def test_the_loss_of_a_constant(loss: str, train: Any, validation: Any, known: float) -> None:
    found = training.constant_loss(loss, np.array(train), np.array(validation))
    assert found == pytest.approx(known)


def result_of(losses: list[float], constant: float | None = None) -> training.Fit:
    history = pd.DataFrame({"epoch": range(1, len(losses) + 1), "validation/loss": losses})
    return training.Fit(history, "epochs", 1, constant_loss=constant)


def test_a_training_that_learned_nothing_says_so() -> None:
    assert result_of([3.0, 2.0, 2.5], constant=2.4).shortcoming == ""
    assert result_of([3.0]).shortcoming == ""
    assert result_of([2.0, 3.0, 4.0]).shortcoming.startswith("best epoch 1 of 3: the network")
    assert "does not beat the 1.9 of a constant" in result_of([3.0, 2.0], 1.9).shortcoming
    unwatched = training.Fit(pd.DataFrame({"epoch": [1], "train/loss": [1.0]}), "epochs", 1)
    assert unwatched.shortcoming == ""
