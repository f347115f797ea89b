"""The only module that imports optuna: a study with an exact budget of trials."""

import fcntl
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import optuna
import pandas as pd
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from ck19ml.errors import Ck19Error, ConfigError, TrialFailed

Parameters = dict[str, Any]
Notes = dict[str, Any]
Report = Callable[[int, float], None]
"""Takes the epoch and the value to minimise; ends a hopeless trial by an exception."""

STARTUP_TRIALS = 5
"""Trials before the sampler models and the pruner compares."""

WARMUP_EPOCHS = 2
"""Epochs before a trial can be pruned."""

INTERRUPTED = "interrupted"
NOTES = "notes"


class Watcher(Protocol):
    """What the study tells of its trials."""

    def started(self, number: int, parameters: Parameters) -> None:
        """Tell that a trial starts."""

    def ended(self, number: int, state: str, error: str | None) -> None:
        """Tell that a trial is now complete, pruned, fail or interrupted."""


@dataclass(frozen=True)
class Range:
    """A range of numbers; whole ones where both ends are."""

    low: float | int
    high: float | int
    log: bool = False


Space = Mapping[str, list[Any] | Range]


@dataclass(frozen=True)
class Trial:
    """A complete trial; the notes are what its objective kept beside the value."""

    number: int
    parameters: Parameters
    value: float
    notes: Notes


Objective = Callable[[int, Parameters, Report], tuple[float, Notes]]
"""Takes number, parameters and a report function; returns the value and JSON-like notes."""


