"""Content of the cells of a plate sheet's grid: compounds, controls, empty wells."""

from collections.abc import Iterable
from typing import NamedTuple

from ck19ml.plates.layouts.amounts import Amount, parse_amount
from ck19ml.plates.layouts.records import listed
from ck19ml.plates.layouts.spreadsheet.grid import Grid
from ck19ml.plates.layouts.spreadsheet.sheet import Place, Sheet, UndecidedError
from ck19ml.plates.layouts.vocabulary import (
    WellKind,
    is_letter_mark,
    kind_of_well,
    read_legend,
    split_dose,
)


class Well(NamedTuple):
    """A well that holds cells: its kind, its compound and the compound's own concentration."""

    kind: WellKind
    compound: str = ""
    amount: Amount | None = None


def remarks(sheet: Sheet, grid: Grid) -> dict[Place, str]:
    """Return the texts outside the grid and its headers."""
    return {
        (row, column): value
        for (row, column), value in sorted(sheet.values.items())
        if isinstance(value, str)
        and not _holds(grid, row, column)
        and not (row in grid.header_rows and grid.left <= column <= grid.right)
        and not (column in grid.letter_columns and grid.top <= row <= grid.bottom)
    }


def legend_of(texts: dict[Place, str]) -> dict[str, WellKind]:
    """Read the meaning of marks from one cell ("e = empty well") or from two side by side."""
    pairs = [
        f"{text} = {texts[row, column + 1]}"
        for (row, column), text in texts.items()
        if (row, column + 1) in texts and len(text) <= 12 and "=" not in texts[row, column + 1]
    ]
    beside = {
        mark: kind
        for mark, kind in read_legend(pairs).items()
        if kind in ("empty", "vehicle", "untreated")
    }
    return beside | read_legend(list(texts.values()))


def read_wells(sheet: Sheet, grid: Grid, legend: dict[str, WellKind]) -> dict[Place, Well]:
    """Read the wells that hold cells.

    Returns
    -------
    dict of place to Well
        Empty wells are left out.

    Raises
    ------
    UndecidedError
        If a cell's value cannot be known, or its mark can mean two things, or all are empty.
    """
    texts = _texts(sheet, grid)
    _refuse_damage(sheet, grid, texts)
    _refuse_colours(sheet, grid, texts)
    kinds = {place: kind_of_well(text, legend) for place, text in texts.items()}
    _refuse_unclear_controls(sheet, texts, kinds)
    _refuse_letter_marks(sheet, texts, kinds, legend)
    wells = {}
    for place, kind in kinds.items():
        if kind == "compound":
            compound, amount = _compound(sheet, place, texts[place])
            wells[place] = Well(kind, compound, amount)
        elif kind != "empty":
            wells[place] = Well(kind)
    if not wells:
        raise UndecidedError(
            f"the grid {grid.address(sheet)} is empty; write compounds or marks into it"
        )
    return wells


def _refuse_damage(sheet: Sheet, grid: Grid, texts: dict[Place, str]) -> None:
    """Ask about unknown values in the grid and where its labels stand; a date may be a remark."""
    damaged = []
    for (row, column), reason in sorted(sheet.damaged.items()):
        inside = (row, column) in texts or _holds(grid, row, column)
        in_line = grid.top <= row <= grid.bottom or grid.left <= column <= grid.right
        if inside or (in_line and not reason.startswith("the date")):
            damaged.append(f"{reason} in {sheet.address((row, column))}")
    if damaged:
        raise UndecidedError(
            f"cells hold errors instead of values: {listed(damaged)}; write the value "
            "itself (open and save formulas in a spreadsheet program)"
        )


def _refuse_colours(sheet: Sheet, grid: Grid, texts: dict[Place, str]) -> None:
    """Ask about cells without text whose colour may say what they hold."""
    coloured = [
        (row, column)
        for row in range(grid.top, grid.bottom + 1)
        for column in range(grid.left, grid.right + 1)
        if (row, column) not in texts and sheet.fills.get((row, column))
    ]
    if coloured:
        raise UndecidedError(
            f"cannot tell what the coloured cells without text hold: "
            f"{listed(_addresses(sheet, coloured))}; write it into them, or '-' where a well is "
            "empty"
        )


def _holds(grid: Grid, row: int, column: int) -> bool:
    return grid.top <= row <= grid.bottom and grid.left <= column <= grid.right


def _texts(sheet: Sheet, grid: Grid) -> dict[Place, str]:
    """Return the cells of the grid as text; a merged cell counts for all that it covers."""
    texts = {}
    for place in sheet.values:
        last = sheet.merged.get(place, place)
        for row in range(place[0], last[0] + 1):
            for column in range(place[1], last[1] + 1):
                if _holds(grid, row, column):
                    texts[row, column] = sheet.text(place)
    return texts


def _compound(sheet: Sheet, place: Place, text: str) -> tuple[str, Amount | None]:
    try:
        _refuse_amounts(sheet, place, text)
        name, amount = split_dose(text)
    except ValueError as error:
        raise UndecidedError(
            f"{sheet.address(place)}: {error}; write the number with a decimal point"
        ) from error
    if amount is not None and amount.unit is not None and amount.unit.kind != "molar":
        return text, None
    return name, amount


def _refuse_amounts(sheet: Sheet, place: Place, text: str) -> None:
    """Ask about wells that hold a concentration where a compound is expected."""
    amount = parse_amount(text)
    if amount is not None and (amount.unit is not None or not amount.number.is_integer()):
        raise UndecidedError(
            f"{sheet.address(place)} holds the amount {text!r} without a compound; write the "
            "compound too, as in '4 (10 uM)', or the concentrations into a row over the grid"
        )


def _refuse_unclear_controls(
    sheet: Sheet, texts: dict[Place, str], kinds: dict[Place, WellKind]
) -> None:
    unclear = sorted(place for place, kind in kinds.items() if kind == "control")
    if unclear:
        word = texts[unclear[0]]
        raise UndecidedError(
            f"cannot tell what {word!r} means in {listed(_addresses(sheet, unclear))}; write "
            f"'{word} = no treatment' or '{word} = vehicle' into a cell under the grid"
        )


def _refuse_letter_marks(
    sheet: Sheet,
    texts: dict[Place, str],
    kinds: dict[Place, WellKind],
    legend: dict[str, WellKind],
) -> None:
    """Ask about "e" and "x" where other single letters name compounds."""
    letters = {
        text
        for place, text in texts.items()
        if kinds[place] == "compound" and len(text) == 1 and text.isalpha()
    }
    marks = sorted(
        place
        for place, text in texts.items()
        if kinds[place] == "empty" and is_letter_mark(text) and text.lower() not in legend
    )
    if letters and marks:
        mark = texts[marks[0]]
        raise UndecidedError(
            f"cannot tell whether {mark!r} means empty or is a compound such as "
            f"{min(letters)!r}, in {listed(_addresses(sheet, marks))}; write '{mark} = empty well' "
            f"or '{mark} = compound' into a cell under the grid"
        )


def _addresses(sheet: Sheet, places: Iterable[Place]) -> list[str]:
    return [sheet.address(place) for place in places]
