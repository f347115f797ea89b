"""Claims on a study's trials: taken, ended and given up under the study's lock."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from ck19ml.tuning.liveness import OWNER
from ck19ml.tuning.locks import held_back
from ck19ml.tuning.sampling import sampler_of
from ck19ml.tuning.storage import Opened

DEATHS = 3
"""Number of processes that may die of the same parameters before these count as failed."""

INTERRUPTED = "interrupted"
NOTES = "notes"
ERROR = "error"
COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)
"""States of trials that count towards the budget."""

_DIED = "died"
_AGAIN = "again_of"


@dataclass(frozen=True)
class Claims:
    """Claims of processes on the trials of a study.

    Attributes
    ----------
    seed : int
        The study's; each trial has its own from it.
    """

    inner: optuna.Study
    seed: int
    opened: Opened

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """Return the trials in these states; all where none is named."""
        return list(self.inner.get_trials(deepcopy=False, states=states or None))

    def recover(self) -> list[int]:
        """Fail the trials whose process died, and queue them again; return their numbers."""
        with self._writing():
            return self._recover()

    def take(self, budget: int) -> optuna.Trial | None:
        """Claim a trial, unless the running ones already fill the budget."""
        with self._writing():
            self._recover()
            if len(self.trials(*COUNTED, TrialState.RUNNING)) >= budget:
                return None
            self._queue_again()
            # A seed of its own for each trial that counts: a study that was interrupted draws
            # as one that was not.
            seed = self.seed + sum(
                INTERRUPTED not in trial.user_attrs and trial.state is not TrialState.WAITING
                for trial in self.trials()
            )
            self.inner.sampler = sampler_of(seed)
            with warnings.catch_warnings():
                # Optuna expects that only its own loop has heartbeats.
                warnings.filterwarnings("ignore", message="Heartbeat of storage")
                trial = self.inner.ask()
            self.opened.life.begin(trial._trial_id)
            trial.set_user_attr(OWNER, self.opened.life.owner)
        return trial

    def tell(
        self, trial: optuna.Trial, state: str, error: str | None, value: float = 0.0, notes: Any = 0
    ) -> str:
        """End a trial, unless it was declared dead; return its state."""
        with self._writing():
            if self.trials()[trial.number].state.is_finished():
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

    def release(self, number: int) -> None:
        """Give up a trial that is running here, so that its parameters are tried again."""
        try:
            with self._writing():
                trial = self.trials()[number]
                if not trial.state.is_finished():
                    self.give_up(trial, died=False)
        except (StorageInternalError, SQLAlchemyError, OSError):
            return  # the storage is what was lost: a later call finds the trial without a process

    def give_up(self, trial: FrozenTrial, *, died: bool) -> None:
        """Fail a trial as interrupted, or for good where too many processes died of it."""
        storage, identifier = self.opened.storage, trial._trial_id
        deaths = trial.user_attrs.get(_DIED, 0) + died
        if died:
            storage.set_trial_user_attr(identifier, _DIED, deaths)
        if deaths < DEATHS:
            storage.set_trial_user_attr(identifier, INTERRUPTED, True)
        else:
            error = f"{deaths} processes died of these parameters"
            storage.set_trial_user_attr(identifier, ERROR, error)
        storage.set_trial_state_values(identifier, TrialState.FAIL)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Exclude other processes, and defer interrupts."""
        with self.opened.locks.hold("claim"), held_back():
            yield

    def _recover(self) -> list[int]:
        dead = self.opened.life.dead(self.trials(TrialState.RUNNING))
        for trial in dead:
            self.give_up(trial, died=True)
        return [trial.number for trial in dead]

    def _queue_again(self) -> None:
        """Queue the parameters of interrupted trials that are not yet queued."""
        trials = self.trials()
        taken_up = {trial.user_attrs.get(_AGAIN) for trial in trials}
        for trial in trials:
            parameters = trial.params or trial.system_attrs.get("fixed_params")
            lost = INTERRUPTED in trial.user_attrs and trial.number not in taken_up
            if lost and trial.state is TrialState.FAIL and parameters:
                died = trial.user_attrs.get(_DIED, 0)
                notes = {_AGAIN: trial.number} | ({_DIED: died} if died else {})
                self.inner.enqueue_trial(parameters, user_attrs=notes)