@dataclass(frozen=True)
class Study:
    """An open study. Values are losses: the smallest is the best."""

    inner: optuna.Study
    seed: int

    @property
    def done(self) -> int:
        """Number of complete and pruned trials: what the budget counts."""
        return len(self._in(TrialState.COMPLETE, TrialState.PRUNED))

    @property
    def failed(self) -> int:
        """Number of trials that failed by themselves (interrupted ones are none of these)."""
        interrupted = self._interrupted
        return sum(trial.number not in interrupted for trial in self._in(TrialState.FAIL))

    @property
    def best(self) -> Trial:
        """The complete trial with the smallest value.

        Raises
        ------
        Ck19Error
            If no trial is complete.
        """
        complete = self._in(TrialState.COMPLETE)
        if not complete:
            raise Ck19Error(
                "expected at least one complete trial, found none; look at the failed trials' "
                "runs, or raise --trials"
            )
        best = min(complete, key=lambda trial: float(trial.value or 0.0))
        return Trial(best.number, best.params, float(best.value or 0.0), best.user_attrs[NOTES])

    def table(self) -> pd.DataFrame:
        """One row a trial: trial, state, value (of a pruned one: its best so far), parameters.

        The state is complete, pruned, fail, interrupted or running.
        """
        rows = [
            {"trial": t.number, "state": self._state(t), "value": _value(t), **t.params}
            for t in self.inner.get_trials(deepcopy=False)
            if t.state is not TrialState.WAITING
        ]
        return pd.DataFrame(rows)

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON-like value with the study."""
        self.inner.set_user_attr(key, value)

    def recall(self, key: str) -> Any:
        """Return what `remember` kept; None if nothing."""
        return self.inner.user_attrs.get(key)

    def run(
        self,
        budget: int,
        objective: Objective,
        space: Space,
        watcher: Watcher,
        *,
        failures: int,
    ) -> int:
        """Run trials until the study has as many as its budget says.

        Parameters
        ----------
        budget : int
            Complete and pruned trials that the study has when this returns.
        objective : callable
            A `TrialFailed` or a MemoryError in it fails the trial, any other exception ends
            the study.
        failures : int
            Failed trials after which the study stops.

        Returns
        -------
        int
            Number of trials that this call added.

        Raises
        ------
        Ck19Error
            If too many trials failed.
        """
        before = self.done
        failed_before = self.failed
        while self.done < budget:
            if self.failed - failed_before > failures:
                raise Ck19Error(
                    f"expected at most {failures} failed trials, found "
                    f"{self.failed - failed_before}; look at their runs, then run again to go on"
                )
            self._run_one(objective, space, watcher)
        return self.done - before

    def _run_one(
        self,
        objective: Objective,
        space: Space,
        watcher: Watcher,
    ) -> None:
        # A seed of its own for each trial that counts: a study that was interrupted draws as
        # one that was not.
        finished = len(self.inner.get_trials(deepcopy=False)) - len(self._interrupted)
        self.inner.sampler = optuna.samplers.TPESampler(
            seed=self.seed + finished, n_startup_trials=STARTUP_TRIALS, multivariate=True
        )
        trial = self.inner.ask()
        parameters = {name: _suggest(trial, name, choice) for name, choice in space.items()}
        watcher.started(trial.number, parameters)

        def report(step: int, value: float) -> None:
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned

        try:
            state, error = self._conclude(trial, objective(trial.number, parameters, report))
        except optuna.TrialPruned:
            self.inner.tell(trial, state=TrialState.PRUNED)
            state, error = "pruned", None
        except (TrialFailed, MemoryError) as failure:
            self.inner.tell(trial, state=TrialState.FAIL)
            state, error = "fail", str(failure) or type(failure).__name__
        except BaseException:
            self._give_up(trial.number)
            watcher.ended(trial.number, INTERRUPTED, "its parameters are tried again")
            raise
        watcher.ended(trial.number, state, error)

    def _conclude(self, trial: optuna.Trial, result: tuple[float, Notes]) -> tuple[str, str | None]:
        value, notes = result
        if not math.isfinite(value):
            raise TrialFailed(f"expected a finite value, found {value}")
        trial.set_user_attr(NOTES, notes)
        self.inner.tell(trial, value)
        return "complete", None

    def recover(self) -> list[int]:
        """Fail the trials that a dead process left running, and queue them again.

        Only the process that holds the study's lock may call it.

        Returns
        -------
        list of int
            Their numbers.
        """
        dead = [trial.number for trial in self._in(TrialState.RUNNING)]
        for number in dead:
            self._give_up(number)
        return dead

    def _give_up(self, number: int) -> None:
        self.remember(INTERRUPTED, sorted({number, *self._interrupted}))
        trial = self.inner.tell(number, state=TrialState.FAIL)
        if trial.params:
            self.inner.enqueue_trial(trial.params)

    @property
    def _interrupted(self) -> list[int]:
        return list(self.recall(INTERRUPTED) or [])

    def _state(self, trial: FrozenTrial) -> str:
        return INTERRUPTED if trial.number in self._interrupted else trial.state.name.lower()

    def _in(self, *states: TrialState) -> list[FrozenTrial]:
        return list(self.inner.get_trials(deepcopy=False, states=states))


@contextmanager
def open_study(journal: Path, name: str, *, seed: int, first: Parameters) -> Iterator[Study]:
    """Open a study, new or old, for this process alone.

    Parameters
    ----------
    journal : Path
        Optuna's journal file; ``.owner`` beside it tells other processes that it is in use
        (``.lock`` is Optuna's own, held for single writes).
    name : str
    seed : int
    first : dict
        Parameters of the first trial; empty to draw it.

    Raises
    ------
    ConfigError
        If another process runs a study of this journal.
    """
    optuna.logging.set_verbosity(logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.with_name(journal.name + ".owner").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"expected {journal} to be free, found another 'tune' at work on it; wait for it "
                "to end"
            ) from error
        inner = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(journal))),
            study_name=name,
            direction="minimize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(STARTUP_TRIALS, WARMUP_EPOCHS),
        )
        if first and not inner.get_trials(deepcopy=False):
            inner.enqueue_trial(first)
        yield Study(inner, seed)


def _suggest(trial: optuna.Trial, name: str, choice: list[Any] | Range) -> Any:
    if isinstance(choice, list):
        return trial.suggest_categorical(name, choice)
    if isinstance(choice.low, int) and isinstance(choice.high, int):
        return trial.suggest_int(name, choice.low, choice.high, log=choice.log)
    return trial.suggest_float(name, choice.low, choice.high, log=choice.log)


def _value(trial: FrozenTrial) -> float | None:
    if trial.state is TrialState.PRUNED and trial.intermediate_values:
        return float(min(trial.intermediate_values.values()))
    return None if trial.value is None else float(trial.value)
