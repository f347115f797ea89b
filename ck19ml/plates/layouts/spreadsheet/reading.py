"""Plate layouts from spreadsheets as biologists write them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ck19ml.errors import PlateError
from ck19ml.plates.layouts.records import LayoutReading, WellRecord, listed, settled
from ck19ml.plates.layouts.spreadsheet.doses import (
    DoseLine,
    assign_doses,
    choose_dose_line,
    find_dose_lines,
)
from ck19ml.plates.layouts.spreadsheet.grid import Grid, find_grids, letter_runs
from ck19ml.plates.layouts.spreadsheet.notes import (
    dose_notes,
    label_notes,
    remark_notes,
    well_notes,
)
from ck19ml.plates.layouts.spreadsheet.rows import find_table, has_table
from ck19ml.plates.layouts.spreadsheet.sheet import (
    Place,
    Sheet,
    UndecidedError,
    load_sheets,
)
from ck19ml.plates.layouts.spreadsheet.stimulations import (
    Label,
    assign_labels,
    find_label_lines,
)
from ck19ml.plates.layouts.spreadsheet.wells import legend_of, read_wells, remarks
from ck19ml.plates.layouts.table import layout_of_table


@dataclass(frozen=True)
class SpreadsheetReading(LayoutReading):
    """Content of a spreadsheet, and how it was concluded.

    Attributes
    ----------
    layout : pandas.DataFrame
    notes : list of str
        Which cells gave the stimulation, the concentrations, the marks and the remarks.
    grid_address : str
        The cells of the wells, such as "C5:Z20".
    sheet : str
        The sheet's name.
    """

    grid_address: str = ""
    sheet: str = ""


def read_spreadsheet(
    path: Path,
    sheet: str | None = None,
    columns: Mapping[str, str] | None = None,
    plates: Sequence[str] = (),
) -> SpreadsheetReading:
    """Read the plate of a workbook: a grid of 6 to 1536 wells, or a table with one row a well.

    Parameters
    ----------
    path : Path
        An `.xlsx` file. The grid may stand anywhere: row letters down one side, column numbers
        over or under it; stimulation labels and concentrations around it, remarks elsewhere.
    sheet : str, optional
        The sheet; without it, the only visible one that holds a plate.
    columns : mapping of str to str, optional
        The file's own name of a layout's column; a table with these names goes before a grid.

    Returns
    -------
    SpreadsheetReading

    Raises
    ------
    PlateError
        If the workbook cannot be read, or leaves something open that must be known: the message
        names the cells.
    """
    sheets = _choose_sheets(path, load_sheets(path), sheet)
    grids = [(page, grid) for page in sheets for grid in find_grids(page)]
    if not grids and not has_table(sheets, columns or {}):
        grids = [(page, grid) for page in sheets for grid in find_grids(page, small=True)]
    if not grids or (columns and has_table(sheets, columns)):
        page, table, address, remarks = find_table(path, sheets, columns or {})
        read = layout_of_table(table, columns, plates)
        notes = [f"sheet {page.title!r}: a table of {len(read.layout)} wells in {address}"]
        return SpreadsheetReading(read.layout, [*notes, *read.notes, *remarks], address, page.title)
    if len(grids) > 1:
        found = listed([f"{page.title}!{grid.address(page)}" for page, grid in grids])
        raise PlateError(
            f"{path} holds {len(grids)} plate grids: {found}; keep one a sheet, "
            "and name the sheet or save it in a file of its own"
        )
    page, grid = grids[0]
    try:
        return _read_grid(page, grid)
    except UndecidedError as error:
        raise PlateError(f"{path}, sheet {page.title!r}: {error}") from error


def _choose_sheets(path: Path, sheets: list[Sheet], name: str | None) -> list[Sheet]:
    chosen = [page for page in sheets if name in (None, page.title)]
    if not chosen:
        raise PlateError(
            f"{path} has no sheet {name!r}; name one of "
            f"{listed([page.title for page in sheets]) or 'none: all its sheets are hidden'}"
        )
    return chosen


def _read_grid(sheet: Sheet, grid: Grid) -> SpreadsheetReading:
    _refuse_letters_without_numbers(sheet, grid)
    texts = remarks(sheet, grid)
    legend = legend_of(texts)
    wells = read_wells(sheet, grid, legend)
    lines = find_label_lines(sheet, grid, wells)
    labels = assign_labels(sheet, grid, lines, wells)
    dose_lines = find_dose_lines(sheet, grid)
    compound_line = choose_dose_line(dose_lines, of_stimulus=False)
    stimulus_line = choose_dose_line(dose_lines, of_stimulus=True)
    doses, gap_notes = assign_doses(sheet, wells, compound_line)
    stimulations = _name_stimulations(sheet, labels, stimulus_line)
    made = settled(
        [
            WellRecord(
                grid.well(place),
                stimulations[place],
                well.compound,
                doses.get(place, math.nan),
                "" if well.kind == "compound" else well.kind,
            )
            for place, well in wells.items()
        ]
    )
    notes = [f"sheet {sheet.title!r}: {grid.rows} x {grid.columns} wells in {grid.address(sheet)}"]
    notes += label_notes(grid, lines) + dose_notes(dose_lines) + gap_notes
    notes += well_notes(sheet, grid, wells) + remark_notes(sheet, texts, lines)
    notes += made.notes
    return SpreadsheetReading(made.layout, notes, grid.address(sheet), sheet.title)


def _refuse_letters_without_numbers(sheet: Sheet, grid: Grid) -> None:
    for run in letter_runs(sheet):
        if run.first != grid.top:
            cells = sheet.address((run.first, run.line), (run.first + run.length - 1, run.line))
            raise UndecidedError(
                f"cannot tell whether the row letters in {cells} belong to a second plate, since "
                "no column numbers stand over them; keep one plate a sheet"
            )


def _name_stimulations(
    sheet: Sheet, labels: dict[Place, Label], line: DoseLine | None
) -> dict[Place, str]:
    """Name each well's stimulation; the dose is part of the name where there are several."""
    named: dict[Place, tuple[str, str]] = {}
    spellings: dict[str, str] = {}
    for place, label in labels.items():
        name = spellings.setdefault(label.name.lower(), label.name)
        named[place] = (name, label.dose)
        if line is not None and name != "Unstimulated":
            named[place] = _with_line_dose(sheet, place, name, line)
    doses: dict[str, set[str]] = {}
    for name, dose in named.values():
        doses.setdefault(name, set()).update({dose} - {""})
    return {
        place: f"{name} {dose}" if dose and len(doses[name]) > 1 else name
        for place, (name, dose) in named.items()
    }


def _with_line_dose(sheet: Sheet, place: Place, name: str, line: DoseLine) -> tuple[str, str]:
    position = line.sheet.position(place)
    amount = line.amounts.get(position)
    if amount is None:
        raise UndecidedError(
            f"cannot tell the dose of the stimulus in {sheet.address(place)}: "
            f"{line.sheet.address((line.index, position))} is empty; write it there"
        )
    if math.isnan(amount):
        return name, ""
    return (name, f"{amount:g} {line.unit}") if amount else ("Unstimulated", "")
