"""The layouts of the study's plates CK19, CK21 and CK22, as the laboratory filled them."""

from collections.abc import Iterator
from itertools import product
from typing import Literal

import pandas as pd

from ck19ml.core.wells import ROW_NAMES, well_name
from ck19ml.errors import ConfigError
from ck19ml.plates.layouts.records import WellRecord, as_layout

BuiltinName = Literal["ck19", "ck21", "ck22"]

# CK19: compounds 1-16 run down the first column of each group of three, 17-32 up the second,
# 33-45 down the third, whose last three rows are DMSO (sheet "CK19 plate layout").
_CK19_GROUPS = {3: "Unstimulated", 6: "Unstimulated", 9: "OVA", 13: "OVA", 16: "ConA", 19: "ConA"}
_CK19_UNTREATED = {22: "ConA", 23: "OVA", 24: "Unstimulated"}
_CK19_CONCENTRATION_UM = 10.0

# CK21 and CK22: dose response, one compound a row, one dose a column (sheet "CK21 plate layout").
_DOSES_UM = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
_DOSE_COMPOUNDS = ("4", "7", "9", "10", "11", "18", "36", "")  # rows A-H, and again I-P
_DOSE_STIMULUS = {"ck21": "ConA", "ck22": "OVA"}


def builtin_layout(name: BuiltinName) -> pd.DataFrame:
    """Return the layout of one of the study's plates.

    Parameters
    ----------
    name : {"ck19", "ck21", "ck22"}
        CK19: 294 wells, 98 a stimulation, compounds 1-45 at 10 uM. CK21 and CK22: 320 wells, seven
        compounds at ten doses, unstimulated and with ConA (CK21) or OVA (CK22).

    Returns
    -------
    pandas.DataFrame
        A layout: columns well, stimulation, compound, concentration_um (uM, float64), control;
        sorted by row and column. Wells that hold no cells are left out.

    Raises
    ------
    ConfigError
        If there is no layout of that name.
    """
    if name == "ck19":
        return as_layout(_ck19_wells())
    if name in _DOSE_STIMULUS:
        return as_layout(_dose_response_wells(_DOSE_STIMULUS[name]))
    raise ConfigError(
        f"a built-in layout is ck19, ck21 or ck22, found {name!r}; "
        "choose one of them or give a layout file"
    )


def _ck19_wells() -> Iterator[WellRecord]:
    for (first, stimulation), (position, row) in product(
        _CK19_GROUPS.items(), enumerate(ROW_NAMES[:16])
    ):
        numbers = (1 + position, 32 - position, 33 + position)
        for offset, number in enumerate(numbers):
            well = well_name(row, first + offset)
            if number > 45:
                yield WellRecord(well, stimulation, control="vehicle")
            else:
                yield WellRecord(well, stimulation, str(number), _CK19_CONCENTRATION_UM)
    for (column, stimulation), row in product(_CK19_UNTREATED.items(), "AB"):
        yield WellRecord(well_name(row, column), stimulation, control="untreated")


def _dose_response_wells(stimulus: str) -> Iterator[WellRecord]:
    blocks = ((2, "Unstimulated"), (14, stimulus))
    for (first, stimulation), (position, row) in product(blocks, enumerate(ROW_NAMES[:16])):
        compound = _DOSE_COMPOUNDS[position % len(_DOSE_COMPOUNDS)]
        for offset, dose in enumerate(_DOSES_UM):
            well = well_name(row, first + offset)
            if compound:
                yield WellRecord(well, stimulation, compound, dose)
            else:
                yield WellRecord(well, stimulation, control="vehicle")
