"""Files that a command is asked to write: whole or not at all."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from ck19ml.errors import ConfigError, PlateError, cannot_write
from ck19ml.files.csv_text import to_csv
from ck19ml.files.names import has_name


def require_new(path: Path, *, overwrite: bool) -> None:
    """Refuse a file that stands already, and a folder that is missing.

    Raises
    ------
    PlateError
    """
    if path.exists() and not (overwrite and path.is_file()):
        what = "a folder; choose another name" if path.is_dir() else "a file; add --overwrite"
        raise PlateError(f"expected {path} to be new, found {what}")
    _require_parent(path)


def require_folder(path: Path, *, overwrite: bool) -> None:
    """Refuse what is no folder or holds files already, and a folder that is missing above it.

    Raises
    ------
    PlateError
    """
    if path.exists() and not path.is_dir():
        raise PlateError(f"expected a folder to write at {path}, found a file; choose another")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise PlateError(f"expected {path} to be new or empty, found files; add --overwrite")
    _require_parent(path)


def _require_parent(path: Path) -> None:
    if not path.parent.is_dir():
        raise PlateError(f"expected the folder {path.parent}, found none; make it first")


def make_folder(path: Path) -> None:
    """Make a folder where there is none.

    Raises
    ------
    PlateError
        If it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def require_all_new(paths: Iterable[Path | None], *, overwrite: bool) -> None:
    """Refuse files as `require_new` does, and two of the same name.

    Raises
    ------
    PlateError
    """
    seen: set[Path] = set()
    for path in filter(None, paths):
        require_new(path, overwrite=overwrite)
        if path.resolve() in seen:
            raise PlateError(f"expected two files to write, found {path} twice; give another name")
        seen.add(path.resolve())


def require_apart(target: Path, inputs: Iterable[Path]) -> None:
    """Refuse to replace what is to be read, or what holds it.

    Raises
    ------
    ConfigError
    """
    for path in inputs:
        if path.resolve().is_relative_to(target.resolve()):
            raise ConfigError(
                f"expected to write {target} without replacing what is read, found {path} there; "
                "choose another name"
            )


def followed(target: Path) -> Path:
    """Return where a link leads: a folder is replaced there, and the link stays."""
    return target.resolve() if target.is_symlink() else target


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name beside the path to write to; it becomes the path when all went well.

    Raises
    ------
    PlateError
        If the folder cannot be written.
    """
    made = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        made = Path(name)
        yield made
        made.chmod(0o644)
        made.replace(path)
        made = None
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if made is not None:
            made.unlink(missing_ok=True)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a CSV table whole or not at all."""
    with replacing(path) as made:
        made.write_text(to_csv(table), encoding="utf-8")


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
