"""Storage of a study: a journal file on one machine, or PostgreSQL for several."""

import uuid
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from ck19ml.errors import Ck19Error, ConfigError, is_full
from ck19ml.files.locking import locked
from ck19ml.tuning.liveness import GRACE, HeartbeatLife, Life, LockLife
from ck19ml.tuning.locks import PATIENCE_S, FileLocks, Locks, PostgresLocks


@dataclass(frozen=True)
class Opened:
    """A study's storage, its locks and the life of its processes."""

    storage: Any
    locks: Locks
    life: Life


class _NoLock(BaseJournalFileLock):  # type: ignore[misc]
    """No-op in place of Optuna's lock of single writes: `_Journal` has its own."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


class _Journal(JournalFileBackend):  # type: ignore[misc]
    """Optuna's journal with another lock of single writes.

    Optuna's own lock is a link that a killed process leaves behind, for which others wait
    half a minute; and a truncated line (process killed, disk full) would corrupt the next one.
    Here the system releases the lock, however the write or the process ends.
    """

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal), _NoLock())
        self.journal = journal

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        with locked(self.journal.with_name(self.journal.name + ".write")):
            _cut_half_line(self.journal)
            super().append_logs(logs)


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
    """Open the storage of a study; its errors become one line.

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
    """Turn errors of a lost or full storage of a study into one line."""
    url = require_storage(where)
    try:
        yield
    except (StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
        if url is None:
            raise
        raise Ck19Error(
            f"the study's database at {shown(where)} does not answer: {_reason(error, url)}; what "
            "it recorded is kept: rerun the command to resume"
        ) from error
    except OSError as error:
        if not is_full(error):
            raise
        raise Ck19Error(
            f"no space left while writing {error.filename or shown(where)}; free some space and "
            "rerun the command to resume"
        ) from error


OPENING = b'{"op_code":'
"""First characters of each line of a journal."""


def _no_journal(journal: Path) -> Ck19Error:
    return Ck19Error(
        f"{journal} has lines that are not an Optuna journal's; restore it, or move it away to "
        "start anew"
    )


def _require_journal(journal: Path) -> None:
    """Refuse another file before writing to it: its last line might be cut off."""
    if not journal.exists():
        return
    with journal.open("rb") as file:
        start = file.read(len(OPENING))
    if not OPENING.startswith(start):  # shorter if the first write was cut short
        raise _no_journal(journal)


def _open_journal(journal: Path, stack: ExitStack) -> Opened:
    _require_journal(journal)
    journal.parent.mkdir(parents=True, exist_ok=True)
    locks = FileLocks(journal.with_name(journal.name + ".locks"))
    owner = uuid.uuid4().hex[:12]
    stack.callback(locks.forget, f"worker-{owner}")
    stack.enter_context(locks.hold(f"worker-{owner}"))
    try:
        storage = JournalStorage(_Journal(journal))
    except (ValueError, KeyError, AssertionError) as error:
        raise _no_journal(journal) from error
    return Opened(storage, locks, LockLife(locks, owner))


def _open_database(url: sqlalchemy.URL, study: str, heartbeat: int) -> Opened:
    text = url.render_as_string(hide_password=False)
    # Two processes that create the tables at the same time both fail.
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
    return Opened(storage, PostgresLocks(text, study), HeartbeatLife(storage, study, owner))


def require_storage(where: Path | str) -> sqlalchemy.URL | None:
    """Return the URL of a database, None for a file.

    Raises
    ------
    ConfigError
        If it is a folder, or a URL of another database.
    """
    if "://" not in str(where):
        if Path(where).is_dir():
            raise ConfigError(f"storage: {where} is a folder; name a file")
        return None
    wrong = f"storage: {shown(where)} is neither a file nor postgresql://host/database"
    try:
        url = sqlalchemy.make_url(str(where))
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        raise ConfigError(f"{wrong}; correct it") from error
    if url.drivername in ("postgres", "postgresql"):
        # In full: the driver behind the short name depends on SQLAlchemy's version.
        url = url.set(drivername="postgresql+psycopg2")
    if url.get_backend_name() != "postgresql":
        raise ConfigError(f"{wrong}; use one of these, which several processes can share")
    return url


def require_answer(where: Path | str) -> None:
    """Check that a study can be stored there, before hours go into the steps before it.

    Raises
    ------
    ConfigError
        If the URL is of another database.
    Ck19Error
        If the database does not answer, or the file is not a journal.
    """
    url = require_storage(where)
    with lost_in_one_line(where):
        if url is None:
            _require_journal(Path(where))
        else:
            locks = PostgresLocks(url.render_as_string(hide_password=False), "answer")
            with locks.attempt("answer"):
                pass


def has_password(where: Path | str) -> bool:
    """Return whether a storage's URL contains a password."""
    url = require_storage(where)
    return url is not None and (url.password is not None or "password" in url.query)


def shown(where: Path | str) -> str:
    """Return a storage's URL without user, password and options, for messages."""
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
