"""Keep what a training needs to go on where it was interrupted, exactly."""

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

from ck19ml.networks.architectures import Network

FORMAT = 1
SHARE = 0.05
"""Share of the time that writing may take: short epochs are not all kept."""


def _silent(_: int) -> None:
    pass


@dataclass(frozen=True)
class Checkpoint:
    """Where the state of a training lies, beside that of its other stages.

    Attributes
    ----------
    folder : Path
        Made when there is something to keep.
    announce : callable
        Called with the number of the epoch that an interrupted training goes on at.
    stage : str
        Of a training that fits twice, the head first.
    """

    folder: Path
    announce: Callable[[int], None] = _silent
    stage: str = "network"

    @property
    def path(self) -> Path:
        """The file with the state."""
        return self.folder / f"{self.stage}.npz"

    def of_stage(self, stage: str) -> "Checkpoint":
        """Return the checkpoint of another stage of the same training."""
        return replace(self, stage=stage)

    def remove(self) -> None:
        """Remove what is kept of all stages: the training has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class State:
    """A training after an epoch.

    Attributes
    ----------
    variables : list of ndarray
        Of the network (weights, statistics, the generators of dropout) and its optimiser.
    best : list of ndarray, optional
        The best weights so far, where validation chooses them.
    ended : bool
        Whether this was the last epoch.
    history : list of dict
        The metrics of the epochs so far.
    callbacks : dict of dict
        Counters of patience, by the callback's name.
    batches : dict
        `batches.Batches.state`.
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
        """Number of epochs that were run."""
        return len(self.history)


def _made_by() -> dict[str, Any]:
    # Another backend, or another Keras, has other variables and would not train on the same way.
    return {"format": FORMAT, "keras": keras.__version__, "backend": keras.backend.backend()}


def write_state(path: Path, state: State) -> None:
    """Write a state, in place of what was there, at once or not at all."""
    content = {name: value for name, value in vars(state).items() if name not in ARRAYS}
    content["has_best"] = state.best is not None
    arrays = {f"variable_{i:05d}": array for i, array in enumerate(state.variables)}
    arrays |= {f"best_{i:05d}": array for i, array in enumerate(state.best or [])}
    path.parent.mkdir(parents=True, exist_ok=True)
    # By process, for the same command may be started twice.
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with new.open("wb") as file:
            np.savez(file, content=np.array(json.dumps(content)), **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)  # of a full disk


ARRAYS = ("variables", "best")


def read_state(path: Path) -> State | None:
    """Read a state; None where there is none that this program can go on from."""
    try:
        # The file is opened here, for numpy leaves that of a damaged archive open.
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
    """Variables of a compiled network and its optimiser, in an order of their own."""
    network.optimizer.build(network.trainable_variables)
    return [*network.variables, *network.optimizer.variables]


def fits(state: State, network: Network) -> bool:
    """Tell whether a state is one of a network like this."""
    shapes = [tuple(variable.shape) for variable in variables_of(network)]
    return [array.shape for array in state.variables] == shapes


def restore_network(state: State, network: Network) -> None:
    """Set the network's and the optimiser's variables."""
    for variable, array in zip(variables_of(network), state.variables, strict=True):
        variable.assign(array)


KEPT = {
    "EarlyStopping": ("wait", "best", "best_epoch", "stopped_epoch"),
    "ReduceLROnPlateau": ("wait", "best", "cooldown_counter"),
}
"""What Keras' callbacks count, and forget when a training begins."""


class Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes the state after epochs; the last of the callbacks, so that theirs is known.

    Keras' own `BackupAndRestore` keeps weights and optimiser. It lacks the best weights and the
    counters of patience, the order of the batches and the metrics of the epochs before.
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
        """Give the other callbacks their counters back, which they have just reset."""
        if self.state is None:
            return
        for name, values in self.state.callbacks.items():
            for key, value in values.items():
                setattr(self.others[name], key, value)
        if self.state.best is not None:
            self.others["EarlyStopping"].best_weights = self.state.best
        self.state = None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write, unless writing would take too much of the time."""
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
                "cannot keep the training's state in %s (%s): an interruption would lose it",
                self.checkpoint.folder,
                error.strerror or error,
            )
            self._next = float("inf")
            return
        now = time.monotonic()
        self._next = now + (now - start) / SHARE
