"""The bounds of a workbook, checked before a library that trusts its input unpacks it."""

import re
import zipfile
import zlib
from pathlib import Path
from xml.parsers import expat

from ck19ml.errors import PlateError
from ck19ml.files.reading import require_file

MAX_BYTES = 64 * 2**20
MAX_PARTS = 2_000
MAX_ROWS = MAX_COLUMNS = 1_000
MAX_CELLS = MAX_ROWS * MAX_COLUMNS
"""Cells that the sheets, and the merged and linked ranges, of one workbook may span together."""
MAX_ELEMENTS = 500_000
"""openpyxl takes about 10 us for each: the bound is a few seconds."""

# LookupError and ValueError: an encoding that is unknown, or that expat does not take.
_NO_XML = (expat.ExpatError, LookupError, ValueError)
# RuntimeError: a part is encrypted.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, *_NO_XML)
_CHUNK = 2**16
_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main "
_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7})")


class _TooLargeError(Exception):
    """Finding, in the words of the error that the user sees."""


def check_workbook(path: Path) -> bool:
    """Refuse a workbook that is no workbook or that would take memory or time without bound.

    Parameters
    ----------
    path : Path
        An `.xlsx` file.

    Returns
    -------
    bool
        Whether some cell holds a formula without a stored value.

    Raises
    ------
    PlateError
        If the file cannot be read, is no zip archive of XML parts, unpacks to more than 64 MiB,
        or has a sheet of more than 1,000 x 1,000 cells.
    """
    try:
        require_file(path)
        with zipfile.ZipFile(path) as archive:
            _check_parts(archive)
            counts = _Counts()
            for part in archive.infolist():
                if not part.is_dir():
                    _scan(archive, part, counts)
            return counts.formulas_without_value
    except _TooLargeError as error:
        raise PlateError(
            f"{path} is too large for a plate sheet (at most {MAX_ROWS:,} x {MAX_COLUMNS:,} cells "
            f"and {MAX_BYTES // 2**20} MiB): {error}; copy the layout to a workbook of its own"
        ) from error
    except OSError as error:
        raise PlateError(
            f"cannot read the layout {path}: {error.strerror or error}; check the path"
        ) from error
    except _UNREADABLE as error:
        raise PlateError(
            f"{path} is not an .xlsx workbook, or has a password: {error}; save it anew as .xlsx"
        ) from error


def _check_parts(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    if len(parts) > MAX_PARTS:
        raise _TooLargeError(f"{len(parts):,} parts")
    # A part is never unpacked beyond the size that is written here.
    if (size := sum(part.file_size for part in parts)) > MAX_BYTES:
        raise _TooLargeError(f"{size / 2**20:,.0f} MiB")
    for part in parts:
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise zipfile.BadZipFile(f"the compression of {part.filename} is unknown")


def _scan(archive: zipfile.ZipFile, part: zipfile.ZipInfo, counts: "_Counts") -> None:
    scan = _PartScan(part.filename, counts)
    try:
        with archive.open(part) as stream:
            while chunk := stream.read(_CHUNK):
                scan.parser.Parse(chunk, False)
        scan.parser.Parse(b"", True)
    except _NO_XML:
        # Pictures and printer settings are no XML; a sheet may hide under any name, though.
        if part.filename.endswith((".xml", ".rels")):
            raise
    counts.area += scan.rows * scan.columns
    counts.check(part.filename)


class _Counts:
    """Sums over the parts of a workbook."""

    def __init__(self) -> None:
        self.elements = 0
        self.area = 0
        self.formulas_without_value = False

    def check(self, part: str) -> None:
        if self.elements > MAX_ELEMENTS:
            raise _TooLargeError(f"more than {MAX_ELEMENTS:,} entries up to {part}")
        if self.area > MAX_CELLS:
            raise _TooLargeError(f"{self.area:,} cells up to {part}")


class _PartScan:
    """Follows one part's elements and stops at the first one that is out of bounds."""

    def __init__(self, name: str, counts: _Counts) -> None:
        self.name = name
        self.counts = counts
        self.rows = self.columns = 0
        self._row = self._column = 0
        self._formula = self._inside_value = self._value = False
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype

    def _refuse_doctype(self, *_: object) -> None:
        # Entities could blow up a small part; no workbook program writes a DOCTYPE.
        raise zipfile.BadZipFile(f"a DOCTYPE in {self.name}")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.counts.elements += 1
        self.counts.check(self.name)
        match name.removeprefix(_NAMESPACE):
            case "row":
                self._reach(_whole(attributes.get("r"), self._row + 1), 0)
            case "c":
                place = _corners(attributes.get("r", ""))
                row, column = place[0] if place else (self._row, self._column + 1)
                self._formula = False
                # A formula whose result is the empty text stores nothing but its type.
                self._value = attributes.get("t") == "str"
                self._reach(row, column)
            case "mergeCell" | "hyperlink":
                self._span(attributes.get("ref", ""))
            case "f":
                self._formula = True
            case "v":
                self._inside_value = True

    def _characters(self, _: str) -> None:
        self._value = self._value or self._inside_value

    def _end(self, name: str) -> None:
        self._inside_value = False
        if name == f"{_NAMESPACE}c" and self._formula and not self._value:
            self.counts.formulas_without_value = True

    def _reach(self, row: int, column: int) -> None:
        self._row, self._column = row, column
        if row > MAX_ROWS or column > MAX_COLUMNS:
            what = f"row {row:,}" if row > MAX_ROWS else f"column {column:,}"
            raise _TooLargeError(f"{what} in {self.name}")
        self.rows, self.columns = max(self.rows, row), max(self.columns, column)

    def _span(self, reference: str) -> None:
        corners = _corners(reference)
        if len(corners) == 2:
            (top, left), (bottom, right) = corners
            self.counts.area += (abs(bottom - top) + 1) * (abs(right - left) + 1)
            self.counts.check(self.name)


def _whole(text: str | None, otherwise: int) -> int:
    try:
        return otherwise if text is None else int(float(text))
    except (ValueError, OverflowError):
        return MAX_ROWS + 1


def _corners(reference: str) -> list[tuple[int, int]]:
    """Read "B2:D7" as [(2, 2), (7, 4)]: row, then column."""
    corners = []
    for letters, digits in _REFERENCE.findall(reference.upper()):
        column = 0
        for letter in letters:
            column = column * 26 + ord(letter) - ord("A") + 1
        corners.append((int(digits), column))
    return corners
