"""Output of commands: written whole or not at all."""

import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from ck19ml.errors import ConfigError, PlateError, cannot_write
from ck19ml.files.csv_text import to_csv
from ck19ml.files.locking import locked
from ck19ml.files.names import has_name


def require_new(path: Path, *, overwrite: bool) -> None:
    """Refuse an existing file, unless it may be overwritten, and a missing parent folder.

    Raises
    ------
    PlateError
    """
    if path.is_dir():
        raise PlateError(f"{path} is a folder; choose another file name")
    if path.exists() and not (overwrite and path.is_file()):
        raise PlateError(f"{path} already exists; use --overwrite to replace it")
    _require_parent(path)


def require_folder(path: Path, *, overwrite: bool) -> None:
    """Refuse a file, a folder with content, unless it may be overwritten, and a missing parent.

    Raises
    ------
    PlateError
    """
    if path.exists() and not path.is_dir():
        raise PlateError(f"{path} is a file; choose another folder name")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise PlateError(f"{path} already exists and is not empty; use --overwrite to replace it")
    _require_parent(path)


def _require_parent(path: Path) -> None:
    if not path.parent.is_dir():
        raise PlateError(f"{path.parent} is not a folder; create it or choose another")


def make_folder(path: Path) -> None:
    """Create a folder, unless it exists.

    Raises
    ------
    PlateError
        If it cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def require_all_new(paths: Iterable[Path | None], *, overwrite: bool) -> None:
    """Refuse files as `require_new` does, and a name that is given twice.

    Raises
    ------
    PlateError
    """
    seen: set[Path] = set()
    for path in filter(None, paths):
        require_new(path, overwrite=overwrite)
        if path.resolve() in seen:
            raise PlateError(f"{path} is given for two files; choose another name for one")
        seen.add(path.resolve())


def require_apart(target: Path, inputs: Iterable[Path]) -> None:
    """Refuse to replace an input, or a folder that holds one.

    Raises
    ------
    ConfigError
    """
    for path in inputs:
        if path.resolve().is_relative_to(target.resolve()):
            raise ConfigError(
                f"writing {target} would replace {path}, which is read; choose another name"
            )


def followed(target: Path) -> Path:
    """Return the target of a link: the folder there is replaced, and the link stays."""
    return target.resolve() if target.is_symlink() else target


@contextmanager
def atomically(path: Path, *, keep_existing: bool = False) -> Iterator[Path]:
    """Yield an empty file beside a path, which takes its place if the block succeeds.

    Parameters
    ----------
    path : Path
    keep_existing : bool
        Do not replace a file that another process puts there meanwhile.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    made = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")
    made.touch(exist_ok=False)
    try:
        yield made
        if keep_existing:
            _put_if_absent(made, path)
        else:
            made.replace(path)
    finally:
        made.unlink(missing_ok=True)


def _put_if_absent(made: Path, path: Path) -> None:
    try:
        path.hardlink_to(made)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        if not path.exists():
            made.rename(path)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a file as `atomically` does; errors name the path.

    Raises
    ------
    PlateError
        If the folder cannot be written.
    """
    try:
        with atomically(path) as made:
            yield made
    except OSError as error:
        raise cannot_write(path, error) from error


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a CSV table whole or not at all."""
    with replacing(path) as made:
        made.write_text(to_csv(table), encoding="utf-8")


QUIET_CHECKS = 5
"""A discarded folder has been away for so many tenths of a second."""


@contextmanager
def making(target: Path) -> Iterator[Path]:
    """Yield an empty, locked folder beside the target, which takes its place on success.

    Raises
    ------
    ConfigError
        If the target has no name of its own, such as ``.``.
    PlateError
        If it cannot be written, or another process writes it.
    """
    made = _beside(target, "partial")
    try:
        with hold(made):
            try:
                clear(made)  # of a killed command
                yield made
                put_in_place(made, target)
            except BaseException:
                _discard(made)
                raise
    except OSError as error:
        raise cannot_write(target, error) from error


def _discard(folder: Path) -> None:
    """Remove a folder until it stays away.

    Zarr's threads may go on writing for a moment after a failure, and make it anew.
    """
    away = 0
    for _ in range(50):
        away = 0 if folder.exists() else away + 1
        if away == QUIET_CHECKS:
            return
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.1)


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Create a folder, unless it exists, and lock it.

    Raises
    ------
    PlateError
        If another process holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, wait=False) as held:
        if not held:
            raise PlateError(
                f"another process is writing {folder}; wait for it or choose another name"
            )
        yield


def clear(folder: Path) -> None:
    """Remove the content of a folder, and keep the folder, which carries the lock."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def remove(folder: Path) -> None:
    """Remove the held folder and its content."""
    clear(folder)
    folder.rmdir()


def put_in_place(made: Path, target: Path) -> None:
    """Move a finished folder to its name, and only then remove the previous content.

    Raises
    ------
    OSError
        If it cannot be moved; the previous content is restored.
    """
    old = _beside(target, "replaced")
    shutil.rmtree(old, ignore_errors=True)  # of an interrupted replacement
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
    """Restore the previous content if a replacement was killed between its two moves.

    Raises
    ------
    ConfigError
        If the target has no name of its own, such as ``.``.
    """
    old = _beside(target, "replaced")
    if old.exists() and not target.exists():
        old.rename(target)


def _beside(target: Path, what: str) -> Path:
    """Return the hidden folder beside a target, named after its content."""
    if not has_name(target):
        raise ConfigError(f"{str(target)!r} has no folder name of its own; give a name")
    return target.with_name(f".{target.name}.{what}")
