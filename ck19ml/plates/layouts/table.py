"""The table that a layout is: its columns, its checks, and its reading from delimited text."""

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import pandas as pd

from ck19ml.core.wells import parse_well
from ck19ml.errors import ConfigError, PlateError
from ck19ml.files.csv_text import as_meant
from ck19ml.files.reading import BoundsError, read_text

LAYOUT_COLUMNS = ("well", "stimulation", "compound", "concentration_um", "control")
REQUIRED_COLUMNS = ("well", "stimulation")
MAX_TEXT_BYTES = 8 * 2**20  # a plate has 384 wells: a layout is a few tens of kilobytes
_SHOWN = 5
_T = TypeVar("_T")
_CONTROLS = {"": "", "vehicle": "vehicle", "dmso": "vehicle", "untreated": "untreated"}
_NO_NUMBER = {"", "-", "na", "n/a", "nan", "none"}


class WellRecord(NamedTuple):
    """One row of a layout; `concentration_um` in uM, NaN where there is no compound."""

    well: str
    stimulation: str
    compound: str = ""
    concentration_um: float = math.nan
    control: str = ""


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
        Where each row stands in the file, such as "line 7".
    """

    source: str
    columns: dict[str, list[str]]
    places: list[str]


def as_layout(records: Iterable[WellRecord]) -> pd.DataFrame:
    """Make a layout of well records: explicit dtypes, sorted by row and column.

    Parameters
    ----------
    records : iterable of WellRecord
        Wells written as ``A03``, each once.

    Returns
    -------
    pandas.DataFrame
        Columns well, stimulation, compound, concentration_um and control: str but for the
        concentration, which is float64 in uM.
    """
    frame = pd.DataFrame(list(records), columns=list(LAYOUT_COLUMNS))
    dtypes = dict.fromkeys(LAYOUT_COLUMNS, "str") | {"concentration_um": "float64"}
    # A03 < A10 < B01: the padded name sorts as row, then column.
    return frame.astype(dtypes).sort_values("well", ignore_index=True)


def listed(items: Sequence[object]) -> str:
    """Write out at most five items, then how many more there are."""
    shown = ", ".join(str(item) for item in items[:_SHOWN])
    rest = len(items) - _SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


def parse_number(text: str) -> float:
    """Read a decimal number; "0,3" is 0.3 and nothing, "-" or "NA" is NaN.

    Raises
    ------
    ValueError
        If the text is no finite number of 0 or more, or if its comma could also group thousands
        (as in "1,000").
    """
    if text.strip().lower() in _NO_NUMBER:
        return math.nan
    whole, comma, decimals = text.partition(",")
    if comma and len(decimals) == 3 and whole.strip().lstrip("0"):
        raise ValueError(f"cannot tell whether the comma of {text!r} groups thousands")
    number = float(text.replace(",", "."))
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"expected a number of 0 or more, found {text!r}")
    return number


def read_delimited(path: Path) -> Table:
    """Read UTF-8 text delimited by commas, semicolons or tabs.

    Parameters
    ----------
    path : Path
        The file; its first line names the columns. Blank lines are skipped.

    Raises
    ------
    PlateError
        If the file cannot be read, is not UTF-8, is empty or is not a table.
    """
    text = _read_text(path)
    separator = max(",;\t", key=text.lstrip().split("\n", 1)[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        lines = [
            (reader.line_num, [as_meant(" ".join(field.split())) for field in row])
            for row in reader
        ]
    except csv.Error as error:
        raise PlateError(
            f"expected a table in {path}, found line {reader.line_num} with {error}; "
            "write one line a well with as many fields as the header"
        ) from error
    filled = [(number, row) for number, row in lines if any(row)]
    if not filled:
        raise PlateError(
            f"expected a header and one line a well in {path}, found separators only; fill it"
        )
    (_, header), *rows = filled
    return make_table(str(path), header, {f"line {number}": row for number, row in rows})


def make_table(source: str, header: Sequence[str], rows: Mapping[str, Sequence[str]]) -> Table:
    """Put rows of text under their header.

    Parameters
    ----------
    source : str
        What to call the file in an error.
    header : sequence of str
        The file's column names; columns without a name are dropped if they are empty.
    rows : mapping of str to sequence of str
        Fields of each row by the place where the row stands.

    Raises
    ------
    PlateError
        If a name occurs twice in the header or a row has more or fewer fields than the header.
    """
    names = [name for name in header if name]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PlateError(
            f"expected each column once in {source}, found {listed(twice)} twice; rename one"
        )
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
            f"expected {len(names)} fields a row in {source} as in its header, found another "
            f"number at {listed(ragged)}; quote fields that hold the separator"
        )
    columns = {
        name: [row[position] for row in rows.values()]
        for position, name in enumerate(header)
        if name
    }
    return Table(source, columns, list(rows))


def layout_of_table(table: Table, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Check a table and make a layout of it.

    Parameters
    ----------
    table : Table
        One row a well.
    columns : mapping of str to str, optional
        The file's own name of each of the layout's columns, where it differs.

    Returns
    -------
    pandas.DataFrame
        A layout, see `as_layout`. A compound that is called DMSO is the vehicle control.

    Raises
    ------
    ConfigError
        If `columns` names a column that a layout does not have.
    PlateError
        If a required column is missing, or a row has no well, a well that another row has, no
        stimulation, or a concentration or control that cannot be read.
    """
    fields = _choose_columns(table, columns or {})
    if not table.places:
        raise PlateError(f"expected one row a well in {table.source}, found no wells; add them")
    wells = _each(table, "wells such as A03", fields["well"], parse_well)
    _refuse_duplicates(table, wells)
    stimulations = _each(table, "a stimulation", fields["stimulation"], _filled)
    doses = _each(table, "concentrations in uM", fields["concentration_um"], parse_number)
    controls = _each(table, "vehicle, untreated or nothing as control", fields["control"], _control)
    rows = zip(wells, stimulations, fields["compound"], doses, controls, strict=True)
    return as_layout(_settle_vehicle(WellRecord(*row)) for row in rows)


