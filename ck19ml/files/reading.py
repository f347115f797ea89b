"""Read files within bounds: no file makes a command hang or fill the memory."""

import errno
import json
import stat
from pathlib import Path
from typing import Any

MOST_JSON_BYTES = 2**26
"""Largest size in bytes of a JSON file: a card names every well that its model has seen."""


class BoundsError(ValueError):
    """Raised for a text that is too large, or expands to too much."""


def require_file(path: Path) -> int:
    """Return a file's size in bytes; refuse endless files, such as pipes and devices.

    Raises
    ------
    OSError
        If it is missing, or not a regular file.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EISDIR, "a folder", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "a pipe or a device", str(path))
    return found.st_size


def read_text(path: Path, most_bytes: int) -> str:
    """Read a file of UTF-8 text, with or without a byte order mark.

    Raises
    ------
    OSError
        If it cannot be read.
    UnicodeDecodeError
        If it has another encoding.
    BoundsError
        If it is larger than `most_bytes`.
    """
    if (size := require_file(path)) > most_bytes:
        raise BoundsError(f"{size} bytes, more than {most_bytes // 1024} KiB")
    return path.read_text(encoding="utf-8-sig")


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not a JSON object.
    """
    try:
        content = json.loads(read_text(path, MOST_JSON_BYTES))
    except RecursionError as error:
        raise BoundsError(f"{path.name} is nested too deeply") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} is not a JSON object")
    return content


def is_text(value: str) -> bool:
    """Return whether a text can be encoded as UTF-8: not every name on a disk can."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
