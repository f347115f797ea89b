"""Folders that are replaced as a whole: the old one stands until the new one is complete."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ck19ml.core.names import has_name
from ck19ml.errors import ConfigError, PlateError, cannot_write


@contextmanager
def making(target: Path) -> Iterator[Path]:
    """Give an empty folder beside the target, alone; it becomes the target when all went well.

    Raises
    ------
    ConfigError
        If the target has no name of its own, as ``.`` has none.
    PlateError
        If it cannot be written, or another process is at work on it.
    """
    made = _beside(target, "partial")
    try:
        with hold(made):
            try:
                clear(made)  # of a command that was killed
                yield made
                put_in_place(made, target)
            except BaseException:
                _discard(made)
                raise
    except OSError as error:
        raise cannot_write(target, error) from error


def _discard(folder: Path) -> None:
    """Remove a folder; Zarr's threads may go on writing for a moment after one has failed."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Make a folder where there is none, and keep other processes from it.

    Raises
    ------
    PlateError
        If another process is at work on it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The system gives the lock back when a process ends, however it ends.
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise PlateError(
            f"expected to write {folder} alone, found another process at work on it; wait for it "
            "or choose another name"
        ) from error
    try:
        yield
    finally:
        os.close(handle)


def clear(folder: Path) -> None:
    """Remove what is in the folder, and leave the folder: it carries the lock."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def remove(folder: Path) -> None:
    """Remove the held folder with all that is in it."""
    clear(folder)
    folder.rmdir()


def put_in_place(made: Path, target: Path) -> None:
    """Move a finished folder to its name; what stood there before goes only then.

    Raises
    ------
    OSError
        If it cannot be moved; what stood there before stands there again.
    """
    old = _beside(target, "replaced")
    shutil.rmtree(old, ignore_errors=True)  # of a replacement that was stopped
    if not target.exists():
        made.rename(target)
        return
    target.rename(old)
    try:
        made.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old)


def restore(target: Path) -> None:
    """Give back what a replacement that was killed between its two moves had put aside.

    Raises
    ------
    ConfigError
        If the target has no name of its own, as ``.`` has none.
    """
    old = _beside(target, "replaced")
    if old.exists() and not target.exists():
        old.rename(target)


def _beside(target: Path, what: str) -> Path:
    """Return the hidden folder beside a target; its name says what it holds."""
    if not has_name(target):
        raise ConfigError(
            f"expected a folder with a name of its own to write, found {str(target)!r}; name one"
        )
    return target.with_name(f".{target.name}.{what}")
