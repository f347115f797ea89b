"""Errors; each type says who must act."""

import errno
import re

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters, except tabs and line ends."""


class Ck19Error(Exception):
    """Base of all errors that are shown to the user as one line.

    The message says what is wrong, with names and values, and what to do.
    """

    exit_code = 1


class ConfigError(Ck19Error):
    """The command or the config must be changed."""

    exit_code = 2


class PlateError(Ck19Error):
    """Files must be changed: those of a plate, a layout, a dataset, or the output."""


class TrackingError(Ck19Error):
    """The tracking store or the registry does not answer, or lacks what is asked for."""


class TrialFailed(Ck19Error):
    """A trial failed; its study continues."""


def is_full(error: OSError) -> bool:
    """Return whether the disk or its quota is full."""
    # numpy's own error for a file that was cut short has no number.
    cut_short = error.errno is None and "requested and" in str(error)
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or cut_short


def cannot_write(what: object, error: OSError) -> PlateError:
    """Return the error that says in one line what cannot be written, and why."""
    if is_full(error):
        return PlateError(
            f"no space left while writing {what}; free some space and rerun the command"
        )
    return PlateError(
        f"cannot write {what}: {error.strerror or error}; make the folder writable or choose "
        "another"
    )


def without_secrets(text: str) -> str:
    """Mask users and passwords in the URLs of a text.

    Examples
    --------
    >>> without_secrets("no answer from postgresql://me:secret@host/db")
    'no answer from postgresql://***@host/db'
    >>> without_secrets("http://host/?user=me&password=secret&x=1")
    'http://host/?user=me&password=***&x=1'
    >>> without_secrets("postgresql:/me:secret@host/db, models:/ck19-classifier@champion")
    'postgresql:/***@host/db, models:/ck19-classifier@champion'
    """
    # One slash where a URL was treated as a path.
    text = re.sub(r"(\w:(?://|/(?=[^\s'\"/@:]+:)))[^\s'\"]*@", r"\1***@", text)
    return re.sub(r"(?i)(passw(?:or)?d=)[^&\s'\"]+", r"\1***", text)


def printable(text: str) -> str:
    r"""Escape control characters, so that names and labels cannot command the terminal.

    Examples
    --------
    >>> print(printable("CK19\x1b[2J, A03"))
    CK19\x1b[2J, A03
    """
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
