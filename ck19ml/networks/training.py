"""Fit networks and predict with them; one loop serves tracking, pruning and tests."""

import logging
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.errors import TrialFailed
from ck19ml.networks.architectures import Network
from ck19ml.networks.batches import AnyPatches, ArrayBatches, Shuffled
from ck19ml.networks.callbacks import HeldOut, Report, Reporter
from ck19ml.networks.checkpoint import Checkpoint, Keeper, State, fits, read_state, restore_network
from ck19ml.networks.settings import FitSettings, Mode

# Each new network is a new graph, so the warning about retracing is of no use here.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

PREDICT_BATCH = 64
"""Patches per prediction; fixed, so that the same patches give the same results."""

REMEDY = "try another learning rate, more epochs, or more wells"

HELD_OUT_BATCH = 4096
"""Rows of features per evaluation."""


@dataclass(frozen=True)
class Fit:
    """Result of a fit.

    Attributes
    ----------
    history : DataFrame
        Column epoch, and one column per metric.
    stop_reason : str
        ``epochs`` if all were run, else ``patience``.
    best_epoch : int
        Number of epochs of the last stage after which the network had the weights it keeps.
    head_epochs : int
        The same for an earlier stage that trained the head alone; 0 without one.
    epochs_before : int
        Epochs run before the training was last interrupted; 0 if it never was.
    constant_loss : float, optional
        Validation loss of the best constant prediction, where that is known.
    """

    history: pd.DataFrame
    stop_reason: str
    best_epoch: int
    head_epochs: int = 0
    epochs_before: int = 0
    constant_loss: float | None = None

    @property
    def shortcoming(self) -> str:
        """Why the network learned nothing, in words; empty if it learned."""
        if "validation/loss" not in self.history:
            return ""
        losses = self.history["validation/loss"]
        best, epochs = float(losses.min()), len(losses)
        if self.constant_loss is not None and best >= self.constant_loss:
            return (
                f"the best validation loss, {best:.4g}, does not beat the {self.constant_loss:.4g} "
                f"of a constant prediction: the network learned nothing; {REMEDY}"
            )
        if epochs > 1 and int(losses.to_numpy().argmin()) == 0:
            return f"best epoch 1 of {epochs}: the network learned nothing after it; {REMEDY}"
        return ""


def fit(
    network: Network,
    train: Any,
    validation: Any,
    settings: FitSettings,
    *,
    loss: str | Callable[[Any, Any], Any],
    metrics: tuple[str, ...] = (),
    report: Report | None = None,
    first_epoch: int = 1,
    checkpoint: Checkpoint | None = None,
) -> Fit:
    """Fit a network until the validation loss stops falling, and keep the best weights.

    Without validation data all epochs are run and the last weights are kept.

    Parameters
    ----------
    train, validation : Batches, or (x, y[, sample weights]) of arrays; validation may be None
    loss : str or callable
        Name known to Keras, or a function of the true and the predicted tensor.
    metrics : tuple of str
        Names known to Keras.
    report : callable, optional
        Called after each epoch; an exception from it ends the training.
    first_epoch : int
        Number of the first epoch, if this is the second stage of a training.
    checkpoint : Checkpoint, optional
        Location of the saved state. If one is found there, the training resumes from it; on a CPU
        the result is the same as without the interruption.

    Raises
    ------
    TrialFailed
        If a metric is not finite; the message names the epoch and the batch.
    """
    if isinstance(train, tuple):
        # Seeded from Python's generator, see `seed_everything`.
        rng = np.random.default_rng(random.getrandbits(64))
        train = ArrayBatches(train, settings.batch_size, rng)
    if isinstance(train, Shuffled):  # a mask network's examples are made anew in each epoch
        train.at_least(settings.least_steps)
    rate = settings.learning_rate
    if settings.cosine:
        rate = keras.optimizers.schedules.CosineDecay(rate, settings.epochs * len(train))
    network.compile(optimizer=keras.optimizers.Adam(rate), loss=loss, metrics=list(metrics))
    held_out = None
    if isinstance(validation, tuple):
        validation = ArrayBatches(validation, HELD_OUT_BATCH)
        held_out = HeldOut(validation) if keras.backend.backend() == "tensorflow" else None
    reporter = Reporter(report, first_epoch)
    watched = validation is not None and settings.early_stopping
    callbacks = _patience(settings) if watched else []
    state = None
    if checkpoint is not None:
        state = _go_on(network, train, reporter, checkpoint)
        keeper = Keeper(checkpoint, callbacks[:], train, reporter.history, settings.epochs, state)
        callbacks = [*callbacks, reporter, keeper]
    else:
        callbacks = [*callbacks, reporter]
    if held_out is not None:
        callbacks, validation = [held_out, *callbacks], None
    if state is not None and state.ended:
        if state.best is not None:
            network.set_weights(state.best)
    else:
        done = 0 if state is None else state.epochs
        with mixed_precision(network, settings.mixed_precision), _forgotten_if_failed(checkpoint):
            network.fit(
                train,
                validation_data=validation,
                epochs=settings.epochs,
                initial_epoch=done,
                verbose=0,
                callbacks=callbacks,
                shuffle=False,  # the batches draw their own order
            )
    history = pd.DataFrame(reporter.history)
    best = -1 if not watched else int(history["validation/loss"].to_numpy().argmin())
    return Fit(
        history=history,
        stop_reason="patience" if len(history) < settings.epochs else "epochs",
        best_epoch=int(history["epoch"].iloc[best]) - first_epoch + 1,
        epochs_before=0 if state is None else state.epochs,
    )


