"""Well names of 384- and 96-well plates: rows are letters, columns are numbers."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

WELL = ["plate", "well"]
"""Columns by which a table knows its wells."""

ROWS = "ABCDEFGHIJKLMNOP"
COLUMN_COUNT = 24

# Instruments and people write A3, A03, 03A, a03 and "A - 3" for one and the same well.
_ROW_FIRST = re.compile(r"\s*([A-Pa-p])[\s_-]*0*([0-9]{1,2})\s*")
_COLUMN_FIRST = re.compile(r"\s*0*([0-9]{1,2})[\s_-]*([A-Pa-p])\s*")


def well_name(row: str, column: int) -> str:
    """Name a well by its row letter and its column number.

    Parameters
    ----------
    row : str
        One letter, A to P, either case.
    column : int
        1 to 24.

    Returns
    -------
    str
        The well as ``A03``.

    Raises
    ------
    ValueError
        If there is no such row or column on a 384-well plate.
    """
    letter = row.strip().upper()
    if len(letter) != 1 or letter not in ROWS:
        raise ValueError(f"a row is a letter from A to P, found {row!r}")
    if not 1 <= column <= COLUMN_COUNT:
        raise ValueError(f"a column is a number from 1 to {COLUMN_COUNT}, found {column}")
    return f"{letter}{column:02d}"


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
        If the text is not a well of a 384-well plate (rows A-P, columns 1-24).

    Examples
    --------
    >>> parse_well("a - 3")
    'A03'
    """
    if match := _ROW_FIRST.fullmatch(text):
        return well_name(match[1], int(match[2]))
    if match := _COLUMN_FIRST.fullmatch(text):
        return well_name(match[2], int(match[1]))
    raise ValueError(f"a well is a row A-P and a column 1-{COLUMN_COUNT} as in A03, found {text!r}")


def row_letter(well: str) -> str:
    """Return the row of a well, a letter from A to P.

    Raises
    ------
    ValueError
        If the text is not a well.
    """
    return parse_well(well)[0]


def column(well: str) -> int:
    """Return the column of a well, a number from 1 to 24.

    Raises
    ------
    ValueError
        If the text is not a well.
    """
    return int(parse_well(well)[1:])


def plate_format(wells: Iterable[str]) -> tuple[int, int]:
    """Return the rows and columns of the smallest plate that has all the wells.

    Parameters
    ----------
    wells : iterable of str
        Well names in any of the forms of `parse_well`.

    Returns
    -------
    tuple of int
        (8, 12) for a 96-well plate, (16, 24) for a 384-well plate. Wells that use only the first
        quarter of a 384-well plate cannot be told from those of a 96-well plate.

    Raises
    ------
    ValueError
        If one of the texts is not a well, or if there is none.
    """
    names = [parse_well(well) for well in wells]
    if not names:
        raise ValueError("a plate's format follows from its wells, found none")
    small = all(name[0] <= "H" and int(name[1:]) <= 12 for name in names)
    return (8, 12) if small else (16, 24)


def well_index(table: pd.DataFrame) -> NDArray[np.intp]:
    """Index of each row's well, (n,): 0, 1 ... in the order of plate and well.

    Examples
    --------
    >>> table = pd.DataFrame({"plate": "P", "well": ["B02", "A01", "B02"]})
    >>> well_index(table).tolist()
    [1, 0, 1]
    """
    return np.asarray(table.groupby(WELL, sort=True).ngroup(), dtype=np.intp)
