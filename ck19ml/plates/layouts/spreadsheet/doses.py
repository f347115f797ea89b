"""The lines of a plate sheet that give concentrations."""

import math
import re
from dataclasses import dataclass

from ck19ml.plates.layouts.amounts import (
    Amount,
    Unit,
    find_unit,
    has_decimal_dots,
    parse_amount,
    to_um,
)
from ck19ml.plates.layouts.spreadsheet.grid import Entry, Grid, Line, lines_around
from ck19ml.plates.layouts.spreadsheet.sheet import Place, Sheet, UndecidedError, as_text
from ck19ml.plates.layouts.spreadsheet.wells import Well
from ck19ml.plates.layouts.vocabulary import is_dose_title, speaks_of_stimulation

_NEAR = 2


@dataclass(frozen=True)
class DoseLine:
    """Concentrations along the columns of a grid (its rows, where the sheet is transposed).

    Attributes
    ----------
    sheet : Sheet
        The sheet, transposed or not, that `index` and `amounts` refer to.
    index : int
        The line's number.
    unit : str
        The unit as in the sheet; amounts of compounds are converted to uM.
    of_stimulus : bool
        Whether the amounts are those of the stimulus.
    amounts : dict of int to float
        By column; NaN where the line says that there is none.
    """

    sheet: Sheet
    index: int
    unit: str
    of_stimulus: bool
    amounts: dict[int, float]

    def address(self) -> str:
        """Write the range that the line covers."""
        return self.sheet.address((self.index, min(self.amounts)), (self.index, max(self.amounts)))


def find_dose_lines(sheet: Sheet, grid: Grid) -> list[DoseLine]:
    """Find the concentrations over, under and beside a grid.

    Raises
    ------
    UndecidedError
        If numbers that look like concentrations have no unit or cannot be read.
    """
    found = []
    for view, frame in ((sheet, grid), (sheet.transpose(), grid.transpose())):
        for line in lines_around(view, frame):
            if dose_line := _read_line(view, frame, line):
                found.append(dose_line)
    return found


def _read_line(sheet: Sheet, grid: Grid, line: Line) -> DoseLine | None:
    dots = has_decimal_dots(str(entry.value) for entry in line.entries)
    amounts = {entry: _amount(sheet, entry, dots) for entry in line.entries}
    given = [amount for amount in amounts.values() if amount is not None]
    if not given and not any(is_dose_title(title) or find_unit(title) for title in line.titles):
        return None
    for entry in (entry for entry, amount in amounts.items() if amount is None):
        _refuse_unreadable(sheet, entry)
    if not given:
        return None
    title_unit = next((unit for title in line.titles if (unit := find_unit(title))), None)
    units = {amount.unit for amount in given if amount.unit} | ({title_unit} - {None})
    if not units:
        _refuse_numbers_without_unit(sheet, grid, line)
        return None
    if len({unit.kind for unit in units if unit}) > 1:
        where = sheet.address((line.index, grid.left), (line.index, grid.right))
        raise UndecidedError(
            f"{where} mixes concentrations in {_names(units)}; "
            "give compounds (uM) and stimulus (ug/mL) a line each"
        )
    values: dict[int, float] = {}
    for entry, amount in amounts.items():
        number = _in_line_unit(sheet, entry, amount, title_unit)
        values.update(dict.fromkeys(range(entry.first, entry.last + 1), number))
    unit = next(unit for unit in units if unit)
    return DoseLine(sheet, line.index, unit.text, _is_of_stimulus(sheet, line, unit), values)


def _amount(sheet: Sheet, entry: Entry, dot_is_decimal: bool) -> Amount | None:
    try:
        return parse_amount(entry.value, dot_is_decimal=dot_is_decimal)
    except ValueError as error:
        raise UndecidedError(
            f"{sheet.address(entry.place)}: {error}; write the number without separators"
        ) from error


def _refuse_unreadable(sheet: Sheet, entry: Entry) -> None:
    text = as_text(entry.value)
    if re.match(r"[~<>≤≥=±]*\s*[.,]?[0-9]", text) and not speaks_of_stimulation(text):
        raise UndecidedError(
            f"{sheet.address(entry.place)} holds {text[:40]!r} instead of a concentration; "
            "write a number, with uM or nM where it differs"
        )


def _in_line_unit(
    sheet: Sheet, entry: Entry, amount: Amount | None, title_unit: Unit | None
) -> float:
    if amount is None:
        return math.nan
    unit = amount.unit or title_unit
    if unit is None:
        raise UndecidedError(
            f"{amount.number:g} in {sheet.address(entry.place)} has no unit; "
            "write uM or nM behind it as in the cells beside it"
        )
    return to_um(amount.number, unit) if unit.kind == "molar" else amount.number


