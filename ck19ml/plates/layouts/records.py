"""A layout as records of wells, and what was concluded from its file."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

from ck19ml.core.wells import place
from ck19ml.plates.layouts.amounts import (
    rounded,
)
from ck19ml.plates.layouts.vocabulary import one_spelling

_SHOWN = 5
LAYOUT_COLUMNS = ("well", "stimulation", "compound", "concentration_um", "control")


class WellRecord(NamedTuple):
    """One row of a layout; `concentration_um` in uM, NaN where there is no compound."""

    well: str
    stimulation: str
    compound: str = ""
    concentration_um: float = math.nan
    control: str = ""


@dataclass(frozen=True)
class LayoutReading:
    """A layout, and what was concluded from the file that it comes from.

    Attributes
    ----------
    layout : pandas.DataFrame
        See `as_layout`.
    notes : list of str
        One sentence each.
    """

    layout: pd.DataFrame
    notes: list[str] = field(default_factory=list)


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
    rows = sorted(records, key=lambda record: place(record.well))
    frame = pd.DataFrame(rows, columns=list(LAYOUT_COLUMNS))
    return frame.astype(dict.fromkeys(LAYOUT_COLUMNS, "str") | {"concentration_um": "float64"})


def settled(records: Sequence[WellRecord]) -> LayoutReading:
    """Make a layout of records as people write them, grids and tables alike.

    Labels that differ only in how they are typed become one, concentrations that differ only by
    arithmetic too, and a compound at concentration 0 is the vehicle.
    """
    stimulations, notes = one_spelling([record.stimulation for record in records])
    compounds, more = one_spelling([record.compound for record in records])
    each = [
        record._replace(
            stimulation=stimulation,
            compound=compound,
            concentration_um=rounded(record.concentration_um),
        )
        for record, stimulation, compound in zip(records, stimulations, compounds, strict=True)
    ]
    zero = [record.well for record in each if record.compound and record.concentration_um == 0]
    if zero:
        more.append(f"concentration 0 is the vehicle: {listed(zero)}")
    return LayoutReading(as_layout(_vehicle_at_zero(record) for record in each), notes + more)


def _vehicle_at_zero(record: WellRecord) -> WellRecord:
    if record.compound and record.concentration_um == 0:
        return record._replace(compound="", concentration_um=math.nan, control="vehicle")
    return record


def listed(items: Sequence[object]) -> str:
    """Write out at most five items, then how many more there are."""
    shown = ", ".join(str(item) for item in items[:_SHOWN])
    rest = len(items) - _SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown
