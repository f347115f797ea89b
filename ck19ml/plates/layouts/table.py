"""A table of text as a file holds it, and the layout that its columns say."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ck19ml.core.wells import parse_well, well_name
from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.layouts.amounts import (
    Unit,
    find_unit,
    has_decimal_commas,
    has_decimal_dots,
    parse_um,
)
from ck19ml.plates.layouts.records import LAYOUT_COLUMNS, LayoutReading, WellRecord, listed, settled
from ck19ml.plates.layouts.vocabulary import kind_of_label

REQUIRED_COLUMNS = ("well", "stimulation")
NOT_GIVEN = "not given"
"""Stimulation of all wells where a table with compounds names none."""

_T = TypeVar("_T")
_CONTROLS = {"": "", "-": "", "no": "", "none": ""}
_NO_COMPOUND = ("-", "–", "—")
_ROW, _COLUMN = ("row",), ("column", "col")
_SPELLINGS = {
    "well": ("well", "well id", "well name"),
    "stimulation": ("stimulation",),
    "compound": ("compound", "drug"),
    "control": ("control",),
}
_CONCENTRATION = re.compile(r"(?:compound |drug )?conc(?:entration)?s?\b.*|dose\b.*", re.I)


@dataclass(frozen=True)
class Table:
    """A table of text as a file holds it.

    Attributes
    ----------
    source : str
        What to call the file in an error.
    columns : dict of str to list of str
        Text, with single spaces only, by the file's own column names.
    places : list of str
        The place of each row in the file, such as "line 7".
    dot_is_decimal : bool
        Whether "1.000" is one, since a comma separates the columns.
    """

    source: str
    columns: dict[str, list[str]]
    places: list[str]
    dot_is_decimal: bool = False


def make_table(
    source: str,
    header: Sequence[str],
    rows: Mapping[str, Sequence[str]],
    *,
    dot_is_decimal: bool = False,
) -> Table:
    """Put rows of text under their header.

    Parameters
    ----------
    source : str
        What to call the file in an error.
    header : sequence of str
        The file's column names; columns without a name are dropped if they are empty.
    rows : mapping of str to sequence of str
        Fields of each row by the place where the row is.

    Raises
    ------
    PlateError
        If a name occurs twice in the header or a row has more or fewer fields than the header.
    """
    names = [name for name in header if name]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PlateError(f"{source} has the column {listed(twice)} twice; rename one")
    width = len(header)
    ragged = [
        place
        for place, row in rows.items()
        if len(row) < width
        or any(row[width:])
        or any(field and not name for field, name in zip(row, header, strict=False))
    ]
    if ragged:
        raise PlateError(
            f"{source} has {len(names)} fields in its header and another number at "
            f"{listed(ragged)}; quote fields that hold the separator"
        )
    columns = {
        name: [row[position] for row in rows.values()]
        for position, name in enumerate(header)
        if name
    }
    return Table(source, columns, list(rows), dot_is_decimal)


def find_columns(header: Sequence[str], columns: Mapping[str, str]) -> dict[str, list[str]]:
    """Find the columns of a header that a layout needs, in any case and spacing.

    Returns
    -------
    dict of str to list of str
        For each name of `LAYOUT_COLUMNS`, and for row and column, the header's own names that fit.
    """
    found: dict[str, list[str]] = {}
    for name in (*LAYOUT_COLUMNS, "row", "column"):
        if name in columns:
            own = columns[name]
            exact = [text for text in header if text == own]
            found[name] = exact or [text for text in header if _plain(text) == _plain(own)]
        elif name == "concentration_um":
            found[name] = [text for text in header if _is_concentration(text)]
        else:
            known = {"row": _ROW, "column": _COLUMN}.get(name) or _SPELLINGS[name]
            found[name] = [text for text in header if _plain(text) in known]
    return found


def is_header(texts: Sequence[str], columns: Mapping[str, str]) -> bool:
    """Return whether a row names the wells and what they received."""
    found = find_columns(texts, columns)
    wells = found["well"] or (found["row"] and found["column"])
    return bool(wells and (found["stimulation"] or (found["compound"] and not columns)))


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").split()).casefold()


def _is_concentration(text: str) -> bool:
    plain = text.replace("_", " ")
    if not _CONCENTRATION.fullmatch(plain):
        return False
    unit = find_unit(plain)
    return unit.kind == "molar" if unit else not plain.lower().startswith("dose")


def layout_of_table(
    table: Table, columns: Mapping[str, str] | None = None, plates: Sequence[str] = ()
) -> LayoutReading:
    """Check a table and make a layout of it.

    Parameters
    ----------
    table : Table
        One row a well.
    columns : mapping of str to str, optional
        The file's own name of each of the layout's columns, where it differs.
    plates : sequence of str
        Names of the plate, where the table has a column ``plate`` with several.

    Raises
    ------
    ConfigError
        If `columns` names a column that a layout does not have.
    PlateError
        If a required column is missing, or a row has no well, a well that another row has, no
        stimulation, or a concentration or control that cannot be read.
    """
    if not table.places:
        raise PlateError(f"{table.source} names no wells; add one row a well")
    table, notes = _of_plate(table, plates)
    own, more = _choose_columns(table, columns or {})
    blank = [""] * len(table.places)
    fields = {name: table.columns[own[name]] if name in own else blank for name in LAYOUT_COLUMNS}
    if "well" in own:
        wells = _each(table, "wells such as A03", fields["well"], parse_well)
    else:
        rows, numbers = table.columns[own["row"]], table.columns[own["column"]]
        pairs = [f"{row} {number}" for row, number in zip(rows, numbers, strict=True)]
        wells = _each(table, "a row and a column of a plate", pairs, _well_of_pair)
    _refuse_duplicates(table, wells)
    if "stimulation" in own:
        stimulations = _each(table, "a stimulation", fields["stimulation"], _filled)
    else:
        stimulations = [NOT_GIVEN] * len(wells)
    doses = _concentrations(table, own.get("concentration_um", ""), fields["concentration_um"])
    controls = _each(table, "vehicle, untreated or nothing as control", fields["control"], _control)
    read = [
        _record(*row)
        for row in zip(wells, stimulations, fields["compound"], doses, controls, strict=True)
    ]
    empty = [well for well, record in zip(wells, read, strict=True) if record is None]
    if empty:
        more.append(f"empty wells are left out: {listed(empty)}")
    made = settled([record for record in read if record is not None])
    return LayoutReading(made.layout, notes + more + made.notes)


def _of_plate(table: Table, plates: Sequence[str]) -> tuple[Table, list[str]]:
    """Keep the rows of one plate where the table holds several."""
    own = next((name for name in table.columns if _plain(name) == "plate"), None)
    names = sorted(set(table.columns[own]) - {""}) if own else []
    if own is None or len(names) < 2:
        return table, []
    chosen = [name for name in names if name in plates]
    if len(chosen) != 1:
        raise PlateError(
            f"{table.source} holds the plates {listed(names)}, and this one is called "
            f"{listed(list(plates)) or 'nothing'}; give one of these names as 'name' in plate.yaml"
        )
    kept = [n for n, name in enumerate(table.columns[own]) if name == chosen[0]]
    columns = {name: [texts[n] for n in kept] for name, texts in table.columns.items()}
    left = f"{len(table.places) - len(kept)} rows of other plates than {chosen[0]} are left out"
    places = [table.places[n] for n in kept]
    return Table(table.source, columns, places, table.dot_is_decimal), [left]


def _choose_columns(table: Table, columns: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the table's own name of each column, and what is said of them."""
    if unknown := sorted(set(columns) - set(LAYOUT_COLUMNS)):
        raise ConfigError(
            f"layout_columns may name {', '.join(LAYOUT_COLUMNS)}, found {listed(unknown)}; "
            "write {our name: the file's name}"
        )
    header = list(table.columns)
    found = find_columns(header, columns)
    for name, fitting in found.items():
        if len(fitting) > 1:
            raise PlateError(
                f"cannot tell which column of {table.source} is {name}: {listed(fitting)}; say it "
                f"in plate.yaml, as in layout_columns: {{{name}: '{fitting[0]}'}}"
            )
    own = {name: fitting[0] for name, fitting in found.items() if fitting}
    if "well" in own:
        own = {name: text for name, text in own.items() if name not in ("row", "column")}
    needed = set(columns) | ({"well"} if "row" not in own or "column" not in own else set())
    needed |= set() if "compound" in own else {"stimulation"}
    if missing := [columns.get(n, n) for n in LAYOUT_COLUMNS if n in needed and n not in own]:
        raise PlateError(
            f"{table.source} has no column {' and '.join(missing)}, only "
            f"{listed(header) or 'none'}; add it, or give the file's own name in plate.yaml, "
            f"as in layout_columns: {{{missing[0]}: '{header[0] if header else 'NAME'}'}}"
        )
    notes = []
    if "stimulation" not in own:
        drug = own["compound"]
        notes.append(
            f"no column gives the stimulation: it is {NOT_GIVEN!r} in all wells; to tell wells "
            f"apart by {drug!r}, add layout_columns: {{stimulation: {drug!r}}} to plate.yaml"
        )
    left = [name for name in header if name not in own.values() and _plain(name) != "plate"]
    if left:
        notes.append(f"columns that are not used: {listed(left)}")
    dose = own.get("concentration_um")
    unit = find_unit(dose.replace("_", " ")) if dose else None
    if dose and (unit is None or unit.text != "uM"):
        notes.append(
            f"{dose!r} is converted from {unit.text} to uM" if unit else f"{dose!r} is taken as uM"
        )
    return own, notes


