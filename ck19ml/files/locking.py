"""Locks between processes; the system releases them when a process ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Lock a folder, or a file, which is created if it does not exist.

    Parameters
    ----------
    path : Path
    shared : bool
        Exclude only holders that do not share.
    wait : bool
        Wait for the lock; else do not take it from another holder.

    Yields
    ------
    bool
        Whether the lock is held; always true after waiting.
    """
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(handle, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
