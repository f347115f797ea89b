"""Plate layouts: which stimulation and compound each well holds, read, written, chosen from."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.wells import place
from ck19ml.errors import ConfigError, PlateError
from ck19ml.files.csv_text import to_csv
from ck19ml.files.reading import require_file
from ck19ml.plates.layouts.builtin import BuiltinName, builtin_layout
from ck19ml.plates.layouts.delimited import read_delimited
from ck19ml.plates.layouts.records import LAYOUT_COLUMNS, LayoutReading, listed
from ck19ml.plates.layouts.table import Table, layout_of_table

__all__ = [
    "LAYOUT_COLUMNS",
    "BuiltinName",
    "builtin_layout",
    "choose_wells",
    "confounding",
    "open_layout",
    "read_layout",
    "write_layout",
]


def read_layout(
    path: Path, columns: Mapping[str, str] | None = None, sheet: str | None = None
) -> pd.DataFrame:
    """Read a layout, see `open_layout`, without its notes."""
    return open_layout(path, columns, sheet).layout


def open_layout(
    path: Path,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    plates: Sequence[str] = (),
) -> LayoutReading:
    """Read a layout from CSV, from a spreadsheet or from a wellmap TOML file.

    Parameters
    ----------
    path : Path
        A `.csv`, `.xlsx` or `.toml` file. CSV and TOML hold one row a well with the columns well
        (or row and column) and stimulation, and compound, concentration_um (or another unit of
        concentration) and control where there are any.
    columns : mapping of str to str, optional
        The file's own name of a layout's column, such as ``{"well": "colrow"}``.
    sheet : str, optional
        The sheet of a workbook; without it, the only one that holds a plate.
    plates : sequence of str
        Names of the plate, where the file holds several.

    Returns
    -------
    LayoutReading
        The layout with the columns well (``A03``), stimulation, compound ("" where none),
        concentration_um (float64, NaN where none) and control ("", "vehicle" or "untreated"),
        sorted by row and column; and what was concluded.

    Raises
    ------
    ConfigError
        If `columns` names a column that a layout does not have.
    PlateError
        If the file cannot be read or its rows are not a layout.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return layout_of_table(read_delimited(path), columns, plates)
    if suffix == ".xlsx":
        from ck19ml.plates.layouts.spreadsheet.reading import read_spreadsheet

        return read_spreadsheet(path, sheet=sheet, columns=columns, plates=plates)
    if suffix == ".toml":
        return layout_of_table(_wellmap_table(path), columns, plates)
    raise PlateError(f"{path} is not a .csv, .xlsx or .toml layout; save it as one of these")


def write_layout(layout: pd.DataFrame, path: Path) -> None:
    """Write a layout as CSV that `read_layout` reads back equal.

    Parameters
    ----------
    layout : pandas.DataFrame
        A layout; further columns are left out.
    path : Path
        The file to write; UTF-8.
    """
    path.write_text(to_csv(layout[list(LAYOUT_COLUMNS)]), encoding="utf-8")


def choose_wells(layout: pd.DataFrame, number: int | None) -> pd.DataFrame:
    """Choose a part of a layout that stands for the whole, the same at every call.

    Each stimulation gets about as many wells as the others; within a stimulation, vehicle and
    untreated wells keep their share, and the wells are spread over its rows and columns.

    Parameters
    ----------
    layout : pandas.DataFrame
        A layout.
    number : int or None
        How many wells; None for all.

    Returns
    -------
    pandas.DataFrame
        `number` rows of the layout, in its order.

    Raises
    ------
    ConfigError
        If there are fewer wells than asked for, or fewer asked for than stimulations.
    """
    if number is None:
        return layout.reset_index(drop=True)
    sizes = layout["stimulation"].value_counts(sort=False)
    if not len(sizes) <= number <= len(layout):
        raise ConfigError(
            f"{number} wells were asked for; choose {len(sizes)} (at least one for each of "
            f"{listed(list(sizes.index))}) to {len(layout)}"
        )
    rows, columns = np.array([place(well) for well in layout["well"]]).T
    chosen: list[int] = []
    for stimulation, quota in zip(sizes.index, _even_quotas(list(sizes), number), strict=True):
        members = np.flatnonzero(layout["stimulation"] == stimulation)
        controls = layout["control"].to_numpy()[members]
        picked = _spread(rows[members], columns[members], controls, quota)
        chosen += members[picked].tolist()
    return layout.iloc[sorted(chosen)].reset_index(drop=True)


def _even_quotas(sizes: list[int], number: int) -> list[int]:
    quotas = [0] * len(sizes)
    for _ in range(number):
        open_ones = [index for index, size in enumerate(sizes) if quotas[index] < size]
        quotas[min(open_ones, key=lambda index: quotas[index])] += 1
    return quotas


