"""Files that a command is asked to write: whole or not at all."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from ck19ml.errors import ConfigError, PlateError, cannot_write
from ck19ml.plates.csv_text import to_csv


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
