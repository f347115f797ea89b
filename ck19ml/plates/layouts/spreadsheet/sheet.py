"""A sheet as plain values: what each cell holds, how it is filled, which cells are merged."""

import datetime
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from ck19ml.errors import PlateError
from ck19ml.plates.layouts.spreadsheet.bounds import check_workbook

Value = str | float
Place = tuple[int, int]


class UndecidedError(Exception):
    """Question that a sheet leaves open, by cell address; becomes a PlateError with the file."""


@dataclass(frozen=True)
class Sheet:
    """One sheet; places are (row, column), counted from 1, or the reverse in a transposed sheet.

    Attributes
    ----------
    title : str
        The sheet's name.
    values : dict of place to str or float
        The filled cells; texts have single spaces only.
    fills : dict of place to str
        A key of the background colour, where there is one.
    merged : dict of place to place
        The last cell of a merged range by its first.
    damaged : dict of place to str
        Cells whose value cannot be known, and why.
    transposed : bool
        Whether places are (column, row).
    """

    title: str
    values: dict[Place, Value]
    fills: dict[Place, str]
    merged: dict[Place, Place]
    damaged: dict[Place, str]
    transposed: bool = False

    def transpose(self) -> "Sheet":
        """Return the sheet with rows and columns exchanged; addresses stay those of the file."""
        return replace(
            self,
            values={place[::-1]: value for place, value in self.values.items()},
            fills={place[::-1]: fill for place, fill in self.fills.items()},
            merged={first[::-1]: last[::-1] for first, last in self.merged.items()},
            damaged={place[::-1]: reason for place, reason in self.damaged.items()},
            transposed=not self.transposed,
        )

    def address(self, first: Place, last: Place | None = None) -> str:
        """Write a cell or a range as the file's own address, such as "C5:Z20"."""
        ends = [first] if last is None or last == first else [first, last]
        ends = [place[::-1] for place in ends] if self.transposed else ends
        return ":".join(f"{get_column_letter(column)}{row}" for row, column in ends)

    def position(self, place: Place) -> int:
        """Return where a place of the sheet as it is in the file stands along this view's lines."""
        return place[0 if self.transposed else 1]

    def free_cell(self, line: int, *positions: int) -> Place:
        """Return the first of these places of a line that a person can write into.

        The cells of a merged range but its first take no text. Where none is free, the first
        after them is.
        """
        taken = {
            (row, column)
            for (top, left), (bottom, right) in self.merged.items()
            if top <= line <= bottom
            for row in (line,)
            for column in range(left, right + 1)
            if (row, column) != (top, left)
        }
        after = range(max(positions), max(positions) + len(taken) + 2)
        return next((line, at) for at in (*positions, *after) if (line, at) not in taken)

    def text(self, place: Place) -> str:
        """Return a cell as text: "" where it is empty, 4 and not 4.0 for a whole number."""
        return as_text(self.values.get(place, ""))


def as_text(value: Value) -> str:
    """Write a cell's value as text; a whole number has no decimals."""
    if isinstance(value, str):
        return value
    return str(int(value)) if value.is_integer() else repr(value)


def load_sheets(path: Path) -> list[Sheet]:
    """Read the visible sheets of a workbook within the bounds of `check_workbook`.

    Parameters
    ----------
    path : Path
        An `.xlsx` file. Formulas count with the value that was stored with them.

    Raises
    ------
    PlateError
        If the workbook is out of bounds or damaged.
    """
    has_formulas_to_find = check_workbook(path)
    book = _load(path, data_only=True)
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    unknown: dict[str, set[Place]] = {}
    if has_formulas_to_find:
        formulas = _load(path, data_only=False)
        unknown = {sheet.title: set(_formula_places(sheet)) for sheet in formulas.worksheets}
    return [_read_sheet(sheet, unknown.get(sheet.title, set())) for sheet in visible]


def _load(path: Path, data_only: bool) -> Any:
    try:
        # Opened here, for openpyxl leaves the file open where it fails.
        with path.open("rb") as file, warnings.catch_warnings():
            # It warns of extensions that it drops, such as sparklines: none matters here.
            warnings.simplefilter("ignore")
            return load_workbook(file, data_only=data_only, keep_links=False)
    except Exception as error:  # a damaged workbook makes openpyxl fail in many ways
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PlateError(
            f"{path} is not a readable .xlsx workbook: {reason}; save it anew as .xlsx"
        ) from error


def _formula_places(sheet: Any) -> Iterator[Place]:
    for row in sheet.iter_rows():
        yield from ((cell.row, cell.column) for cell in row if cell.data_type == "f")


def _read_sheet(sheet: Any, formulas: set[Place]) -> Sheet:
    read = Sheet(sheet.title, {}, {}, {}, {})
    for row in sheet.iter_rows():
        for cell in row:
            place = (cell.row, cell.column)
            if cell.value is None and not cell.has_style and place not in formulas:
                continue
            if (value := _plain(cell.value)) != "":
                read.values[place] = value
            if fill := _fill_key(cell.fill):
                read.fills[place] = fill
            if reason := _damage(cell, place in formulas):
                read.damaged[place] = reason
    for block in sheet.merged_cells.ranges:
        read.merged[block.min_row, block.min_col] = (block.max_row, block.max_col)
    return read


def _plain(value: object) -> Value:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return " ".join(str(value).split())


def _damage(cell: Any, is_formula: bool) -> str:
    if cell.value is None:
        return "a formula without a stored value" if is_formula else ""
    if cell.data_type == "e":
        return f"the error {cell.value}"
    if isinstance(cell.value, datetime.date | datetime.time | datetime.timedelta):
        return f"the date {cell.value}"
    return ""


def _fill_key(fill: Any) -> str:
    if fill.fill_type != "solid":
        return ""
    color = fill.fgColor
    if color.type == "rgb":
        return "" if color.rgb in ("FFFFFFFF", "00FFFFFF") else str(color.rgb)
    return f"{color.type} {color.value} {color.tint:.3f}"