def _choose_columns(table: Table, columns: Mapping[str, str]) -> dict[str, list[str]]:
    if unknown := sorted(set(columns) - set(LAYOUT_COLUMNS)):
        raise ConfigError(
            f"layout_columns may name {', '.join(LAYOUT_COLUMNS)}, found {listed(unknown)}; "
            "write {our name: the file's name}"
        )
    own = {name: columns.get(name, name) for name in LAYOUT_COLUMNS}
    needed = [own[name] for name in LAYOUT_COLUMNS if name in REQUIRED_COLUMNS or name in columns]
    if missing := [name for name in needed if name not in table.columns]:
        raise PlateError(
            f"expected the column {' and '.join(missing)} in {table.source}, "
            f"found {listed(list(table.columns)) or 'none'}; add it, or give the file's own name "
            "with layout_columns"
        )
    blank = [""] * len(table.places)
    return {name: table.columns.get(own[name], blank) for name in LAYOUT_COLUMNS}


def _each(
    table: Table, expected: str, texts: Sequence[str], convert: Callable[[str], _T]
) -> list[_T]:
    values, wrong = [], []
    for place, text in zip(table.places, texts, strict=True):
        try:
            values.append(convert(text))
        except ValueError:
            wrong.append(f"{text[:40]!r} at {place}")
    if wrong:
        raise PlateError(
            f"expected {expected} in {table.source}, found {listed(wrong)}; correct these rows"
        )
    return values


def _filled(text: str) -> str:
    if not text:
        raise ValueError("empty")
    return text


def _control(text: str) -> str:
    if text.lower() not in _CONTROLS:
        raise ValueError(f"not a control: {text!r}")
    return _CONTROLS[text.lower()]


def _refuse_duplicates(table: Table, wells: Sequence[str]) -> None:
    places: dict[str, list[str]] = {}
    for well, place in zip(wells, table.places, strict=True):
        places.setdefault(well, []).append(place)
    twice = [f"{well} ({', '.join(at[:3])})" for well, at in places.items() if len(at) > 1]
    if twice:
        raise PlateError(
            f"expected each well once in {table.source}, found {listed(twice)}; keep one row a well"
        )


def _settle_vehicle(record: WellRecord) -> WellRecord:
    if record.compound.lower() == "dmso":
        return record._replace(compound="", concentration_um=math.nan, control="vehicle")
    return record


def _read_text(path: Path) -> str:
    try:
        text = read_text(path, MAX_TEXT_BYTES)
    except BoundsError as error:
        raise PlateError(
            f"expected a layout of at most {MAX_TEXT_BYTES // 2**20} MiB in {path}, found {error}; "
            "give one row a well"
        ) from error
    except UnicodeDecodeError as error:
        raise PlateError(
            f"expected UTF-8 text in {path}, found byte {error.object[error.start]:#04x} at "
            f"position {error.start}; save it as 'CSV UTF-8'"
        ) from error
    except OSError as error:
        raise PlateError(
            f"expected a layout at {path}, found: {error.strerror}; check the path"
        ) from error
    if not text.strip():
        raise PlateError(
            f"expected a header and one line a well in {path}, found an empty file; fill it"
        )
    return text
