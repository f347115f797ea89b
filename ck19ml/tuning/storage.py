"""Where a study is kept: a journal file of one machine, or PostgreSQL for several."""

import fcntl
import threading
import uuid
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock
from optuna.trial import FrozenTrial

from ck19ml.errors import Ck19Error, ConfigError, is_full
from ck19ml.tuning.locks import PATIENCE_S, FileLocks, Locks, PostgresLocks

OWNER = "owner"
"""Set once a trial's process is known to be alive; a running trial without it is a dead one's."""

GRACE = 4
"""Heartbeats that a process may miss before its trial is given to another."""


class Life(Protocol):
    """Which processes of a study are alive."""

    owner: str

    def begin(self, trial: int) -> None:
        """Say that this process works on a trial (its id in the storage)."""

    def beating(self, trial: int) -> AbstractContextManager[None]:
        """Keep saying it."""

    def dead(self, running: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return those of the running trials whose process died."""


@dataclass(frozen=True)
class Opened:
    """A study's storage, its locks and the life of its processes."""

    storage: Any
    locks: Locks
    life: Life


class _LockLife:
    """Each process holds a lock as long as it lives."""

    def __init__(self, locks: FileLocks, owner: str) -> None:
        self.locks, self.owner = locks, owner

    def begin(self, trial: int) -> None:
        """Nothing to do: the lock says it."""

    def beating(self, trial: int) -> AbstractContextManager[None]:
        return nullcontext()

    def dead(self, running: list[FrozenTrial]) -> list[FrozenTrial]:
        return [trial for trial in running if not self._lives(trial.user_attrs.get(OWNER))]

    def _lives(self, owner: str | None) -> bool:
        if owner is None:
            return False
        with self.locks.attempt(f"worker-{owner}") as free:
            if free:
                self.locks.forget(f"worker-{owner}")
            return not free


class _HeartbeatLife:
    """Each trial has a heartbeat in the database, which is Optuna's own."""

    def __init__(self, storage: RDBStorage, study: str, owner: str) -> None:
        self.storage, self.study, self.owner = storage, study, owner

    def begin(self, trial: int) -> None:
        self.storage.record_heartbeat(trial)

    @contextmanager
    def beating(self, trial: int) -> Iterator[None]:
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
        if not running:
            return []
        number = self.storage.get_study_id_from_name(self.study)
        stale = set(self.storage._get_stale_trial_ids(number))
        return [t for t in running if OWNER not in t.user_attrs or t._trial_id in stale]


class _JournalLock(BaseJournalFileLock):  # type: ignore[misc]
    """The lock of single writes: a dead process' is free at once, its half line is cut off.

    Optuna's own lock is a link that a killed process leaves behind, for which others wait
    half a minute; and a line that was cut short (killed, disk full) would spoil the next one.
    """

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self.path = journal.with_name(journal.name + ".write")
        self.file: Any = None

    def acquire(self) -> bool:
        self.file = self.path.open("a")
        fcntl.flock(self.file, fcntl.LOCK_EX)
        _cut_half_line(self.journal)
        return True

    def release(self) -> None:
        self.file.close()


def _cut_half_line(journal: Path) -> None:
    with journal.open("rb+") as file:
        end = file.seek(0, 2)
        if end == 0:
            return
        file.seek(end - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


@contextmanager
def open_storage(where: Path | str, study: str, *, heartbeat: int) -> Iterator[Opened]:
    """Open the storage of a study; its errors end in one line.

    Parameters
    ----------
    where : Path or str
        A journal file, or a ``postgresql://`` URL.
    study : str
        Name of the study.
    heartbeat : int
        Seconds between two signs of life in a database.

    Raises
    ------
    ConfigError
        If the URL is of another database.
    Ck19Error
        If the storage is lost or full, now or while it is in use.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = require_storage(where)
    with lost_in_one_line(where), ExitStack() as stack:
        if url is None:
            yield _open_journal(Path(where), stack)
        else:
            yield _open_database(url, study, heartbeat)


@contextmanager
def lost_in_one_line(where: Path | str) -> Iterator[None]:
    """Say in one line that a study's storage is lost or full."""
    url = require_storage(where)
    try:
        yield
    except (StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
        if url is None:
            raise
        raise Ck19Error(
            f"expected the study's database at {shown(where)} to answer, found: "
            f"{_reason(error, url)}; what was told to it is kept: run the same command again"
        ) from error
    except OSError as error:
        if not is_full(error):
            raise
        raise Ck19Error(
            f"expected room on the disk of {error.filename or shown(where)}, found it full; free "
            "some and run the same command again: it goes on"
        ) from error


def _open_journal(journal: Path, stack: ExitStack) -> Opened:
    journal.parent.mkdir(parents=True, exist_ok=True)
    locks = FileLocks(journal.with_name(journal.name + ".locks"))
    owner = uuid.uuid4().hex[:12]
    stack.callback(locks.forget, f"worker-{owner}")
    stack.enter_context(locks.hold(f"worker-{owner}"))
    backend = JournalFileBackend(str(journal), _JournalLock(journal))
    try:
        storage = JournalStorage(backend)
    except ValueError as error:
        raise Ck19Error(
            f"expected Optuna's journal at {journal}, found lines that are none; restore it, or "
            "move it away to start anew"
        ) from error
    return Opened(storage, locks, _LockLife(locks, owner))


def _open_database(url: sqlalchemy.URL, study: str, heartbeat: int) -> Opened:
    text = url.render_as_string(hide_password=False)
    # Tables are made once: two processes that make them at the same time both fail.
    with PostgresLocks(text, "tables").hold("tables"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        storage = RDBStorage(
            text,
            engine_kwargs={
                "pool_pre_ping": True,
                "connect_args": {"connect_timeout": PATIENCE_S},
            },
            heartbeat_interval=heartbeat,
            grace_period=GRACE * heartbeat,
        )
    owner = uuid.uuid4().hex[:12]
    return Opened(storage, PostgresLocks(text, study), _HeartbeatLife(storage, study, owner))


def require_storage(where: Path | str) -> sqlalchemy.URL | None:
    """Return the URL of a database, None for a file.

    Raises
    ------
    ConfigError
        If it is the URL of something else than PostgreSQL.
    """
    if "://" not in str(where):
        return None
    wrong = f"storage: expected a file or postgresql://host/database, found {shown(where)}"
    try:
        url = sqlalchemy.make_url(str(where))
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        raise ConfigError(f"{wrong}; correct it") from error
    if url.drivername in ("postgres", "postgresql"):
        # Said in full: which driver stands behind the short name changes with SQLAlchemy.
        url = url.set(drivername="postgresql+psycopg2")
    if url.get_backend_name() != "postgresql":
        raise ConfigError(f"{wrong}; several processes at once need a file or PostgreSQL")
    return url


def has_password(where: Path | str) -> bool:
    """Tell whether a storage's URL holds a password."""
    url = require_storage(where)
    return url is not None and (url.password is not None or "password" in url.query)


def shown(where: Path | str) -> str:
    """Return a storage's place without user, password and options, fit for a message."""
    if "://" not in str(where):
        return str(where)
    try:
        url = sqlalchemy.make_url(str(where))
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return f"{str(where).partition('://')[0]}://..."
    place = sqlalchemy.URL.create(
        url.drivername, host=url.host, port=url.port, database=url.database
    )
    return place.render_as_string()


def _reason(error: Exception, url: sqlalchemy.URL) -> str:
    found: BaseException = getattr(error, "orig", None) or error.__cause__ or error
    lines = str(getattr(found, "orig", None) or found).strip().splitlines() or [""]
    text = f"{type(found).__name__} {lines[0][:160]}".strip()
    for secret in (url.password, url.username, url.query.get("password")):
        text = text.replace(str(secret), "***") if secret else text
    return text
