"""CSV tables in which no cell is a formula for a spreadsheet program."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
"""First characters of a text that a spreadsheet program might run (OWASP, "CSV injection")."""


def to_csv(table: pd.DataFrame) -> str:
    r"""Return a table as CSV, with an apostrophe before each text that begins like a formula.

    Spreadsheet programs treat such a cell as text. Numbers stay numbers, also as text.

    Examples
    --------
    >>> to_csv(pd.DataFrame({"compound": ["=1+1", "DMSO", "-3.5"], "effect": [-3.5, 0.0, 1.0]}))
    "compound,effect\n'=1+1,-3.5\nDMSO,0.0\n-3.5,1.0\n"
    """
    inert = table.rename(columns=_inert)
    for place, dtype in enumerate(inert.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_datetime64_dtype(dtype):
            inert.isetitem(place, inert.iloc[:, place].astype(object).map(_inert))
    return str(inert.to_csv(index=False, lineterminator="\n"))


def read_csv(source: Path | str, texts: list[str]) -> pd.DataFrame:
    """Read a table that `to_csv` wrote.

    Parameters
    ----------
    source : Path or str
        File, or its text.
    texts : list of str
        Columns of text.
    """
    content = StringIO(source) if isinstance(source, str) else source
    table = pd.read_csv(content, dtype=dict.fromkeys(texts, str))
    for name in texts:
        if name in table:
            table[name] = table[name].map(as_meant)
    return table


def as_meant(cell: Any) -> Any:
    """Remove the apostrophe that `to_csv` put before a text."""
    quoted = isinstance(cell, str) and cell.startswith("'") and FORMULA.match(cell)
    return cell[1:] if quoted else cell


def _inert(cell: Any) -> Any:
    text = str(cell) if isinstance(cell, str | Path) else ""
    return f"'{text}" if FORMULA.match(text) and not _is_number(text) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
