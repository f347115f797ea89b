"""Fit networks and predict with them; one loop for MLflow, pruning and tests."""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.patches import rescale
from ck19ml.errors import TrialFailed
from ck19ml.models import Network

# A new network is a new graph: the hint that graphs are traced again tells nothing here.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

Report = Callable[[int, Mapping[str, float]], None]
"""Takes the epoch, from 1, and metrics named ``train/...`` and ``validation/...``."""

PREDICT_BATCH = 64
"""Patches predicted at once; fixed, so that the same patches give the same figures."""


@dataclass(frozen=True)
class Patches:
    """Patches in memory as they are stored; batches of them are scaled on the way.

    Attributes
    ----------
    raw : ndarray, (n, size, size, 2), unsigned integers, raised to the background
    masks : ndarray, (n, size, size, 2), bool, optional
        Where given, everything outside the masks is exactly 0.
    """

    raw: NDArray[np.unsignedinteger]
    masks: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.raw)

    def batch(self, rows: NDArray[np.integer] | slice) -> NDArray[np.float32]:
        """Scale these patches to [0, 1], (rows, size, size, 2), float32."""
        scaled = rescale(self.raw[rows])
        return scaled if self.masks is None else scaled * self.masks[rows]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of patches with their targets; without targets a patch is its own."""

    def __init__(
        self,
        patches: Patches,
        targets: NDArray[Any] | None,
        batch_size: int,
        rng: np.random.Generator | None = None,
        class_weights: NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__()
        self.patches, self.targets = patches, targets
        self.batch_size, self.rng, self.class_weights = batch_size, rng, class_weights
        self.order = np.arange(len(patches))
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self.patches) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], ...]:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        x = self.patches.batch(rows)
        if self.targets is None:
            return x, x
        y = self.targets[rows]
        return (x, y) if self.class_weights is None else (x, y, self.class_weights[y])

    def on_epoch_end(self) -> None:
        """Draw a new order, where a generator was given."""
        if self.rng is not None:
            self.order = self.rng.permutation(len(self.patches))


@dataclass(frozen=True)
class FitSettings:
    """How a network is fitted.

    Attributes
    ----------
    epochs, batch_size : int
    learning_rate : float
        Adam's; reduced to a fifth after `reduce_patience` epochs without improvement.
    patience : int
        Epochs without improvement of the validation loss before training stops.
    reduce_patience : int
    early_stopping : bool
        Whether the validation loss ends the training, lowers the learning rate and chooses the
        weights; otherwise all epochs are run as they are and the last weights are kept.
    """

    epochs: int
    batch_size: int
    learning_rate: float = 1e-3
    patience: int = 5
    reduce_patience: int = 3
    early_stopping: bool = True


@dataclass(frozen=True)
class Fit:
    """What a fit did: "finished" is not "complete".

    Attributes
    ----------
    history : DataFrame
        epoch, and one column a metric.
    stop_reason : str
        ``epochs`` (all were run) or ``patience``.
    best_epoch : int
        Number of epochs, of the last stage, after which the network has the weights kept.
    head_epochs : int
        The same of an earlier stage that trained the head alone; 0 without one.
    """

    history: pd.DataFrame
    stop_reason: str
    best_epoch: int
    head_epochs: int = 0


class _Reporter(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, report: Report | None, first_epoch: int) -> None:
        super().__init__()
        self.report, self.first_epoch = report, first_epoch
        self.history: list[dict[str, float]] = []

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        metrics = {_metric_name(key): float(value) for key, value in (logs or {}).items()}
        epoch += self.first_epoch
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise TrialFailed(f"expected a finite {name}, found {value} in epoch {epoch}")
        self.history.append({"epoch": epoch, **metrics})
        if self.report:
            self.report(epoch, metrics)


def _metric_name(key: str) -> str:
    if key == "learning_rate":
        return key
    return f"validation/{key.removeprefix('val_')}" if key.startswith("val_") else f"train/{key}"


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
) -> Fit:
    """Fit a network until the validation loss no longer falls; its best weights are kept.

    Without validation data all epochs are run and the last weights are kept.

    Parameters
    ----------
    train, validation : Batches, or (x, y[, sample weights]) of arrays; validation may be None
    loss : str or callable
        A name that Keras knows, or a function of the true and the predicted tensor.
    metrics : tuple of str
        Names that Keras knows.
    report : callable, optional
        Called after each epoch; what it raises ends the training.
    first_epoch : int
        Number of the first epoch, where this is the second stage of a training.

    Raises
    ------
    TrialFailed
        If a metric is not finite; the message says in which epoch.
    """
    network.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate), loss=loss, metrics=list(metrics)
    )
    reporter = _Reporter(report, first_epoch)
    watched = validation is not None and settings.early_stopping
    callbacks = [*_patience(settings), reporter] if watched else [reporter]
    arguments: dict[str, Any] = {"x": train, "validation_data": validation}
    if isinstance(train, tuple):
        weights = train[2] if len(train) == 3 else None
        arguments |= {"x": train[0], "y": train[1], "sample_weight": weights}
        arguments |= {"batch_size": settings.batch_size}
        arguments |= {"validation_batch_size": 4096} if validation is not None else {}
    network.fit(**arguments, epochs=settings.epochs, verbose=0, callbacks=callbacks)
    history = pd.DataFrame(reporter.history)
    best = int(history["validation/loss"].to_numpy().argmin()) if watched else -1
    return Fit(
        history=history,
        stop_reason="patience" if len(history) < settings.epochs else "epochs",
        best_epoch=int(history["epoch"].iloc[best]) - first_epoch + 1,
    )


def _patience(settings: FitSettings) -> list[Any]:
    # Stopping comes before the reporter: where a report ends the training, the best weights
    # of the epochs before it are known.
    return [
        keras.callbacks.ReduceLROnPlateau(factor=0.2, patience=settings.reduce_patience),
        keras.callbacks.EarlyStopping(patience=settings.patience, restore_best_weights=True),
    ]


def predict(network: Network, patches: Patches) -> NDArray[np.float32]:
    """Predict all patches in order, (n, ...), float32."""
    return np.asarray(network.predict(Batches(patches, None, PREDICT_BATCH), verbose=0))


def reconstruction_losses(network: Network, patches: Patches) -> NDArray[np.float64]:
    """Binary cross-entropy of each patch's reconstruction, the mean over its pixels, in nats.

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


def class_weights(labels: NDArray[np.integer], classes: int) -> NDArray[np.float64]:
    """Weights that give each class the same sum over the labels; 1 on average, (classes,)."""
    counts = np.bincount(labels, minlength=classes)
    return np.asarray(labels.size / (np.count_nonzero(counts) * np.maximum(counts, 1)))


def seed_everything(seed: int) -> None:
    """Seed Keras, its backend, NumPy and Python, so that the same run gives the same result."""
    keras.utils.set_random_seed(seed)
