"""The hit list of a screen: compounds beside the vehicle wells, and the cells that they cost."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from ck19ml.core.quality import COUNTS
from ck19ml.core.screening.comparison import (
    CONTROL,
    Beyond,
    compare_with_controls,
    control_spread,
    false_discovery_rate,
    variance_beyond_replicates,
)
from ck19ml.workflows.screening.tables import (
    COMPOUND,
    MEASURES,
    VEHICLE,
    measures_in,
    strata,
)

MOST_ROWS = 8
"""With vehicle wells in more rows no single one decides."""

FEWEST_REPLICATED = 3
"""Compounds with replicates from which their agreement is told."""

LEAST_LOSS = 0.2
"""Smallest loss of cells, as a fraction of the vehicle wells' count, that is called toxic."""


def hit_table(
    wells: pd.DataFrame, fdr: float, reference: str, least_ssmd: float = 0.0
) -> pd.DataFrame:
    """Test each compound and concentration against the vehicle wells of its plate and stimulation.

    Parameters
    ----------
    wells : DataFrame
        See `well_table`; with ``seen``.
    fdr : float
        False discovery rate of the hits, over all rows of the table.
    reference : str
        The stimulation without interaction, in which inhibitors do nothing: the distances of its
        compounds from the vehicle wells are those that positions make.
    least_ssmd : float
        Smallest absolute SSMD of a hit.

    Returns
    -------
    DataFrame, one row a plate, stimulation, compound and concentration
        rank (by ``score_p``), plate, stimulation, compound, concentration_um, wells, seen (wells
        that the model has seen), against, nominal (whether the effect of positions is unknown);
        of each of `MEASURES` its mean and NAME_effect, NAME_z, NAME_ssmd, NAME_t, NAME_p, NAME_q,
        NAME_hit (see `core.screening.Comparison`); of each cell count NAME_effect, a fraction of
        the vehicle wells' count, and NAME_q; and toxic.
    """
    parts = []
    for _, plate in wells.groupby("plate", sort=True):
        beyond = _beyond(plate[plate["stimulation"] == reference])
        parts += [_tested(name, group, beyond) for name, group in strata(plate)]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    counted = [name for name in COUNTS if name in wells]
    for name in [*measures_in(wells), *counted]:
        table[f"{name}_q"] = false_discovery_rate(table[f"{name}_p"].to_numpy(np.float64))
    for measure in measures_in(wells):
        strong = table[f"{measure}_ssmd"].abs() >= least_ssmd
        table[f"{measure}_hit"] = (table[f"{measure}_q"] <= fdr) & strong
    table["toxic"] = False
    for name in counted:
        table["toxic"] |= (table[f"{name}_q"] <= fdr) & (table[f"{name}_effect"] <= -LEAST_LOSS)
    order = ["score_p", "plate", "stimulation", "compound", "concentration_um"]
    table = table.drop(columns=[f"{name}_p" for name in counted])
    table = table.sort_values(order, ignore_index=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def _beyond(reference: pd.DataFrame) -> dict[str, Beyond | None]:
    """Estimate the variance by position of each measure from a plate's reference wells."""
    grouped = _grouped(reference)
    if grouped is None:
        return {}
    taken, group, count = grouped
    return {
        name: variance_beyond_replicates(taken[name].to_numpy(np.float64), group, count)
        for name in measures_in(reference)
    }


def _grouped(wells: pd.DataFrame) -> tuple[pd.DataFrame, NDArray[np.intp], int] | None:
    """Return the compound and vehicle wells, the group of each, and the number of groups."""
    treated = wells["kind"] == COMPOUND
    if not treated.any():
        return None
    keys = ["compound", "concentration_um"]
    group = pd.Series(CONTROL, index=wells.index)
    group[treated] = wells[treated].groupby(keys, dropna=False, sort=True).ngroup()
    taken = wells[wells["kind"].isin([COMPOUND, VEHICLE])]
    return taken, group[taken.index].to_numpy(np.intp), int(group.max()) + 1


def _tested(
    stratum: tuple[str, str], wells: pd.DataFrame, beyond: dict[str, Beyond | None]
) -> pd.DataFrame:
    found = _grouped(wells)
    if found is None:
        return pd.DataFrame()
    taken, group, groups = found
    treated = wells["kind"] == COMPOUND
    grouped = wells[treated].groupby(["compound", "concentration_um"], dropna=False, sort=True)
    means = {name: (name, "mean") for name in measures_in(wells)}
    table = grouped.agg(seen=("seen", "sum"), **means).reset_index()
    table.insert(0, "plate", stratum[0])
    table.insert(1, "stimulation", stratum[1])
    for name in [*measures_in(wells), *(count for count in COUNTS if count in wells)]:
        values, more = taken[name].to_numpy(np.float64), beyond.get(name)
        each = compare_with_controls(values, group, groups, more)
        if name == MEASURES[0]:
            table.insert(4, "wells", each.wells)
            table.insert(6, "against", each.against)
            table.insert(7, "nominal", more is None)
        if name in COUNTS:
            control = values[group == CONTROL] if each.against == "controls" else values
            centre = np.nanmean(control) if np.isfinite(control).any() else np.nan
            table[f"{name}_effect"], table[f"{name}_p"] = each.effect / (centre or np.nan), each.p
            continue
        for part in ("effect", "robust_z", "ssmd", "t", "p"):
            table[f"{name}_{part.removeprefix('robust_')}"] = getattr(each, part)
    return table


def hits_without_vehicle_rows(
    wells: pd.DataFrame, fdr: float, reference: str, least_ssmd: float
) -> dict[str, int]:
    """Count the hits by the score without the vehicle wells of each row in turn.

    Empty where the vehicle wells lie in one row, in none, or in more than `MOST_ROWS`.
    """
    row = wells["well"].str.extract(r"^([A-Z]+)", expand=False)
    vehicle = wells["kind"] == VEHICLE
    names = sorted(set(row[vehicle]))
    if not 1 < len(names) <= MOST_ROWS:
        return {}
    # Only the score's hits count, and each measure is tested for itself.
    others = {*measures_in(wells), *COUNTS} - {MEASURES[0]}
    wells = wells.drop(columns=others & set(wells))
    found = {}
    for name in names:
        table = hit_table(wells[~(vehicle & (row == name))], fdr, reference, least_ssmd)
        found[name] = int(table["score_hit"].sum()) if len(table) else 0
    return found


def replicate_agreement(wells: pd.DataFrame, measure: str) -> dict[str, tuple[float, float]]:
    """Compare the wells of a compound and concentration with each other, by stimulation.

    Returns
    -------
    dict
        Stimulation to the correlation over all pairs of replicates, each in both orders (the
        intraclass correlation), and the share of compounds that replicate [1]_: whose replicates
        differ less, in the median, than 95 % of pairs of different compounds; by chance 0.05.
        Stimulations with fewer than three compounds in replicates are left out.

    References
    ----------
    .. [1] Way et al., Cell Systems 13 (2022) 911, for profiles and their correlation.
    """
    found = {}
    for name, own in wells[wells["kind"] == COMPOUND].groupby("stimulation", sort=True):
        own = own[np.isfinite(own[measure])]
        keys = ["plate", "compound", "concentration_um"]
        group = own.groupby(keys, dropna=False).ngroup().to_numpy()
        values = own[measure].to_numpy(np.float64)
        first, second = np.triu_indices(values.size, 1)
        same, apart = group[first] == group[second], np.abs(values[first] - values[second])
        if np.unique(group[first[same]]).size < FEWEST_REPLICATED or values.std() == 0:
            continue
        pairs = np.stack([values[first[same]], values[second[same]]])
        medians = pd.Series(apart[same]).groupby(group[first[same]]).median()
        found[str(name)] = (
            float(np.corrcoef(np.hstack([pairs, pairs[::-1]]))[0, 1]),
            float((medians < np.quantile(apart[~same], 0.05)).mean()),
        )
    return found


def vehicle_spread(wells: pd.DataFrame, measure: str) -> tuple[float, float]:
    """Compare the vehicle wells' variance with that of replicates, within each stimulation.

    Returns
    -------
    float, float
        Ratio of the variances, and the F test's one-sided p-value; NaN where either is unknown.
    """
    total = np.zeros(4)
    for _, own in strata(wells):
        if (found := _grouped(own)) is not None:
            taken, group, groups = found
            total += control_spread(taken[measure].to_numpy(np.float64), group, groups)
    squares, pairs, degrees, pair_degrees = total
    if not (degrees and pair_degrees and pairs > 0):
        return float("nan"), float("nan")
    ratio = (squares / degrees) / (pairs / pair_degrees)
    return float(ratio), float(stats.f.sf(ratio, degrees, pair_degrees))
