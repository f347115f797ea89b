"""Locks between the processes of a study, released however a process ends."""

import hashlib
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy

from ck19ml.files.locking import locked

PATIENCE_S = 10
"""Seconds that a database may take to answer."""


class Locks(Protocol):
    """Named locks of one study."""

    def hold(self, name: str, *, shared: bool = False) -> AbstractContextManager[None]:
        """Wait for a lock and hold it; shared holders exclude only exclusive ones."""

    def attempt(self, name: str) -> AbstractContextManager[bool]:
        """Hold a lock if it is free; yield whether it is held now."""


class FileLocks:
    """Locks on files: the system releases them when a process ends, killed or not.

    Parameters
    ----------
    folder : Path
        One file a lock; a file that is left behind means nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def hold(self, name: str, *, shared: bool = False) -> Iterator[None]:
        """Wait for a lock and hold it."""
        with locked(self.folder / name, shared=shared):
            yield

    @contextmanager
    def attempt(self, name: str) -> Iterator[bool]:
        """Hold a lock if nobody does."""
        with locked(self.folder / name, wait=False) as held:
            yield held

    def forget(self, name: str) -> None:
        """Remove the file of a lock that is no longer needed."""
        (self.folder / name).unlink(missing_ok=True)


class PostgresLocks:
    """Advisory locks of PostgreSQL [1]_: released when the connection ends.

    Each lock has its own connection, on which the server probes the client after 15 s of
    silence: the locks of a host that lost power are released within 30 s. The address must be
    that of the server itself: a pooler that shares connections between clients breaks the locks.

    References
    ----------
    .. [1] https://www.postgresql.org/docs/15/explicit-locking.html#ADVISORY-LOCKS
    """

    def __init__(self, url: str, study: str) -> None:
        alive = "-c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
        self.study = study
        self.engine = sqlalchemy.create_engine(
            url,
            poolclass=sqlalchemy.NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"connect_timeout": PATIENCE_S, "options": alive},
        )

    @contextmanager
    def hold(self, name: str, *, shared: bool = False) -> Iterator[None]:
        """Wait for a lock and hold it."""
        with self.engine.connect() as connection:
            self._ask(connection, "pg_advisory_lock" + ("_shared" if shared else ""), name)
            yield

    @contextmanager
    def attempt(self, name: str) -> Iterator[bool]:
        """Hold a lock if nobody does."""
        with self.engine.connect() as connection:
            yield bool(self._ask(connection, "pg_try_advisory_lock", name))

    def _ask(self, connection: Any, function: str, name: str) -> Any:
        digest = hashlib.sha256(f"ck19ml {self.study} {name}".encode()).digest()
        key = int.from_bytes(digest[:8], signed=True)
        query = sqlalchemy.text(f"SELECT {function}(:key)")
        return connection.execute(query, {"key": key}).scalar()


SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_back() -> Iterator[None]:
    """Defer Ctrl-C and SIGTERM until the block has ended.

    An interrupt may come between any two steps of Python, also while Optuna updates its view of
    the study, or between taking a lock and the line that would release it. A second interrupt
    takes effect at once.
    """
    if (
        threading.current_thread() is not threading.main_thread()
    ):  # only the main thread is interrupted
        yield
        return
    known = {number: signal.getsignal(number) for number in SIGNALS}
    waiting: list[tuple[int, Any]] = []

    def note(number: int, frame: Any) -> None:
        if waiting:
            raise KeyboardInterrupt
        waiting.append((number, frame))

    for number, handler in known.items():
        if callable(handler):  # else it is ignored or ends the process
            signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in known.items():
            signal.signal(number, handler)
        for caught, frame in waiting:
            known[signal.Signals(caught)](caught, frame)  # type: ignore[operator,misc]