def _shares(sizes: list[int], number: int) -> list[int]:
    """Divide `number` in proportion to the sizes, by largest remainder."""
    exact = [size * number / sum(sizes) for size in sizes]
    shares = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda index: shares[index] - exact[index])
    for index in by_remainder[: number - sum(shares)]:
        shares[index] += 1
    return shares


def _spread(
    rows: NDArray[np.int_], columns: NDArray[np.int_], controls: NDArray[np.str_], number: int
) -> list[int]:
    """Choose wells one after the other, each in the rows and columns that are used least."""
    kinds = sorted(set(controls.tolist()), key=lambda kind: (np.sum(controls == kind), kind))
    left = dict(
        zip(kinds, _shares([int(np.sum(controls == k)) for k in kinds], number), strict=True)
    )
    free = np.ones(len(rows), bool)
    row_size, column_size = np.bincount(rows), np.bincount(columns)
    row_use, column_use = np.zeros(len(row_size)), np.zeros(len(column_size))
    nearest = np.zeros(len(rows))
    chosen: list[int] = []
    # The rarest kind first: its few wells have the least choice of place.
    for kind in [name for name in kinds for _ in range(left[name])]:
        use = row_use[rows] / row_size[rows] + column_use[columns] / column_size[columns]
        candidates = np.flatnonzero(free & (controls == kind))
        # Least used first, then farthest from what is chosen, then the layout's order.
        order = np.lexsort((candidates, -nearest[candidates], use[candidates].round(9)))
        pick = int(candidates[order[0]])
        distance = np.hypot(rows - rows[pick], columns - columns[pick])
        nearest = distance if not chosen else np.minimum(nearest, distance)
        free[pick] = False
        row_use[rows[pick]] += 1
        column_use[columns[pick]] += 1
        chosen.append(pick)
    return chosen


def confounding(layout: pd.DataFrame) -> list[str]:
    """Return where the stimulation of a well can be told from its place alone.

    A row, column or plate counts when it holds two wells or more: a single well always holds one
    stimulation. Nothing is said where fewer than two places count, or where those that count
    hold one and the same stimulation, since there is nothing to tell then.

    Parameters
    ----------
    layout : pandas.DataFrame
        A layout; with a column `plate` where it covers several plates.

    Returns
    -------
    list of str
        One sentence for each of column, row and plate that gives the stimulation away.
    """
    places = {
        "column": layout["well"].str[-2:],
        "row": layout["well"].str[:-2],
    }
    if "plate" in layout.columns:
        places["plate"] = layout["plate"].astype("str")
    found = (_confounded_with(name, place, layout["stimulation"]) for name, place in places.items())
    return [sentence for sentence in found if sentence]


def _confounded_with(name: str, place: pd.Series, stimulation: pd.Series) -> str:
    held = stimulation.groupby(place).agg(["size", "nunique", "first"])
    counted = held[held["size"] >= 2]
    if len(counted) < 2 or counted["first"].nunique() < 2 or (counted["nunique"] > 1).any():
        return ""
    which = f"{name}s" if len(counted) == len(held) else f"{name}s with two wells or more"
    return (
        f"stimulation can be told from the {name} alone "
        f"({len(counted)} of {len(counted)} {which} hold one stimulation)"
    )


def _wellmap_table(path: Path) -> Table:
    try:
        import wellmap
    except ImportError as error:
        raise PlateError(
            f"the library wellmap, which reads {path}, is not installed; "
            "install ck19ml[wellmap] or give the layout as CSV"
        ) from error
    try:
        require_file(path)
        frame = wellmap.load(path, on_alert=lambda *_: None)
    except Exception as error:  # besides its own errors, wellmap trips over odd values
        reason = " ".join(str(error).split())
        raise PlateError(f"wellmap cannot read {path}: {reason}; correct the file") from error
    # wellmap names a well A3 in `well` and A03 in `well0`, and its places in further columns.
    texts = {str(name): [_wellmap_text(value) for value in frame[name]] for name in frame.columns}
    names = texts.pop("well0")
    of_wellmap = {"row", "col", "row_i", "row_j", "col_i", "col_j", "well", "path"}
    kept = {name: column for name, column in texts.items() if name not in of_wellmap}
    return Table(str(path), {"well": names} | kept, [f"well {name}" for name in names], True)


def _wellmap_text(value: object) -> str:
    """Write a value as text; a number becomes a float where another well has none."""
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() else repr(float(value))
    return "" if value is None or value is pd.NA else " ".join(str(value).split())