def _each(
    table: Table, expected: str, texts: Sequence[str], convert: Callable[[str], _T]
) -> list[_T]:
    values, wrong, reason = [], [], ""
    for place_, text in zip(table.places, texts, strict=True):
        try:
            values.append(convert(text))
        except ValueError as error:
            wrong.append(f"{text[:40]!r} at {place_}")
            reason = reason or (f" ({error})" if "groups thousands" in str(error) else "")
    if wrong:
        raise PlateError(
            f"{table.source} has {listed(wrong)} instead of {expected}{reason}; correct these rows"
        )
    return values


def _concentrations(table: Table, name: str, texts: Sequence[str]) -> list[float]:
    unit: Unit | None = find_unit(name.replace("_", " "))
    dots = has_decimal_dots(texts) or (table.dot_is_decimal and not has_decimal_commas(texts))
    return _each(
        table,
        f"concentrations in {unit.text if unit else 'uM'}",
        texts,
        lambda text: parse_um(text, unit, dot_is_decimal=dots),
    )


def _well_of_pair(text: str) -> str:
    row, _, number = text.partition(" ")
    return well_name(row, int(number))


def _filled(text: str) -> str:
    if not text:
        raise ValueError("empty")
    return text


def _control(text: str) -> str:
    kind = kind_of_label(text)
    if text.lower() in _CONTROLS:
        return _CONTROLS[text.lower()]
    if kind == "compound":
        raise ValueError(f"not a control: {text!r}")
    return kind


def _record(
    well: str, stimulation: str, compound: str, concentration: float, control: str
) -> WellRecord | None:
    """Put the fields of a row together; None for a well without cells."""
    compound = "" if compound in _NO_COMPOUND else compound
    kind = kind_of_label(compound)
    if "empty" in (kind, control):
        return None
    if kind != "compound":
        return WellRecord(well, stimulation, control=kind)
    return WellRecord(well, stimulation, compound, concentration, control)


def _refuse_duplicates(table: Table, wells: Sequence[str]) -> None:
    places: dict[str, list[str]] = {}
    for well, at in zip(wells, table.places, strict=True):
        places.setdefault(well, []).append(at)
    twice = [f"{well} ({', '.join(at[:3])})" for well, at in places.items() if len(at) > 1]
    if twice:
        raise PlateError(
            f"{table.source} has wells more than once: {listed(twice)}; keep one row a well"
        )
