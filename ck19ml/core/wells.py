"""Well names of plates with 6 to 1536 wells: rows are letters, A to AF, columns are numbers."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

WELL = ["plate", "well"]
"""Columns by which a table knows its wells."""

FORMATS = {
    6: (2, 3),
    12: (3, 4),
    24: (4, 6),
    48: (6, 8),
    96: (8, 12),
    384: (16, 24),
    1536: (32, 48),
}
"""Rows and columns of the usual plates (ANSI SLAS 4-2004), by their number of wells."""

MOST_ROWS, MOST_COLUMNS = FORMATS[1536]
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ROW_NAMES = (*_LETTERS, *(f"A{letter}" for letter in "ABCDEF"))
"""Names of the rows of a plate with 1536 wells, the largest."""

# Instruments and people write A3, A03, 03A, a03 and "A - 3" for one and the same well.
_ROW_FIRST = re.compile(r"\s*([A-Za-z]{1,2})[\s_-]*0*([0-9]{1,2})\s*")
_COLUMN_FIRST = re.compile(r"\s*0*([0-9]{1,2})[\s_-]*([A-Za-z]{1,2})\s*")


def well_name(row: str, column: int) -> str:
    """Name a well by its row and its column number.

    Parameters
    ----------
    row : str
        The row's letters, A to AF in either case, or its number from 1, as some instruments
        write it.
    column : int
        1 to 48.

    Returns
    -------
    str
        The well as ``A03`` or ``AB03``.

    Raises
    ------
    ValueError
        If no plate has such a row or column.
    """
    letters = row.strip().upper()
    if re.fullmatch(r"[0-9]{1,3}", letters) and 1 <= int(letters) <= MOST_ROWS:
        letters = ROW_NAMES[int(letters) - 1]
    if letters not in ROW_NAMES:
        raise ValueError(f"a row is A to AF or 1 to {MOST_ROWS}, found {row!r}")
    if not 1 <= column <= MOST_COLUMNS:
        raise ValueError(f"a column is a number from 1 to {MOST_COLUMNS}, found {column}")
    return f"{letters}{column:02d}"


def parse_well(text: str) -> str:
    """Normalise A3, A03, 03A, a03 and "A - 3" to ``A03``.

    Parameters
    ----------
    text : str
        A well as an instrument or a person writes it.

    Returns
    -------
    str
        The well as ``A03``.

    Raises
    ------
    ValueError
        If the text is not a well of a 1536-well plate (rows A-AF, columns 1-48).

    Examples
    --------
    >>> parse_well("a - 3")
    'A03'
    """
    if match := _ROW_FIRST.fullmatch(text):
        return well_name(match[1], int(match[2]))
    if match := _COLUMN_FIRST.fullmatch(text):
        return well_name(match[2], int(match[1]))
    raise ValueError(
        f"a well is a row A-AF and a column 1-{MOST_COLUMNS} as in A03, found {text!r}"
    )


def row_letter(well: str) -> str:
    """Return the row of a well: a letter, or two from AA to AF.

    Raises
    ------
    ValueError
        If the text is not a well.
    """
    return parse_well(well)[:-2]


def column(well: str) -> int:
    """Return the column of a well, a number from 1 to 48.

    Raises
    ------
    ValueError
        If the text is not a well.
    """
    return int(parse_well(well)[-2:])


def place(well: str) -> tuple[int, int]:
    """Return row and column of a well, counted from 0; wells sort by it, row after row.

    Raises
    ------
    ValueError
        If the text is not a well.

    Examples
    --------
    >>> place("A03"), place("AB03")
    ((0, 2), (27, 2))
    """
    name = parse_well(well)
    return ROW_NAMES.index(name[:-2]), int(name[-2:]) - 1


def plate_format(wells: Iterable[str], size: int | None = None) -> tuple[int, int]:
    """Return the rows and columns of the smallest plate that has all the wells.

    Parameters
    ----------
    wells : iterable of str
        Well names in any of the forms of `parse_well`.
    size : int, optional
        Number of wells of the plate, a key of `FORMATS`, where it is known.

    Returns
    -------
    tuple of int
        (8, 12) for a 96-well plate, (16, 24) for 384 wells, (32, 48) for 1536; a smaller plate
        only where `size` says so. Wells that use only the first quarter of a plate cannot be
        told from those of a smaller one.

    Raises
    ------
    ValueError
        If one of the texts is not a well, if there is none, or if a plate of `size` lacks one.
    """
    places = {well: place(well) for well in wells}
    if not places:
        raise ValueError("a plate's format follows from its wells, found none")
    for rows, columns in [FORMATS[size]] if size else [FORMATS[n] for n in (96, 384, 1536)]:
        if all(row < rows and number < columns for row, number in places.values()):
            return rows, columns
    rows, columns = FORMATS[size or 1536]
    beyond = next(w for w, (row, number) in places.items() if row >= rows or number >= columns)
    raise ValueError(f"a plate of {size} wells has {rows} rows and {columns} columns: no {beyond}")


def well_index(table: pd.DataFrame) -> NDArray[np.intp]:
    """Index of each row's well, (n,): 0, 1 ... in the order of plate and well.

    Examples
    --------
    >>> table = pd.DataFrame({"plate": "P", "well": ["B02", "A01", "B02"]})
    >>> well_index(table).tolist()
    [1, 0, 1]
    """
    return np.asarray(table.groupby(WELL, sort=True).ngroup(), dtype=np.intp)
