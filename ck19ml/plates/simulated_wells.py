"""What is true of the wells of a simulated plate before their fields are drawn."""

import numpy as np
import pandas as pd

from ck19ml.core.simulation.compounds import Effect, draw_effect
from ck19ml.core.wells import parse_well, place
from ck19ml.errors import PlateError
from ck19ml.plates.layouts.table import LAYOUT_COLUMNS

ODD_PLATE = "CK19"
"""The plate whose published overlaps contradict the instrument in some wells."""


def normalise(layout: pd.DataFrame) -> pd.DataFrame:
    """Bring a layout to its five columns; what is missing is empty text or NaN.

    Raises
    ------
    PlateError
        If a column that is needed is missing, if a well is no well or named twice, or if a compound
        has no concentration.
    """
    missing = [name for name in ("well", "stimulation") if name not in layout]
    if missing:
        raise PlateError(
            f"expected the layout columns well and stimulation, found no {' and no '.join(missing)}"
            "; add or rename the columns"
        )
    wells = layout.reindex(columns=list(LAYOUT_COLUMNS)).reset_index(drop=True)
    for name in ("well", "stimulation", "compound", "control"):
        wells[name] = [_text(value) for value in wells[name]]
    wells["concentration_um"] = pd.to_numeric(wells["concentration_um"], errors="coerce").astype(
        float
    )
    wells["well"] = [_well(name) for name in wells["well"]]
    _check_wells(wells)
    return wells


def _check_wells(wells: pd.DataFrame) -> None:
    if len(wells) == 0:
        raise PlateError("expected wells in the layout, found none; give one row a well")
    twice = wells.loc[wells["well"].duplicated(), "well"]
    if len(twice):
        raise PlateError(
            f"expected each well once in the layout, found {', '.join(twice[:5])} twice; "
            "correct the column well"
        )
    lost = wells.loc[treated(wells) & wells["concentration_um"].isna(), "well"]
    if len(lost):
        raise PlateError(
            f"expected a concentration with each compound, found none in {', '.join(lost[:5])} "
            f"({len(lost)} of {len(wells)} wells); fill the layout's column concentration_um"
        )


def _well(name: str) -> str:
    try:
        return parse_well(name)
    except ValueError as error:
        raise PlateError(f"{error}; correct the layout's column well") from error


def _text(value: object) -> str:
    """Text of a cell of the layout; a number that lost its integer type to a gap gets it back."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def treated(wells: pd.DataFrame) -> "pd.Series[bool]":
    """Tell the wells of a normalised layout with a compound that is not the vehicle."""
    return ~wells["compound"].isin(["", "DMSO"]) & (wells["control"] != "vehicle")


def true_effects(wells: pd.DataFrame, seed: int) -> dict[str, Effect]:
    """Draw the true effect of each compound of a normalised layout.

    Where there are several concentrations every compound inhibits, as those that one follows up
    do; else some do. Each compound's draw depends on the seed and its name alone.
    """
    tested = wells[treated(wells)]
    series = len(set(tested["concentration_um"])) > 1
    return {
        compound: draw_effect(
            compound, np.random.default_rng([seed, *compound.encode()]), active=series
        )
        for compound in dict.fromkeys(tested["compound"])
    }


def inhibitions(wells: pd.DataFrame, effects: dict[str, Effect]) -> list[float]:
    """Inhibition in [0, 1] of each well of a normalised layout; untreated and vehicle have none."""
    return [
        effects[compound].inhibition(concentration) if is_treated else 0.0
        for compound, concentration, is_treated in zip(
            wells["compound"], wells["concentration_um"], treated(wells), strict=True
        )
    ]


def well_generator(well: str, seed: int) -> np.random.Generator:
    """Return the generator of one well, which depends on the seed and the well's name alone."""
    return np.random.default_rng([seed, *_position(well)])


def is_odd(plate: str, well: str, seed: int, every: int) -> bool:
    """Tell whether a well is odd: one in `every` of CK19, spread evenly over rows and columns.

    Only CK19's published figures hold such wells (see `Parameters.odd_every`).

    Examples
    --------
    >>> [is_odd("CK19", f"A{column:02d}", seed=5, every=8) for column in (3, 4, 11)]
    [True, False, True]
    """
    row, column = _position(well)
    return plate == ODD_PLATE and every > 0 and (column + 3 * row + seed) % every == 0


def _position(well: str) -> tuple[int, int]:
    row, column = place(well)
    return row, column + 1
