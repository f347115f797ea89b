"""Rules for the values of a dataset's patch table."""

from collections.abc import Callable

import pandas as pd
from pandas.api import types

from ck19ml.core.measurements.panel import PAIR, Panel
from ck19ml.core.wells import MOST_COLUMNS, ROW_NAMES

CONTROLS = ("", "vehicle", "untreated")

Rule = tuple[str, Callable[[pd.Series], bool], Callable[[pd.Series], pd.Series]]
"""Expected values in words, whether a column has the type for it, and which values hold to it."""


def _text(what: str, holds: Callable[[pd.Series], pd.Series]) -> Rule:
    return what, lambda column: types.is_string_dtype(column.dtype), holds


def _whole(what: str, low: int, high: float = float("inf")) -> Rule:
    return what, types.is_integer_dtype, lambda column: column.between(low, high)


def _share(low: float) -> Rule:
    return f"{low:g} to 1", types.is_float_dtype, lambda column: column.between(low, 1)


NEEDED: dict[str, Rule] = {
    "plate": _text("a name", lambda column: column.str.len() > 0),
    "well": _text("a well", lambda column: column.str.fullmatch(r"(?:[A-Z]|A[A-F])[0-9]{2}")),
    "row": _text("A to AF", lambda column: column.isin(ROW_NAMES)),
    "column": _whole(f"1 to {MOST_COLUMNS}", 1, MOST_COLUMNS),
    "field": _whole("a number from 0", 0),
    "patch": _whole("a number from 0", 0),
    "y": _whole("a pixel", 0),
    "x": _whole("a pixel", 0),
    "stimulation": _text("a name", lambda column: column.str.len() > 0),
    "compound": _text("a text", lambda column: column.notna()),
    "concentration_um": (
        "0 or more, or none",
        types.is_float_dtype,
        lambda column: column.isna() | column.between(0, float("inf"), inclusive="left"),
    ),
    "control": _text("a control or none", lambda column: column.isin(CONTROLS)),
    "faulty": ("true or false", types.is_bool_dtype, lambda column: column.notna()),
}
OF_PAIR: dict[str, Rule] = {
    "overlap_area_px": _whole("0 or more", 0),
    "overlap": _share(0),
    "tcell_overlap": _share(0),
}
"""Columns that only a pair of DCs and T cells has."""
LATER: dict[str, Rule] = {
    "dc_overlap": _share(0),
    "overlap_expected": _share(0),
    "overlap_excess": _share(-1),
    "tcell_count": _whole("0 or more", 0),
    "tcells_in_contact": _whole("0 or more", 0),
    "tcell_contact": _share(0),
}
"""Columns that older datasets lack."""


def violations(table: pd.DataFrame, panel: Panel = PAIR) -> list[tuple[str, str, pd.Series | None]]:
    """Find the columns that break a rule.

    Returns
    -------
    list of (str, str, Series of bool or None)
        A column; what was expected and found; its rows that are wrong, or None where it is the
        column as a whole.
    """
    found: list[tuple[str, str, pd.Series | None]] = []
    areas = {f"{name}_area_px": _whole("0 or more", 0) for name in reversed(panel.stained)}
    needed = NEEDED | areas | (OF_PAIR if panel.pair else {})
    for name, (expected, has_type, holds) in (needed | LATER).items():
        if name not in table:
            if name in needed:
                found.append((name, "missing", None))
        elif not has_type(table[name]):
            found.append((name, f"must be {expected}, found {table[name].dtype}", None))
        else:
            wrong = ~holds(table[name]).fillna(False).astype(bool)
            if wrong.any():
                example = table.loc[wrong, name].iloc[0]
                text = f"must be {expected}, found {str(example)[:40]!r}"
                found.append((name, text, wrong))
    return found
