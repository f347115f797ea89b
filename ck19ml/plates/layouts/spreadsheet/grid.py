"""Where in a sheet the plate stands, and the lines of cells around it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

from ck19ml.core.wells import FORMATS, MOST_COLUMNS, ROW_NAMES, well_name
from ck19ml.plates.layouts.spreadsheet.sheet import Place, Sheet, Value

_NUMBERS = tuple(str(number) for number in range(1, MOST_COLUMNS + 1))
_USUAL = {FORMATS[wells][0]: FORMATS[wells][1] for wells in (96, 384, 1536)}
# Fewer letters than A-H stand in many a table that is no plate.
_SMALL = {FORMATS[wells][0]: FORMATS[wells][1] for wells in (6, 12, 24, 48)}
# A concentration row and a blank one or two may stand between the column numbers and the wells.
_HEADER_ROWS_AWAY, _LETTER_COLUMNS_AWAY = 6, 4
_LINES_BEYOND = 10
_MOST_RUNS = 100  # a sheet with more is no plate, and pairing them all would take minutes


class Run(NamedTuple):
    """Consecutive names along a line: the line, its first position, how many."""

    line: int
    first: int
    length: int


@dataclass(frozen=True)
class Grid:
    """The wells of a plate in a sheet, counted from 1.

    Attributes
    ----------
    top, left : int
        Row and column of the first well.
    rows, columns : int
        16 x 24, 8 x 12 or those of another usual plate.
    header_rows, letter_columns : frozenset of int
        The sheet's rows that hold column numbers, and its columns that hold row letters.
    """

    top: int
    left: int
    rows: int
    columns: int
    header_rows: frozenset[int]
    letter_columns: frozenset[int]

    @property
    def bottom(self) -> int:
        """The sheet's row of the last well."""
        return self.top + self.rows - 1

    @property
    def right(self) -> int:
        """The sheet's column of the last well."""
        return self.left + self.columns - 1

    def transpose(self) -> "Grid":
        """Return the grid of the transposed sheet."""
        return Grid(
            self.left, self.top, self.columns, self.rows, self.letter_columns, self.header_rows
        )

    def well(self, place: Place) -> str:
        """Name the well at a place of the sheet that is not transposed."""
        row, column = place
        return well_name(ROW_NAMES[row - self.top], column - self.left + 1)

    def address(self, sheet: Sheet) -> str:
        """Write the range of the wells, such as "C5:Z20"."""
        return sheet.address((self.top, self.left), (self.bottom, self.right))


class Entry(NamedTuple):
    """A filled cell over, under or beside the grid; `first` to `last` are clipped to the grid."""

    place: Place
    value: Value
    first: int
    last: int
    merged: bool


@dataclass(frozen=True)
class Line:
    """A row outside the grid, or a column in a transposed sheet.

    Attributes
    ----------
    index : int
        Its number in the sheet.
    entries : list of Entry
        The filled cells that stand over or under wells, in order.
    titles : list of str
        The texts of the line that stand beside the grid.
    """

    index: int
    entries: list[Entry]
    titles: list[str]


def find_grids(sheet: Sheet, *, small: bool = False) -> list[Grid]:
    """Find the plates of a sheet: row letters down a side, column numbers over or under them.

    Parameters
    ----------
    small : bool
        Whether to look for plates of 6 to 48 wells, instead of 96 to 1536.
    """
    formats = _SMALL if small else _USUAL
    grids: dict[tuple[int, int, int], Grid] = {}
    letter = _runs(sheet.transpose(), ROW_NAMES, formats)[:_MOST_RUNS]
    number = _runs(sheet, _NUMBERS, formats.values())[:_MOST_RUNS]
    for letters, numbers in product(letter, number):
        if formats[letters.length] != numbers.length or not _belong_together(letters, numbers):
            continue
        key = (letters.first, numbers.first, letters.length)
        known = grids.get(key) or Grid(
            *key[:2], letters.length, numbers.length, frozenset(), frozenset()
        )
        grids[key] = replace(
            known,
            header_rows=known.header_rows | {numbers.line},
            letter_columns=known.letter_columns | {letters.line},
        )
    return list(grids.values())


def letter_runs(sheet: Sheet) -> list[Run]:
    """Find A-P, A-H and A-AF down the columns of a sheet."""
    return _runs(sheet.transpose(), ROW_NAMES, _USUAL)


def number_runs(sheet: Sheet) -> list[Run]:
    """Find 1-24, 1-12 and 1-48 along the rows of a sheet."""
    return _runs(sheet, _NUMBERS, _USUAL.values())


def _runs(sheet: Sheet, names: Sequence[str], lengths: Iterable[int]) -> list[Run]:
    """Find the names in order along the rows of a sheet, as long as they go on."""
    texts = {place: sheet.text(place).upper().lstrip("0") for place in sheet.values}
    found = []
    for (line, first), text in texts.items():
        if text != names[0]:
            continue
        length = 1
        while length < len(names) and texts.get((line, first + length)) == names[length]:
            length += 1
        if length in lengths:
            found.append(Run(line, first, length))
    return found


def _belong_together(letters: Run, numbers: Run) -> bool:
    return _is_beside(numbers.line, letters, _HEADER_ROWS_AWAY) and _is_beside(
        letters.line, numbers, _LETTER_COLUMNS_AWAY
    )


def _is_beside(line: int, run: Run, away: int) -> bool:
    before = run.first - away <= line < run.first
    last = run.first + run.length - 1
    return before or last < line <= last + away


def lines_around(sheet: Sheet, grid: Grid) -> list[Line]:
    """Collect the rows over and under the grid that hold something other than column numbers.

    The columns to the left and right are the rows of the transposed sheet and grid.
    """
    places: dict[int, list[Place]] = {}
    for row, column in sorted(sheet.values):
        outside = row < grid.top or grid.bottom < row <= grid.bottom + _LINES_BEYOND
        if outside and row not in grid.header_rows:
            places.setdefault(row, []).append((row, column))
    return [_line(sheet, grid, row, cells) for row, cells in places.items()]


def _line(sheet: Sheet, grid: Grid, row: int, places: list[Place]) -> Line:
    entries, titles = [], []
    for place in places:
        last = sheet.merged.get(place, place)[1]
        if last < grid.left or place[1] > grid.right:
            titles.append(sheet.text(place))
            continue
        span = (max(place[1], grid.left), min(last, grid.right))
        entries.append(Entry(place, sheet.values[place], *span, place in sheet.merged))
    return Line(row, entries, titles)
