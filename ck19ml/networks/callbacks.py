"""Keras callbacks of a training: held-out metrics, and a report of each epoch."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from ck19ml.errors import TrialFailed

Report = Callable[[int, Mapping[str, float]], None]
"""Takes the epoch, from 1, and metrics named ``train/...`` and ``validation/...``."""


class HeldOut(keras.callbacks.Callback):  # type: ignore[misc]
    """Evaluates the held-out batches after each epoch, without a graph.

    Keras would trace a separate graph and make new iterators each epoch, which for a head on
    stored features takes longer than the evaluation itself. Works with the TensorFlow backend, and
    must be the first callback, so that the others find its metrics among the epoch's.
    """

    def __init__(self, batches: Sequence[Any]) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Add ``val_loss`` and the other held-out metrics to the epoch's metrics."""
        self.model.reset_metrics()
        values: Mapping[str, Any] = {}
        for index in range(len(self.batches)):
            values = self.model.test_step(self.batches[index])
        if logs is not None:
            logs.update({f"val_{name}": float(value) for name, value in values.items()})


class Reporter(keras.callbacks.Callback):  # type: ignore[misc]
    """Collects and reports the metrics of each epoch; ends a training with non-finite metrics."""

    # Keras then calls `on_train_batch_end` from its own threads, so that the device need not wait.
    async_safe = True

    def __init__(self, report: Report | None, first_epoch: int) -> None:
        super().__init__()
        self.report, self.first_epoch = report, first_epoch
        self.history: list[dict[str, float]] = []
        self.lost: list[int] = []

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Stop the training if the loss is not finite."""
        # Keras passes the mean over the batches so far: once not finite, it stays so.
        if not math.isfinite((logs or {})["loss"]):
            self.lost.append(batch + 1)
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Keep and report the epoch's metrics.

        Raises
        ------
        TrialFailed
            If a metric is not finite.
        """
        metrics = {_metric_name(key): float(value) for key, value in (logs or {}).items()}
        epoch += self.first_epoch
        for name, value in metrics.items():
            if not math.isfinite(value):
                where = f"epoch {epoch}"
                if self.lost:
                    where += f", batch {min(self.lost)} of {self.params['steps']}"
                raise TrialFailed(f"{name} is not finite: {value} in {where}")
        self.history.append({"epoch": epoch, **metrics})
        if self.report:
            self.report(epoch, metrics)


def _metric_name(key: str) -> str:
    if key == "learning_rate":
        return key
    return f"validation/{key.removeprefix('val_')}" if key.startswith("val_") else f"train/{key}"
