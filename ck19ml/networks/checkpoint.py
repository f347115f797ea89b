"""Save the state of a training, so that it resumes exactly where it was interrupted."""

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np
from numpy.typing import NDArray

from ck19ml.files.writing import atomically
from ck19ml.networks.architectures import Network

FORMAT = 1
SHARE = 0.05
"""Largest share of the time spent on writing: not every short epoch is saved."""


def _silent(_: int) -> None:
    pass


@dataclass(frozen=True)
class Checkpoint:
    """Location of a training's saved state; each stage of the training has a file.

    Attributes
    ----------
    folder : Path
        Created when the first state is saved.
    announce : callable
        Called with the number of the epoch at which an interrupted training resumes.
    stage : str
        Stage of a training that fits the head first and then the whole network.
    """

    folder: Path
    announce: Callable[[int], None] = _silent
    stage: str = "network"

    @property
    def path(self) -> Path:
        """File that holds the state."""
        return self.folder / f"{self.stage}.npz"

    def of_stage(self, stage: str) -> "Checkpoint":
        """Return the checkpoint of another stage of the same training."""
        return replace(self, stage=stage)

    def remove(self) -> None:
        """Remove the states of all stages, once the training has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class State:
    """State of a training after an epoch.

    Attributes
    ----------
    variables : list of ndarray
        Variables of the network (weights, statistics, generators of dropout) and its optimiser.
    best : list of ndarray, optional
        Best weights so far, if validation chooses them.
    ended : bool
        Whether this was the last epoch.
    history : list of dict
        Metrics of the epochs so far.
    callbacks : dict of dict
        Patience counters, by the callback's name.
    batches : dict
        See `batches.Batches.state`.
    made_by : dict
        Format and versions that the state depends on.
    """

    variables: list[NDArray[Any]]
    best: list[NDArray[Any]] | None
    ended: bool
    history: list[dict[str, float]]
    callbacks: dict[str, dict[str, Any]]
    batches: dict[str, Any]
    made_by: dict[str, Any] = field(default_factory=lambda: _made_by())

    @property
    def epochs(self) -> int:
        """Number of epochs run."""
        return len(self.history)


def _made_by() -> dict[str, Any]:
    # Another backend or Keras version has other variables and would not continue the same way.
    return {"format": FORMAT, "keras": keras.__version__, "backend": keras.backend.backend()}


def write_state(path: Path, state: State) -> None:
    """Write a state atomically, replacing an earlier one."""
    content = {name: value for name, value in vars(state).items() if name not in ARRAYS}
    content["has_best"] = state.best is not None
    arrays = {f"variable_{i:05d}": array for i, array in enumerate(state.variables)}
    arrays |= {f"best_{i:05d}": array for i, array in enumerate(state.best or [])}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomically(path) as made, made.open("wb") as file:
        np.savez(file, content=np.array(json.dumps(content)), **arrays)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())


ARRAYS = ("variables", "best")


def read_state(path: Path) -> State | None:
    """Read a state; None if there is none from which this program can resume."""
    try:
        # Opened here, because numpy leaves the file of a damaged archive open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            content = json.loads(str(stored["content"]))
            if content["made_by"] != _made_by():
                return None
            variables, best = (
                [stored[name] for name in sorted(stored.files) if name.startswith(kind)]
                for kind in ("variable_", "best_")
            )
        best_weights = best if content.pop("has_best") else None
        return State(variables=variables, best=best_weights, **content)
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
        return None


def variables_of(network: Network) -> list[Any]:
    """Return the variables of a compiled network and its optimiser, in a fixed order."""
    network.optimizer.build(network.trainable_variables)
    return [*network.variables, *network.optimizer.variables]


def fits(state: State, network: Network) -> bool:
    """Return whether a state belongs to a network of this structure."""
    shapes = [tuple(variable.shape) for variable in variables_of(network)]
    return [array.shape for array in state.variables] == shapes


def restore_network(state: State, network: Network) -> None:
    """Set the variables of the network and its optimiser to those of a state."""
    for variable, array in zip(variables_of(network), state.variables, strict=True):
        variable.assign(array)


KEPT = {
    "EarlyStopping": ("wait", "best", "best_epoch", "stopped_epoch"),
    "ReduceLROnPlateau": ("wait", "best", "cooldown_counter"),
}
"""Counters of Keras' callbacks, which they reset when a training begins."""


class Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the state after epochs; must be the last callback, to see the others' counters.

    Keras' own `BackupAndRestore` saves weights and optimiser, but not the best weights, the
    patience counters, the order of the batches and the metrics of earlier epochs.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        others: list[Any],
        batches: Any,
        history: list[dict[str, float]],
        epochs: int,
        state: State | None,
    ) -> None:
        super().__init__()
        self.checkpoint, self.batches, self.history = checkpoint, batches, history
        self.epochs, self.state = epochs, state
        self.others = {type(other).__name__: other for other in others}
        self._next = 0.0

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Restore the counters of the other callbacks, which have just reset them."""
        if self.state is None:
            return
        for name, values in self.state.callbacks.items():
            for key, value in values.items():
                setattr(self.others[name], key, value)
        if self.state.best is not None:
            self.others["EarlyStopping"].best_weights = self.state.best
        self.state = None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save the state, unless saving would take too much of the time."""
        ended = self.model.stop_training or epoch + 1 == self.epochs
        start = time.monotonic()
        if start < self._next and not ended:
            return
        stopping = self.others.get("EarlyStopping")
        state = State(
            variables=[keras.ops.convert_to_numpy(v) for v in variables_of(self.model)],
            best=None if stopping is None else stopping.best_weights,
            ended=ended,
            history=self.history,
            callbacks={
                name: {key: getattr(self.others[name], key) for key in keys}
                for name, keys in KEPT.items()
                if name in self.others
            },
            batches=self.batches.state(),
        )
        try:
            write_state(self.checkpoint.path, state)
        except OSError as error:
            logging.getLogger(__name__).warning(
                "cannot save the training's state in %s (%s): an interruption would lose it",
                self.checkpoint.folder,
                error.strerror or error,
            )
            self._next = float("inf")
            return
        now = time.monotonic()
        self._next = now + (now - start) / SHARE