def _go_on(
    network: Network, train: Any, reporter: Reporter, checkpoint: Checkpoint
) -> State | None:
    """Restore network, batches and metrics of an interrupted training, if there is one."""
    state = read_state(checkpoint.path)
    if state is None or not fits(state, network):
        return None
    restore_network(state, network)
    train.restore(state.batches)
    reporter.history.extend(state.history)
    if not state.ended:
        checkpoint.announce(reporter.first_epoch + state.epochs)
    return state


@contextmanager
def _forgotten_if_failed(checkpoint: Checkpoint | None) -> Iterator[None]:
    try:
        yield
    except TrialFailed:  # it would fail in the same way again
        if checkpoint is not None:
            checkpoint.remove()
        raise


def _patience(settings: FitSettings) -> list[Any]:
    # These come before the reporter, so that the best weights are known if a report ends the
    # training.
    return [
        keras.callbacks.ReduceLROnPlateau(factor=0.2, patience=settings.reduce_patience),
        keras.callbacks.EarlyStopping(patience=settings.patience, restore_best_weights=True),
    ]


def predict(network: Network, patches: AnyPatches) -> NDArray[np.float32]:
    """Predict all patches in order, (n, ...), float32.

    This does not use Keras' own loop, which makes a pipeline on each call. The pipeline holds its
    patches until Python collects cycles, many calls later.
    """
    starts = range(0, len(patches), PREDICT_BATCH)
    parts = [
        network.predict_on_batch(patches.batch(slice(at, at + PREDICT_BATCH))) for at in starts
    ]
    return np.concatenate(parts)


def predict_features(head: Network, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Predict from stored features, (n, features), in order.

    Without a graph, whose construction would take longer than the prediction.

    Returns
    -------
    ndarray, (n, outputs), float32
    """
    starts = range(0, len(features), HELD_OUT_BATCH)
    parts = [head(features[at : at + HELD_OUT_BATCH], training=False) for at in starts]
    return np.concatenate([keras.ops.convert_to_numpy(part) for part in parts])


def reconstruction_losses(network: Network, patches: AnyPatches) -> NDArray[np.float64]:
    """Compute the binary cross-entropy of each patch's reconstruction, the mean over pixels, nats.

    Returns
    -------
    ndarray, (n,), float64
    """
    losses = []
    for start in range(0, len(patches), PREDICT_BATCH):
        x = patches.batch(slice(start, start + PREDICT_BATCH))
        made = np.clip(network.predict_on_batch(x), 1e-7, 1 - 1e-7)
        entropy = -(x * np.log(made) + (1 - x) * np.log1p(-made))
        losses.append(entropy.mean(axis=(1, 2, 3), dtype=np.float64))
    return np.concatenate(losses)


def constant_loss(loss: str, train: NDArray[np.number], validation: NDArray[np.number]) -> float:
    """Loss on validation targets of the constant that fits the training targets best.

    Parameters
    ----------
    loss : {'sparse_categorical_crossentropy', 'binary_crossentropy', 'mean_squared_error'}
        The constant is each class's share, or the mean.
    train, validation : ndarray, (n,) or any shape

    Examples
    --------
    >>> constant_loss("mean_squared_error", np.array([1.0, 3.0]), np.array([2.0, 4.0]))
    2.0
    """
    if loss == "mean_squared_error":
        return float(np.mean((validation - train.mean()) ** 2))
    if loss == "binary_crossentropy":
        share = float(np.clip(train.mean(), 1e-7, 1 - 1e-7))
        mean = float(validation.mean())
        return float(-mean * np.log(share) - (1 - mean) * np.log(1 - share))
    classes = int(max(train.max(), validation.max())) + 1
    shares = np.bincount(train, minlength=classes) / train.size
    return float(-np.log(np.maximum(shares, 1e-7))[validation].mean())


def class_weights(labels: NDArray[np.integer], classes: int) -> NDArray[np.float64]:
    """Return weights that give each class the same total weight; 1 on average, (classes,)."""
    counts = np.bincount(labels, minlength=classes)
    return np.asarray(labels.size / (np.count_nonzero(counts) * np.maximum(counts, 1)))


def seed_everything(seed: int) -> None:
    """Seed Keras, its backend, NumPy and Python, so that runs are repeatable."""
    keras.utils.set_random_seed(seed)


def has_accelerator() -> bool:
    """Return whether the backend has a GPU or a TPU."""
    if keras.backend.backend() == "torch":
        return bool(sys.modules["torch"].cuda.is_available())  # Keras does not list them
    for kind in ("gpu", "tpu"):
        try:
            if keras.distribution.list_devices(kind):
                return True
        except RuntimeError:  # JAX raises this if there is none
            continue
    return False


@contextmanager
def mixed_precision(network: Network, mode: Mode) -> Iterator[bool]:
    """Compute the network's layers in bfloat16 within the context.

    The weights and the last layer, whose output enters the loss, stay float32. Afterwards the
    network computes in float32 again, so that a registered model scores alike everywhere.
    bfloat16 has the range of float32, so the loss needs no scaling.

    Parameters
    ----------
    mode : {'auto', 'on', 'off'}
        ``auto`` turns it on for a GPU or TPU only; CPUs are slower in it.

    Yields
    ------
    bool
        Whether half precision is on.
    """
    if mode == "off" or (mode == "auto" and not has_accelerator()):
        yield False
        return
    layers = list(_with_weights(network))[:-1]
    before = [layer.dtype_policy for layer in layers]
    for layer in layers:
        layer.dtype_policy = "mixed_bfloat16"
    try:
        yield True
    finally:
        for layer, policy in zip(layers, before, strict=True):
            layer.dtype_policy = policy


def _with_weights(network: Network) -> Iterator[Any]:
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _with_weights(layer)
        elif layer.weights:
            yield layer
