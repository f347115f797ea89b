"""A study with an exact budget of trials, whoever works on it and however it ends."""

import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
import pandas as pd
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from ck19ml.errors import Ck19Error, TrialFailed
from ck19ml.tuning.drawing import pruner_of, sampler_of, suggest
from ck19ml.tuning.interrupts import held_back
from ck19ml.tuning.kinds import (
    Ended,
    Notes,
    Objective,
    Parameters,
    Space,
    Trial,
    Watcher,
)
from ck19ml.tuning.storage import OWNER, Opened, open_storage

DEATHS = 3
"""Processes that may die of the same parameters before these count as failed."""

POLL_S = 0.5
"""Between two looks at a study whose last trials others have."""

INTERRUPTED = "interrupted"
NOTES = "notes"
DIED = "died"
ERROR = "error"
AGAIN = "again_of"
COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)
"""What the budget counts."""


class _Stopped(Exception):
    """Ends a trial of a worker that is not needed any more."""


@dataclass(frozen=True)
class Study:
    """An open study. Values are losses: the smallest is the best.

    Any number of processes may have it open: each takes its trials one by one, while it holds
    a lock under which the trials at work and those that count are at most the budget.
    """

    inner: optuna.Study
    seed: int
    opened: Opened

    @property
    def name(self) -> str:
        """The study's name in its storage."""
        return str(self.inner.study_name)

    @property
    def done(self) -> int:
        """Number of complete and pruned trials: what the budget counts."""
        return len(self._in(*COUNTED))

    @property
    def running(self) -> int:
        """Number of trials at work, here or elsewhere."""
        return len(self._in(TrialState.RUNNING))

    @property
    def failed(self) -> int:
        """Number of trials that failed by themselves (interrupted ones are none of these)."""
        return sum(INTERRUPTED not in trial.user_attrs for trial in self._in(TrialState.FAIL))

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
        best = min(complete, key=lambda trial: (float(trial.value or 0.0), trial.number))
        return Trial(best.number, best.params, float(best.value or 0.0), best.user_attrs[NOTES])

    def table(self) -> pd.DataFrame:
        """One row a trial: trial, state, value (of a pruned one: its best so far), parameters.

        The state is complete, pruned, fail, interrupted or running.
        """
        rows = [
            {"trial": t.number, "state": _state(t), "value": _value(t), **t.params}
            for t in self._trials()
            if t.state is not TrialState.WAITING
        ]
        return pd.DataFrame(rows)

    def endings(self) -> dict[int, Ended]:
        """How each trial ended that did, by its number."""
        return {
            t.number: Ended(
                _state(t),
                t.user_attrs.get(ERROR),
                t.datetime_complete and t.datetime_complete.timestamp(),
            )
            for t in self._trials()
            if t.state.is_finished()
        }

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON-like value with the study."""
        self.inner.set_user_attr(key, value)

    def recall(self, key: str) -> Any:
        """Return what `remember` kept; None if nothing."""
        return self.inner.user_attrs.get(key)

    def alone(self, what: str) -> AbstractContextManager[None]:
        """Wait until no other process does this, then hold others off."""
        return self.opened.locks.hold(what)

    def together(self, what: str) -> AbstractContextManager[None]:
        """Do this beside others; only `if_last` excludes them."""
        return self.opened.locks.hold(what, shared=True)

    def if_last(self, what: str) -> AbstractContextManager[bool]:
        """Tell whether nobody does this any more, and hold others off."""
        return self.opened.locks.attempt(what)

    def run(
        self,
        budget: int,
        objective: Objective,
        space: Space,
        watcher: Watcher,
        *,
        failures: int,
        failed_before: int | None = None,
        until: float = math.inf,
        go_on: Callable[[], bool] = lambda: True,
    ) -> int:
        """Run trials until the study has as many as its budget says.

        Other processes may run trials of the study at the same time: together they end at
        the budget. Where the last trials are theirs, this waits for them, since it replaces
        those that a dying process leaves behind.

        Parameters
        ----------
        budget : int
            Complete and pruned trials that the study has when this returns.
        objective : callable
            A `TrialFailed` or a MemoryError in it fails the trial, any other exception ends
            the study.
        failures : int
            Failed trials after which the study stops.
        failed_before : int, optional
            Failed trials that are not held against it; by default those of earlier calls.
        until : float
            No trial is started after this time (seconds since 1970).
        go_on : callable
            Asked between trials and after each epoch; once it says no, the trial at work is
            given up and queued again.

        Returns
        -------
        int
            Number of trials that this call added.

        Raises
        ------
        Ck19Error
            If too many trials failed.
        """
        before = self.failed if failed_before is None else failed_before
        added = 0
        while self.done < budget and time.time() < until and go_on():
            self.require_few_failures(failures, before)
            trial = self._claim(budget)
            if trial is None:
                time.sleep(POLL_S)
            else:
                added += self._run_one(trial, objective, space, watcher, go_on)
        return added

    def require_few_failures(self, failures: int, before: int) -> None:
        """Refuse to go on where more trials failed than are allowed."""
        found = self.failed - before
        if found > failures:
            raise Ck19Error(
                f"expected at most {failures} failed trials, found {found}; look at their runs, "
                "then run again to go on"
            )

    def recover(self) -> list[int]:
        """Fail the trials whose process died, and queue them again; returns their numbers."""
        with self._writing():
            return self._recover()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold other processes off, and interrupts back."""
        with self.alone("claim"), held_back():
            yield

    def _recover(self) -> list[int]:
        dead = self.opened.life.dead(self._in(TrialState.RUNNING))
        for trial in dead:
            self._give_up(trial, died=True)
        return [trial.number for trial in dead]

    def _claim(self, budget: int) -> optuna.Trial | None:
        """Take a trial, unless those at work are enough to fill the budget."""
        with self._writing():
            self._recover()
            if len(self._in(*COUNTED, TrialState.RUNNING)) >= budget:
                return None
            self._queue_again()
            # A seed of its own for each trial that counts: a study that was interrupted draws
            # as one that was not.
            seed = self.seed + sum(
                INTERRUPTED not in trial.user_attrs and trial.state is not TrialState.WAITING
                for trial in self._trials()
            )
            self.inner.sampler = sampler_of(seed)
            with warnings.catch_warnings():
                # Optuna expects that only its own loop has heartbeats.
                warnings.filterwarnings("ignore", message="Heartbeat of storage")
                trial = self.inner.ask()
            self.opened.life.begin(trial._trial_id)
            trial.set_user_attr(OWNER, self.opened.life.owner)
        return trial

    def _queue_again(self) -> None:
        """Queue the parameters of interrupted trials that were not taken up yet."""
        trials = self._trials()
        taken_up = {trial.user_attrs.get(AGAIN) for trial in trials}
        for trial in trials:
            parameters = trial.params or trial.system_attrs.get("fixed_params")
            lost = INTERRUPTED in trial.user_attrs and trial.number not in taken_up
            if lost and trial.state is TrialState.FAIL and parameters:
                died = trial.user_attrs.get(DIED, 0)
                notes = {AGAIN: trial.number} | ({DIED: died} if died else {})
                self.inner.enqueue_trial(parameters, user_attrs=notes)

    def _run_one(
        self,
        trial: optuna.Trial,
        objective: Objective,
        space: Space,
        watcher: Watcher,
        go_on: Callable[[], bool],
    ) -> bool:
        """Run a trial; returns whether it counts."""

        def report(step: int, value: float) -> None:
            if not go_on():
                raise _Stopped
            with held_back():
                trial.report(value, step)
                hopeless = trial.should_prune()
            if hopeless:
                raise optuna.TrialPruned

        try:
            with held_back():
                parameters = {name: suggest(trial, name, each) for name, each in space.items()}
            watcher.started(trial.number, parameters)
            with self.opened.life.beating(trial._trial_id):
                state, error = self._conclude(trial, lambda: objective(
                    trial.number, parameters, report
                ))  # fmt: skip
        except BaseException as reason:
            self._release(trial.number)
            watcher.ended(trial.number, INTERRUPTED, "its parameters are tried again")
            if isinstance(reason, _Stopped):
                return False
            raise
        if state == INTERRUPTED:
            error = "its process gave no sign of life for too long: another one took it up"
        watcher.ended(trial.number, state, error)
        return state in ("complete", "pruned")

    def _conclude(
        self, trial: optuna.Trial, objective: Callable[[], tuple[float, Notes]]
    ) -> tuple[str, str | None]:
        """Train, and tell what came of it; returns the state and the error."""
        try:
            value, notes = objective()
            if not math.isfinite(value):
                raise TrialFailed(f"expected a finite value, found {value}")
            return self._tell(trial, "complete", None, value, notes), None
        except optuna.TrialPruned:
            return self._tell(trial, "pruned", None), None
        except (TrialFailed, MemoryError) as failure:
            error = str(failure) or type(failure).__name__
            return self._tell(trial, "fail", error), error
        except UpdateFinishedTrialError:
            return INTERRUPTED, None

    def _tell(
        self, trial: optuna.Trial, state: str, error: str | None, value: float = 0.0, notes: Any = 0
    ) -> str:
        """Conclude a trial, unless it was taken for dead; returns its state."""
        with self._writing():
            if self._trials()[trial.number].state.is_finished():
                return INTERRUPTED
            if state == "complete":
                trial.set_user_attr(NOTES, notes)
                self.inner.tell(trial, value)
            elif state == "pruned":
                self.inner.tell(trial, state=TrialState.PRUNED)
            else:
                trial.set_user_attr(ERROR, error)
                self.inner.tell(trial, state=TrialState.FAIL)
        return state

    def _release(self, number: int) -> None:
        try:
            with self._writing():
                trial = self._trials()[number]
                if not trial.state.is_finished():
                    self._give_up(trial, died=False)
        except (StorageInternalError, SQLAlchemyError, OSError):
            return  # the storage is what was lost: a later call finds the trial without a process

    def _give_up(self, trial: FrozenTrial, *, died: bool) -> None:
        storage, identifier = self.opened.storage, trial._trial_id
        deaths = trial.user_attrs.get(DIED, 0) + died
        if died:
            storage.set_trial_user_attr(identifier, DIED, deaths)
        if deaths < DEATHS:
            storage.set_trial_user_attr(identifier, INTERRUPTED, True)
        else:
            error = f"{deaths} processes died of these parameters"
            storage.set_trial_user_attr(identifier, ERROR, error)
        storage.set_trial_state_values(identifier, TrialState.FAIL)

    def _trials(self) -> list[FrozenTrial]:
        return list(self.inner.get_trials(deepcopy=False))

    def _in(self, *states: TrialState) -> list[FrozenTrial]:
        return list(self.inner.get_trials(deepcopy=False, states=states))


