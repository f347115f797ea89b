"""What the tests of bad input share: how input is spoiled, and what an error must look like."""

from pathlib import Path

WELLS = ("A01", "A02", "B01")
"""Wells of the plate that the cases spoil."""

DC_A02 = "CK19 - A - 2(fld 1 wv TexasRed - TexasRed).tif"
FITC_B01 = "CK19 - B - 1(fld 1 wv FITC - FITC).tif"


def nothing(work: Path) -> None:
    """Spoil nothing: the arguments are the bad input."""


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def one_line(err: str, says: tuple[str, ...]) -> None:
    """Hold an error to its form."""
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    assert "unexpected" not in lines[0]
    for words in says:
        assert words in lines[0]
