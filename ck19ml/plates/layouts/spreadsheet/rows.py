"""A layout that a workbook holds as a table with one row a well, and no grid."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ck19ml.core.wells import parse_well
from ck19ml.errors import PlateError
from ck19ml.plates.layouts.records import listed
from ck19ml.plates.layouts.spreadsheet.grid import letter_runs, number_runs
from ck19ml.plates.layouts.spreadsheet.sheet import Place, Sheet
from ck19ml.plates.layouts.table import REQUIRED_COLUMNS, Table, find_columns, is_header, make_table


def find_table(
    path: Path, sheets: Sequence[Sheet], columns: Mapping[str, str]
) -> tuple[Sheet, Table, str, list[str]]:
    """Find the one table whose header names the wells and what they received.

    Parameters
    ----------
    path : Path
        The workbook, for errors.
    sheets : sequence of Sheet
        Where to look.
    columns : mapping of str to str
        The file's own name of a layout's column.

    Returns
    -------
    tuple of Sheet, Table, str, list of str
        The sheet, the table, its address, and what is said of the rows below it.

    Raises
    ------
    PlateError
        If there is no table, or more than one, or it holds a value that cannot be known.
    """
    headers = _headers(sheets, columns)
    if not headers:
        names = [columns.get(name, name) for name in REQUIRED_COLUMNS]
        raise PlateError(_nothing_found(path, sheets, names))
    if len(headers) > 1:
        found = listed([f"{sheet.title} row {row}" for sheet, row in headers])
        raise PlateError(
            f"{path} holds more than one table, with headers in {found}; keep one, or "
            "name the sheet"
        )
    return _read_table(path, *headers[0], columns)


def has_table(sheets: Sequence[Sheet], columns: Mapping[str, str]) -> bool:
    """Return whether some row names the wells and what they received."""
    return bool(_headers(sheets, columns))


def _headers(sheets: Sequence[Sheet], columns: Mapping[str, str]) -> list[tuple[Sheet, int]]:
    return [(sheet, row) for sheet in sheets for row in _header_rows(sheet, columns)]


def _header_rows(sheet: Sheet, columns: Mapping[str, str]) -> list[int]:
    texts: dict[int, list[str]] = {}
    for place in sorted(sheet.values):
        texts.setdefault(place[0], []).append(sheet.text(place))
    return [row for row, found in texts.items() if is_header(found, columns)]


def _read_table(
    path: Path, sheet: Sheet, header: int, columns: Mapping[str, str]
) -> tuple[Sheet, Table, str, list[str]]:
    places = sorted(column for row, column in sheet.values if row == header)
    first, last = places[0], places[-1]
    names = [sheet.text((header, column)) for column in range(first, last + 1)]
    texts = _with_merged(sheet)
    rows: dict[str, list[str]] = {}
    remarks: list[str] = []
    end, blank = header, False
    for row in range(header + 1, max((row for row, _ in texts), default=header) + 1):
        fields = [texts.get((row, column), "") for column in range(first, last + 1)]
        if not any(fields):
            blank = True
        elif blank and not _names_a_well(names, fields, columns):
            remarks.append(f"row {row}: {' '.join(filter(None, fields))[:60]!r}")
        else:
            rows[f"row {row}"], end = fields, row
    damaged = [place for place in sheet.damaged if header <= place[0] <= end + 1]
    if damaged := sorted(place for place in damaged if first <= place[1] <= last):
        cells = [f"{sheet.damaged[place]} in {sheet.address(place)}" for place in damaged]
        raise PlateError(
            f"{path}, sheet {sheet.title!r}: no value in {listed(cells)}; write the "
            "value itself (open and save formulas in a spreadsheet program)"
        )
    table = make_table(f"{path}, sheet {sheet.title!r}", names, rows)
    notes = [f"below the table and not used: {listed(remarks)}"] if remarks else []
    return sheet, table, sheet.address((header, first), (end, last)), notes


def _with_merged(sheet: Sheet) -> dict[Place, str]:
    """Return the texts of a sheet; a merged range has its text in each cell."""
    texts = {place: sheet.text(place) for place in sheet.values}
    for (top, left), (bottom, right) in sheet.merged.items():
        if (top, left) in sheet.values:
            for row in range(top, bottom + 1):
                for column in range(left, right + 1):
                    texts[row, column] = sheet.text((top, left))
    return texts


def _names_a_well(names: list[str], fields: list[str], columns: Mapping[str, str]) -> bool:
    """Return whether a row below a blank one goes on with the table."""
    found = find_columns(names, columns)
    values = dict(zip(names, fields, strict=True))
    keys = found["well"] or found["row"] + found["column"]
    try:
        parse_well(" ".join(values[key] for key in keys))
    except ValueError:
        return False
    return True


def _nothing_found(path: Path, sheets: Sequence[Sheet], names: Sequence[str]) -> str:
    parts = []
    for sheet in sheets:
        for run in letter_runs(sheet):
            first, last = (run.first, run.line), (run.first + run.length - 1, run.line)
            parts.append(f"row letters in {sheet.title}!{sheet.address(first, last)}")
        for run in number_runs(sheet):
            first, last = (run.line, run.first), (run.line, run.first + run.length - 1)
            parts.append(f"column numbers in {sheet.title}!{sheet.address(first, last)}")
        if unknown := sum(reason.startswith("a formula") for reason in sheet.damaged.values()):
            parts.append(f"{unknown} formulas without a stored value in {sheet.title}")
    return (
        f"{path} holds neither a grid with row letters A-P and column numbers 1-24 (or A-H and "
        f"1-12) nor a table with the columns {' and '.join(names)}; found "
        f"{listed(parts) or 'nothing of either'}; write the letters and numbers beside "
        "the wells, or give the layout as CSV"
    )
