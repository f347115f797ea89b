"""Folders that are replaced as a whole: the old one stands until the new one is complete."""

import shutil
from pathlib import Path


def put_in_place(made: Path, target: Path) -> None:
    """Move a finished folder to its name; what stood there before goes only then.

    Raises
    ------
    OSError
        If it cannot be moved; what stood there before stands there again.
    """
    old = _put_aside(target)
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
    """Give back what a replacement that was killed between its two moves had put aside."""
    old = _put_aside(target)
    if old.exists() and not target.exists():
        old.rename(target)


def _put_aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.replaced")
