"""The truth of the wells of a simulated plate: compounds, positions, odd wells."""

import numpy as np
import pandas as pd

from ck19ml.core.simulation.compounds import NONE, Effect, draw_effect
from ck19ml.core.simulation.conditions import Influence
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.core.simulation.position import terms_of
from ck19ml.core.wells import FORMATS, parse_well, place
from ck19ml.errors import PlateError
from ck19ml.plates.layouts.records import LAYOUT_COLUMNS

ODD_PLATE = "CK19"
"""The plate whose published overlaps contradict the instrument in some wells."""


def normalise(layout: pd.DataFrame) -> pd.DataFrame:
    """Return a layout with its five columns; what is missing is empty text or NaN.

    Raises
    ------
    PlateError
        If a required column is missing, if a well's name is invalid or occurs twice, or if a
        compound has no concentration.
    """
    missing = [name for name in ("well", "stimulation") if name not in layout]
    if missing:
        raise PlateError(
            f"the layout has no column {' and no column '.join(missing)}; add or rename the columns"
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
        raise PlateError("the layout has no wells; give one row for each well")
    twice = wells.loc[wells["well"].duplicated(), "well"]
    if len(twice):
        raise PlateError(
            f"the layout names {', '.join(twice[:5])} twice; each well needs exactly one row"
        )
    lost = wells.loc[treated(wells) & wells["concentration_um"].isna(), "well"]
    if len(lost):
        raise PlateError(
            f"{len(lost)} of {len(wells)} wells have a compound and no concentration "
            f"({', '.join(lost[:5])}); fill the layout's column concentration_um"
        )


def _well(name: str) -> str:
    try:
        return parse_well(name)
    except ValueError as error:
        raise PlateError(f"{error}; correct the layout's column well") from error


def _text(value: object) -> str:
    """Return the text of a cell; a number that became a float through a gap loses its ``.0``."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def treated(wells: pd.DataFrame) -> "pd.Series[bool]":
    """Return which wells of a normalised layout hold a compound that is not the vehicle."""
    return ~wells["compound"].isin(["", "DMSO"]) & (wells["control"] != "vehicle")


def true_effects(
    wells: pd.DataFrame, seed: int, parameters: Parameters | None = None
) -> dict[str, Effect]:
    """Draw the true effect of each compound of a normalised layout.

    In a layout with several concentrations every compound inhibits, as compounds in a follow-up do;
    otherwise some do. Each compound's draw depends on the seed and its name alone.
    """
    compounds = (parameters or Parameters()).compounds
    tested = wells[treated(wells)]
    series = len(set(tested["concentration_um"])) > 1
    return {
        compound: draw_effect(
            compound,
            np.random.default_rng([seed, *compound.encode()]),
            compounds,
            active=series,
        )
        for compound in dict.fromkeys(tested["compound"])
    }


def influences(
    wells: pd.DataFrame,
    effects: dict[str, Effect],
    parameters: Parameters,
    *,
    plate: str,
    seed: int,
) -> list[Influence]:
    """Return what acts on each well of a normalised layout: its compound and its position.

    Untreated and vehicle wells have no compound. The edge is that of a 384-well plate.
    """
    return [
        Influence(
            response=(effects[compound] if is_treated else NONE).response(concentration),
            terms=terms_of(parameters.position, *place(well), FORMATS[384], seed),
            odd=is_odd(plate, well, seed, parameters.odd_every),
        )
        for well, compound, concentration, is_treated in zip(
            wells["well"],
            wells["compound"],
            wells["concentration_um"],
            treated(wells),
            strict=True,
        )
    ]


def well_generator(well: str, seed: int) -> np.random.Generator:
    """Return the generator of one well, which depends on the seed and the well's name alone."""
    return np.random.default_rng([seed, *_position(well)])


def is_odd(plate: str, well: str, seed: int, every: int) -> bool:
    """Return whether a well is odd: one in `every` of CK19, spread evenly over rows and columns.

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
