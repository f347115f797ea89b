"""A study with an exact budget of trials, whoever works on it and however it ends."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
import pandas as pd
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from ck19ml.errors import Ck19Error, TrialFailed
from ck19ml.tuning.claims import COUNTED, ERROR, INTERRUPTED, NOTES, Claims
from ck19ml.tuning.locks import held_back
from ck19ml.tuning.sampling import draw, pruner_of
from ck19ml.tuning.storage import open_storage
from ck19ml.tuning.types import Ended, Notes, Objective, Parameters, Space, Trial, Watcher, When

POLL_S = 0.5
"""Seconds between two looks at a study whose last trials run elsewhere."""


class _Stopped(Exception):
    """Raised to end a trial of a worker that is no longer needed."""


@dataclass(frozen=True)
class Study:
    """An open study. Values are losses: the smallest is the best.

    Any number of processes may have it open: each takes its trials one by one, while it holds
    a lock under which the trials at work and those that count are at most the budget.
    """

    claims: Claims

    @property
    def inner(self) -> optuna.Study:
        """The study as Optuna has it."""
        return self.claims.inner

    @property
    def name(self) -> str:
        """The study's name in its storage."""
        return str(self.inner.study_name)

    @property
    def done(self) -> int:
        """Number of complete and pruned trials, which count towards the budget."""
        return len(self.claims.trials(*COUNTED))

    @property
    def running(self) -> int:
        """Number of running trials, here or elsewhere."""
        return len(self.claims.trials(TrialState.RUNNING))

    @property
    def failed(self) -> int:
        """Number of trials that failed by themselves; interrupted ones do not count."""
        return sum(
            INTERRUPTED not in trial.user_attrs for trial in self.claims.trials(TrialState.FAIL)
        )

    @property
    def complete(self) -> list[Trial]:
        """The complete trials.

        Raises
        ------
        Ck19Error
            If there is none.
        """
        found = [
            Trial(trial.number, trial.params, float(trial.value or 0.0), trial.user_attrs[NOTES])
            for trial in self.claims.trials(TrialState.COMPLETE)
        ]
        if not found:
            raise Ck19Error(
                "no trial was completed; look at the failed trials' runs, or raise --trials"
            )
        return found

    def table(self) -> pd.DataFrame:
        """One row a trial: trial, state, value (of a pruned one: its best so far), parameters.

        The state is complete, pruned, fail, interrupted or running.
        """
        rows = [
            {"trial": t.number, "state": _state(t), "value": _value(t), **t.params}
            for t in self.claims.trials()
            if t.state is not TrialState.WAITING
        ]
        return pd.DataFrame(rows)

    def endings(self) -> dict[int, Ended]:
        """End of each trial that ended, by its number."""
        return {
            t.number: Ended(
                _state(t),
                t.user_attrs.get(ERROR),
                t.datetime_complete and t.datetime_complete.timestamp(),
            )
            for t in self.claims.trials()
            if t.state.is_finished()
        }

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON-like value with the study."""
        self.inner.set_user_attr(key, value)

    def recall(self, key: str) -> Any:
        """Return what `remember` kept; None if nothing."""
        return self.inner.user_attrs.get(key)

    def alone(self, what: str) -> AbstractContextManager[None]:
        """Wait until no other process does this step, then exclude the others."""
        return self.claims.opened.locks.hold(what)

    def together(self, what: str) -> AbstractContextManager[None]:
        """Do this step beside others; only `if_last` excludes them."""
        return self.claims.opened.locks.hold(what, shared=True)

    def if_last(self, what: str) -> AbstractContextManager[bool]:
        """Return whether this process may do this step, and keep the others from it."""
        return self.claims.opened.locks.attempt(what)

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
        when: When | None = None,
    ) -> int:
        """Run trials until the study has its budget.

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
        when : mapping, optional
            Which trials have a parameter; by default all have all.

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
            trial = self.claims.take(budget)
            if trial is None:
                time.sleep(POLL_S)
            else:
                added += self._run_one(trial, objective, (space, when or {}), watcher, go_on)
        return added

    def require_few_failures(self, failures: int, before: int) -> None:
        """Refuse to continue if more trials failed than are allowed."""
        found = self.failed - before
        if found > failures:
            raise Ck19Error(
                f"{found} trials failed, more than the {failures} allowed; look at their runs, "
                "then run again to resume"
            )

    def recover(self) -> list[int]:
        """Fail the trials whose process died, and queue them again; return their numbers."""
        return self.claims.recover()

    def _run_one(
        self,
        trial: optuna.Trial,
        objective: Objective,
        drawn: tuple[Space, When],
        watcher: Watcher,
        go_on: Callable[[], bool],
    ) -> bool:
        """Run a trial; return whether it counts."""

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
                parameters = draw(trial, *drawn)
            watcher.started(trial.number, parameters)
            with self.claims.opened.life.beating(trial._trial_id):
                state, error = self._conclude(trial, lambda: objective(
                    trial.number, parameters, report
                ))  # fmt: skip
        except BaseException as reason:
            self.claims.release(trial.number)
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
        """Train and record the result; return the state and the error."""
        try:
            value, notes = objective()
            if not math.isfinite(value):
                raise TrialFailed(f"the objective is {value}, not finite")
            return self.claims.tell(trial, "complete", None, value, notes), None
        except optuna.TrialPruned:
            return self.claims.tell(trial, "pruned", None), None
        except (TrialFailed, MemoryError) as failure:
            error = str(failure) or type(failure).__name__
            return self.claims.tell(trial, "fail", error), error
        except UpdateFinishedTrialError:
            return INTERRUPTED, None


def _state(trial: FrozenTrial) -> str:
    lost = trial.state is TrialState.FAIL and INTERRUPTED in trial.user_attrs
    return INTERRUPTED if lost else str(trial.state.name.lower())


def _value(trial: FrozenTrial) -> float | None:
    if trial.state is TrialState.PRUNED and trial.intermediate_values:
        return float(min(trial.intermediate_values.values()))
    return None if trial.value is None else float(trial.value)


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
    """Open a study, new or existing, alone or beside others.

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
        yield Study(Claims(inner, seed, opened))