@contextmanager
def open_study(
    where: Path | str,
    name: str,
    *,
    seed: int,
    first: Parameters,
    pruner: Literal["median", "hyperband", "none"] = "median",
    heartbeat: int = 15,
) -> Iterator[Study]:
    """Open a study, new or old, alone or beside others.

    Parameters
    ----------
    where : Path or str
        Optuna's journal file, or a ``postgresql://`` URL.
    name : str
    seed : int
    first : dict
        Parameters of the first trial; empty to draw it.
    pruner : {'median', 'hyperband', 'none'}
    heartbeat : int
        Seconds between two signs of life in a database.

    Raises
    ------
    ConfigError
        If the storage is of a kind that several processes cannot share.
    Ck19Error
        If the storage is lost or full, now or while it is in use.
    """
    with open_storage(where, name, heartbeat=heartbeat) as opened:
        with opened.locks.hold("claim"):
            inner = optuna.create_study(
                storage=opened.storage,
                study_name=name,
                direction="minimize",
                load_if_exists=True,
                pruner=pruner_of(pruner),
            )
            if first and not inner.get_trials(deepcopy=False):
                inner.enqueue_trial(first)
        yield Study(inner, seed, opened)


def _state(trial: FrozenTrial) -> str:
    lost = trial.state is TrialState.FAIL and INTERRUPTED in trial.user_attrs
    return INTERRUPTED if lost else str(trial.state.name.lower())


def _value(trial: FrozenTrial) -> float | None:
    if trial.state is TrialState.PRUNED and trial.intermediate_values:
        return float(min(trial.intermediate_values.values()))
    return None if trial.value is None else float(trial.value)
