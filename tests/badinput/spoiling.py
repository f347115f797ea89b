"""What the cases of bad input share: how input is spoiled, and what an error must look like."""

import ctypes
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WELLS = ("A01", "A02", "B01")
"""Wells of the plate that the cases spoil."""

DC_A02 = "CK19 - A - 2(fld 1 wv TexasRed - TexasRed).tif"
FITC_A02 = "CK19 - A - 2(fld 1 wv FITC - FITC).tif"
FITC_B01 = "CK19 - B - 1(fld 1 wv FITC - FITC).tif"

Spoil = Callable[[Path], object]


def nothing(work: Path) -> None:
    """Spoil nothing: the arguments are the bad input."""


def cut_short(path: Path, to: int = 200) -> None:
    path.write_bytes(path.read_bytes()[:to])


def flip(path: Path, share: float = 0.5) -> None:
    """Turn all bits of one byte, where that share of the file ends."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * share)] ^= 0xFF
    path.write_bytes(content)


def write(name: str, content: str | bytes) -> Spoil:
    """Write a file of the folder."""

    def spoil(work: Path) -> None:
        data = content.encode() if isinstance(content, str) else content
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(data)

    return spoil


def both(*spoils: Spoil) -> Spoil:
    """Spoil in several ways."""

    def spoil(work: Path) -> None:
        for each in spoils:
            each(work)

    return spoil


def edit_json(name: str, **changes: Any) -> Spoil:
    """Change keys of a JSON file; a value of `...` removes the key."""

    def spoil(work: Path) -> None:
        content = json.loads((work / name).read_text()) | changes
        kept = {key: value for key, value in content.items() if value is not ...}
        (work / name).write_text(json.dumps(kept))

    return spoil


def mode(name: str, bits: int) -> Spoil:
    """Set the permissions of a file or folder."""
    return lambda work: (work / name).chmod(bits)


def pipe(name: str) -> Spoil:
    """A pipe that nobody writes to: who opens it waits for ever."""

    def spoil(work: Path) -> None:
        (work / name).unlink(missing_ok=True)
        os.mkfifo(work / name)

    return spoil


def one_line(err: str, says: tuple[str, ...]) -> None:
    """Hold an error to its form: one line that names what is wrong and says what to do."""
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, err
    assert err.splitlines()[-1] == lines[0]
    assert "Traceback" not in err
    assert not lines[0].startswith("error: unexpected")
    for words in says:
        assert words in lines[0]
    assert len(lines[0]) < 1000
    # What to do stands after the last semicolon, as in "found 3; give two".
    assert len(lines[0].rpartition("; ")[2].split()) > 1, lines[0]
    assert lines[0].count("; ")


CAPABILITIES = 0x20080522
"""Version 3 of the interface, see capset(2)."""

READ_AND_WRITE_ANYTHING = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""


@contextmanager
def without_override() -> Iterator[None]:
    """Let the permissions of files count for this thread, though it may be root's."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITIES, 0)
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice

    def must(answer: int) -> None:
        if answer:
            raise OSError(ctypes.get_errno(), "capabilities")

    must(libc.capget(header, held))
    less = (ctypes.c_uint32 * 6)(*held)
    less[0] &= ~READ_AND_WRITE_ANYTHING & 0xFFFFFFFF
    must(libc.capset(header, less))
    try:
        yield
    finally:
        must(libc.capset(header, held))
