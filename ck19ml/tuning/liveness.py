"""Liveness of a study's processes: by a lock that each holds, or by heartbeats."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

from ck19ml.tuning.locks import PATIENCE_S, FileLocks

OWNER = "owner"
"""Attribute set once a trial's process is known to live; without it, its process is dead."""

GRACE = 4
"""Heartbeats that a process may miss before its trial is given to another."""


class Life(Protocol):
    """Liveness of a study's processes."""

    owner: str

    def begin(self, trial: int) -> None:
        """Record that this process works on a trial (its id in the storage)."""

    def beating(self, trial: int) -> AbstractContextManager[None]:
        """Keep the record up to date."""

    def dead(self, running: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return those of the running trials whose process died."""


class LockLife:
    """Liveness by locks: each process holds one as long as it lives."""

    def __init__(self, locks: FileLocks, owner: str) -> None:
        self.locks, self.owner = locks, owner

    def begin(self, trial: int) -> None:
        """Do nothing: the lock is the record."""

    def beating(self, trial: int) -> AbstractContextManager[None]:
        """Do nothing: the lock is held as long as the process lives."""
        return nullcontext()

    def dead(self, running: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return the trials whose process no longer holds its lock."""
        return [trial for trial in running if not self._lives(trial.user_attrs.get(OWNER))]

    def _lives(self, owner: str | None) -> bool:
        if owner is None:
            return False
        with self.locks.attempt(f"worker-{owner}") as free:
            if free:
                self.locks.forget(f"worker-{owner}")
            return not free


class HeartbeatLife:
    """Liveness by heartbeats: each trial has Optuna's own in the database."""

    def __init__(self, storage: RDBStorage, study: str, owner: str) -> None:
        self.storage, self.study, self.owner = storage, study, owner

    def begin(self, trial: int) -> None:
        """Write the first heartbeat."""
        self.storage.record_heartbeat(trial)

    @contextmanager
    def beating(self, trial: int) -> Iterator[None]:
        """Write heartbeats from a thread."""
        ended = threading.Event()
        # A thread of ours: Optuna's ends for good when the database is away for a moment.
        thread = threading.Thread(target=self._beat, args=(trial, ended), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=PATIENCE_S)

    def _beat(self, trial: int, ended: threading.Event) -> None:
        while not ended.wait(self.storage.get_heartbeat_interval()):
            try:
                self.storage.record_heartbeat(trial)
            except (StorageInternalError, sqlalchemy.exc.SQLAlchemyError):
                continue  # the trial's own next write tells whether the database is lost

    def dead(self, running: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return the trials whose heartbeat has been missing for too long."""
        if not running:
            return []
        number = self.storage.get_study_id_from_name(self.study)
        stale = set(self.storage._get_stale_trial_ids(number))
        return [t for t in running if OWNER not in t.user_attrs or t._trial_id in stale]
