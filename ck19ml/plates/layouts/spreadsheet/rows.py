"""A layout that a workbook holds as a table with one row a well, and no grid."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ck19ml.errors import PlateError
from ck19ml.plates.layouts.spreadsheet.grid import letter_runs, number_runs
from ck19ml.plates.layouts.spreadsheet.sheet import Sheet
from ck19ml.plates.layouts.table import REQUIRED_COLUMNS, Table, listed, make_table


def find_table(
    path: Path, sheets: Sequence[Sheet], columns: Mapping[str, str]
) -> tuple[Sheet, Table, str]:
    """Find the one table whose header names the wells and their stimulation.

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
    tuple of Sheet, Table, str
        The sheet, the table down to the first blank row, and its address.

    Raises
    ------
    PlateError
        If there is no table, or more than one, or it holds a value that cannot be known.
    """
    names = [columns.get(name, name) for name in REQUIRED_COLUMNS]
    headers = _headers(sheets, columns)
    if not headers:
        raise PlateError(_nothing_found(path, sheets, names))
    if len(headers) > 1:
        found = listed([f"{sheet.title} row {row}" for sheet, row in headers])
        raise PlateError(
            f"expected one table in {path}, found headers in {found}; keep one, or name the sheet"
        )
    return _read_table(path, *headers[0])


def has_table(sheets: Sequence[Sheet], columns: Mapping[str, str]) -> bool:
    """Tell whether some row names the wells and their stimulation."""
    return bool(_headers(sheets, columns))


def _headers(sheets: Sequence[Sheet], columns: Mapping[str, str]) -> list[tuple[Sheet, int]]:
    names = [columns.get(name, name) for name in REQUIRED_COLUMNS]
    return [(sheet, row) for sheet in sheets for row in _header_rows(sheet, names)]


def _header_rows(sheet: Sheet, names: Sequence[str]) -> list[int]:
    texts: dict[int, set[str]] = {}
    for place in sheet.values:
        texts.setdefault(place[0], set()).add(sheet.text(place))
    return sorted(row for row, found in texts.items() if found >= set(names))


def _read_table(path: Path, sheet: Sheet, header: int) -> tuple[Sheet, Table, str]:
    columns = sorted(column for row, column in sheet.values if row == header)
    first, last = columns[0], columns[-1]
    rows: dict[str, list[str]] = {}
    row = header
    while any(fields := [sheet.text((row + 1, column)) for column in range(first, last + 1)]):
        row += 1
        rows[f"row {row}"] = fields
    damaged = [place for place in sheet.damaged if header <= place[0] <= row + 1]
    if damaged := sorted(place for place in damaged if first <= place[1] <= last):
        cells = [f"{sheet.damaged[place]} in {sheet.address(place)}" for place in damaged]
        raise PlateError(
            f"expected values in {path}, sheet {sheet.title!r}, found {listed(cells)}; write the "
            "value itself (open and save formulas in a spreadsheet program)"
        )
    names = [sheet.text((header, column)) for column in range(first, last + 1)]
    table = make_table(f"{path}, sheet {sheet.title!r}", names, rows)
    return sheet, table, sheet.address((header, first), (row, last))


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
        f"expected a grid with row letters A-P and column numbers 1-24 (or A-H and 1-12), or a "
        f"table with the columns {' and '.join(names)} in {path}, found "
        f"{listed(parts) or 'neither'}; write the letters and numbers beside the wells, or give "
        "the layout as CSV"
    )
