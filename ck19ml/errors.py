"""Errors whose type says who must act."""

import errno
import re

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""All but tabs and ends of lines."""


class Ck19Error(Exception):
    """Base of all errors that end in one line for the user.

    The message says what was expected, what was found and what to do.
    """

    exit_code = 1


class ConfigError(Ck19Error):
    """The person who wrote the command or the config must change it."""

    exit_code = 2


class PlateError(Ck19Error):
    """The files of a plate, a layout or a dataset are not what they must be."""


class TrackingError(Ck19Error):
    """The tracking server or the registry does not answer, or lacks what was asked for."""


class TrialFailed(Ck19Error):
    """One trial cannot go on; the study can."""


def is_full(error: OSError) -> bool:
    """Tell whether a disk, or its quota, is full."""
    # numpy's own error, of a file that was cut short, has no number.
    cut_short = error.errno is None and "requested and" in str(error)
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or cut_short


def cannot_write(what: object, error: OSError) -> PlateError:
    """Say in one line that something cannot be written, and why."""
    if is_full(error):
        return PlateError(
            f"expected room on the disk to write {what}, found it full; free some and run the same "
            "command again"
        )
    return PlateError(
        f"expected to write {what}, found: {error.strerror or error}; make the folder writable or "
        "choose another"
    )


def without_secrets(text: str) -> str:
    """Take users and passwords out of the URLs in a text.

    Examples
    --------
    >>> without_secrets("no answer from postgresql://me:secret@host/db")
    'no answer from postgresql://***@host/db'
    >>> without_secrets("http://host/?user=me&password=secret&x=1")
    'http://host/?user=me&password=***&x=1'
    >>> without_secrets("postgresql:/me:secret@host/db, models:/ck19-classifier@champion")
    'postgresql:/***@host/db, models:/ck19-classifier@champion'
    """
    # One slash where a URL was taken for a path.
    text = re.sub(r"(\w:(?://|/(?=[^\s'\"/@:]+:)))[^\s'\"]*@", r"\1***@", text)
    return re.sub(r"(?i)(passw(?:or)?d=)[^&\s'\"]+", r"\1***", text)


def printable(text: str) -> str:
    r"""Write control characters as escapes: in a name or a label they would command the terminal.

    Examples
    --------
    >>> print(printable("CK19\x1b[2J, A03"))
    CK19\x1b[2J, A03
    """
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