def _is_of_stimulus(sheet: Sheet, line: Line, unit: Unit) -> bool:
    about_stimulus = any(speaks_of_stimulation(title) for title in line.titles)
    about_compound = any(re.search("compound|drug", title, re.I) for title in line.titles)
    if unit.kind == "stimulus" and about_compound and not about_stimulus:
        raise UndecidedError(
            f"compounds in line {sheet.address((line.index, 1))} are in {unit.text}; "
            "convert them to uM or nM"
        )
    return unit.kind == "stimulus" or (about_stimulus and not about_compound)


def _refuse_numbers_without_unit(sheet: Sheet, grid: Grid, line: Line) -> None:
    """Ask for the unit of numbers that are likely concentrations; others are remarks."""
    edges = [grid.top, grid.bottom, *grid.header_rows]
    near = min(abs(line.index - edge) for edge in edges) <= _NEAR
    several = sum(not isinstance(entry.value, str) for entry in line.entries) > 1
    if any(is_dose_title(title) for title in line.titles) or (several and near and not line.titles):
        numbers = sheet.address(line.entries[0].place, line.entries[-1].place)
        beside = sheet.address(sheet.free_cell(line.index, max(1, grid.left - 1), grid.right + 1))
        raise UndecidedError(
            f"cannot tell the unit of the numbers in {numbers}; write 'Compound conc. uM' (or nM, "
            f"or 'Stimulus ug/mL') into {beside}, or remove them"
        )


def _names(units: set[Unit | None]) -> str:
    return " and ".join(sorted({unit.text for unit in units if unit}))


def choose_dose_line(lines: list[DoseLine], of_stimulus: bool) -> DoseLine | None:
    """Return the one line of the compounds' or of the stimulus's concentrations, if there is one.

    Raises
    ------
    UndecidedError
        If there are several.
    """
    chosen = [line for line in lines if line.of_stimulus == of_stimulus]
    if len(chosen) > 1:
        raise UndecidedError(
            f"there is more than one line of {'stimulus' if of_stimulus else 'compound'} "
            f"concentrations: {' and '.join(line.address() for line in chosen)}; keep one"
        )
    return chosen[0] if chosen else None


def assign_doses(
    sheet: Sheet, wells: dict[Place, Well], line: DoseLine | None
) -> tuple[dict[Place, float], list[str]]:
    """Give each well with a compound its concentration.

    Returns
    -------
    dict of place to float
        Concentration in uM, NaN where the sheet gives none at all.
    list of str
        What was concluded where the sheet leaves a gap.

    Raises
    ------
    UndecidedError
        If a well's own concentration contradicts the line's, or the line has a gap that cannot be
        filled since it holds several concentrations.
    """
    doses: dict[Place, float] = {}
    gaps: list[Place] = []
    for place, well in wells.items():
        if well.kind != "compound":
            continue
        given = line.amounts.get(line.sheet.position(place)) if line else None
        own = _own_dose(sheet, place, well, given)
        if own is None and given is None and line:
            gaps.append(place)
        doses[place] = next((dose for dose in (own, given) if dose is not None), math.nan)
    if line is None or not gaps:
        return doses, []
    common, note = _fill_gaps(line, sorted({line.sheet.position(place) for place in gaps}))
    return doses | dict.fromkeys(gaps, common), [note]


def _own_dose(sheet: Sheet, place: Place, well: Well, given: float | None) -> float | None:
    """Return the concentration that a cell of the grid itself gives, in uM."""
    if well.amount is None or well.amount.unit is None:
        return None
    own = to_um(well.amount.number, well.amount.unit)
    if given is not None and own != given:
        raise UndecidedError(
            f"cannot tell the concentration of {sheet.address(place)}: it says {own:g} uM, "
            f"its line {given:g} uM; correct one"
        )
    return own


def _fill_gaps(line: DoseLine, gaps: list[int]) -> tuple[float, str]:
    cells = ", ".join(line.sheet.address((line.index, position)) for position in gaps)
    given = {amount for amount in line.amounts.values() if not math.isnan(amount)}
    if len(given) != 1 or len(gaps) >= len(line.amounts):
        raise UndecidedError(
            f"cannot tell the concentration of the compounds in line with {cells}: empty in the "
            f"concentrations {line.address()}; write them there"
        )
    common = given.pop()
    return common, f"{cells} empty: taken as {common:g} uM, as everywhere else in {line.address()}"
