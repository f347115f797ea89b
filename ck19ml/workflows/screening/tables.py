"""The tables of a screen: from patches to wells, from wells to compounds."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.scores.intervals import pivotal
from ck19ml.core.screening.comparison import (
    CONTROL,
    compare_with_controls,
    false_discovery_rate,
    ssmd_of_moments,
    z_prime_of_moments,
)
from ck19ml.core.screening.dose_response import FEWEST_CONCENTRATIONS, fit_dose_response
from ck19ml.core.screening.position import at_edge, position_effect, residuals
from ck19ml.core.wells import place as well_place
from ck19ml.core.wells import plate_format

MEASURES = ("score", "overlap", "tcell_overlap")
"""Measures that a well is judged by: the model, and two overlaps of the masks alone."""

STATISTICS = {"z_prime": z_prime_of_moments, "ssmd": ssmd_of_moments}
"""Measures that the control wells are judged by."""

VEHICLE, UNTREATED, COMPOUND = "vehicle", "untreated", "compound"
SOLVENT = "DMSO"


def well_table(patches: pd.DataFrame, score: NDArray[np.floating]) -> pd.DataFrame:
    """Combine the usable patches of each well.

    Parameters
    ----------
    patches : DataFrame, one row a patch
        The rows of `Dataset.table`.
    score : ndarray, (n,)
        The model's score of each patch; its mean is that of the well.

    Returns
    -------
    DataFrame, one row a well
        plate, well, stimulation, compound, concentration_um, control, kind (``vehicle``,
        ``untreated`` or ``compound``), patches, faulty_share, score, overlap (mean IoU),
        tcell_overlap (share of the T-cell area that lies on DCs). Values are NaN in wells without
        a usable patch.
    """
    keys = ["plate", "well"]
    grouped = patches.assign(score=score).groupby(keys, sort=True)
    labels = grouped[["stimulation", "compound", "concentration_um", "control"]].first()
    counts = grouped["faulty"].agg(patches="size", faulty_share="mean")
    usable = patches.assign(score=score)[~patches["faulty"].to_numpy(bool)].groupby(keys)
    means = usable[["score", "overlap"]].mean()
    areas = usable[["overlap_area_px", "tcell_area_px"]].sum()
    means["tcell_overlap"] = areas["overlap_area_px"] / areas["tcell_area_px"].replace(0, np.nan)
    wells = labels.join(counts).join(means).reset_index()
    for name in ("compound", "control"):
        wells[name] = wells[name].fillna("").astype(str)
    wells.insert(6, "kind", kinds(wells))
    return wells


def kinds(wells: pd.DataFrame) -> list[str]:
    """Return the kind of each well: vehicle, untreated or compound, by compound and control."""
    vehicle = (wells["control"] == VEHICLE) | (wells["compound"].str.upper() == SOLVENT)
    untreated = (wells["control"] == UNTREATED) | (wells["compound"] == "")
    return list(np.select([vehicle, untreated], [VEHICLE, UNTREATED], COMPOUND))


def hit_table(wells: pd.DataFrame, fdr: float) -> pd.DataFrame:
    """Test each compound and concentration against the vehicle wells of its plate and stimulation.

    Parameters
    ----------
    wells : DataFrame
        See `well_table`; with ``seen``.
    fdr : float
        False discovery rate of the hits, over all rows of the table.

    Returns
    -------
    DataFrame, one row a plate, stimulation, compound and concentration
        rank (by ``score_p``), plate, stimulation, compound, concentration_um, wells, seen (wells
        that the model has seen), against; and of each of `MEASURES` its mean and NAME_effect,
        NAME_z, NAME_ssmd, NAME_t, NAME_p, NAME_q, NAME_hit (see `core.screening.Comparison`).
    """
    parts = [_tested(name, group) for name, group in _strata(wells)]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    for measure in MEASURES:
        table[f"{measure}_q"] = false_discovery_rate(table[f"{measure}_p"].to_numpy(np.float64))
        table[f"{measure}_hit"] = table[f"{measure}_q"] <= fdr
    order = ["score_p", "plate", "stimulation", "compound", "concentration_um"]
    table = table.sort_values(order, ignore_index=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def _strata(wells: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    for (plate, stimulation), group in wells.groupby(["plate", "stimulation"], sort=True):
        yield (str(plate), str(stimulation)), group


def _tested(stratum: tuple[str, str], wells: pd.DataFrame) -> pd.DataFrame:
    treated = wells["kind"] == COMPOUND
    grouped = wells[treated].groupby(["compound", "concentration_um"], dropna=False, sort=True)
    table = grouped.agg(seen=("seen", "sum"), **{m: (m, "mean") for m in MEASURES}).reset_index()
    table.insert(0, "plate", stratum[0])
    table.insert(1, "stimulation", stratum[1])
    taken = wells[wells["kind"].isin([COMPOUND, VEHICLE])]
    group = pd.Series(CONTROL, index=wells.index)
    group[treated] = grouped.ngroup()
    for measure in MEASURES:
        found = compare_with_controls(
            taken[measure].to_numpy(np.float64), group[taken.index].to_numpy(np.intp), len(table)
        )
        if measure == MEASURES[0]:
            table.insert(4, "wells", found.wells)
            table.insert(6, "against", found.against)
        for name in ("effect", "robust_z", "ssmd", "t", "p"):
            table[f"{measure}_{name.removeprefix('robust_')}"] = getattr(found, name)
    return table


def control_table(wells: pd.DataFrame, reference: str, rng: np.random.Generator) -> pd.DataFrame:
    """Judge the assay: each stimulation's control wells beside those of the reference.

    Parameters
    ----------
    reference : str
        The stimulation without interaction.

    Returns
    -------
    DataFrame, one row a plate, stimulation and measure
        plate, stimulation, reference, controls (which wells), wells, reference_wells, measure,
        z_prime, z_prime_low, z_prime_high, ssmd, ssmd_low, ssmd_high.
    """
    rows: list[dict[str, Any]] = []
    for plate, own in wells.groupby("plate", sort=True):
        for stimulation in sorted(set(own["stimulation"]) - {reference}):
            pair = own[own["stimulation"].isin([stimulation, reference])]
            kind, chosen = _controls(pair, stimulation, reference)
            if chosen.empty:
                continue
            for measure in MEASURES:
                known = chosen[np.isfinite(chosen[measure])]
                first = known.loc[known["stimulation"] == stimulation, measure].to_numpy(float)
                second = known.loc[known["stimulation"] == reference, measure].to_numpy(float)
                row = {"plate": plate, "stimulation": stimulation, "reference": reference}
                row |= {"controls": kind, "wells": first.size, "reference_wells": second.size}
                row["measure"] = measure
                for name, statistic in STATISTICS.items():
                    row |= pivotal(statistic, first, second, rng).flat(name)
                rows.append(row)
    return pd.DataFrame(rows)


def _controls(wells: pd.DataFrame, first: str, second: str) -> tuple[str, pd.DataFrame]:
    """Choose the vehicle wells, else the untreated, else all: at least two on either side."""
    for kind in (VEHICLE, UNTREATED, "all"):
        chosen = wells if kind == "all" else wells[wells["kind"] == kind]
        counts = chosen["stimulation"].value_counts()
        if min(counts.get(first, 0), counts.get(second, 0)) >= 2:
            return kind, chosen
    return "", wells.iloc[:0]


def has_dose_series(wells: pd.DataFrame) -> bool:
    """Return whether a compound was tested at enough concentrations to fit a curve."""
    doses = wells[wells["kind"] == COMPOUND].groupby(["plate", "compound"])["concentration_um"]
    return bool((doses.nunique() >= FEWEST_CONCENTRATIONS).any())


def dose_table(wells: pd.DataFrame) -> pd.DataFrame:
    """Fit a four-parameter logistic to each compound, stimulation and measure of a dose plate.

    The vehicle wells of the plate and stimulation are wells of 0 uM of each compound.

    Returns
    -------
    DataFrame, one row a plate, stimulation, compound and measure
        plate, stimulation, compound, measure, wells, direction (``IC50`` where the response falls,
        ``EC50`` where it rises), ic50_um, low_um, high_um (95 %), hill, without, saturated, p,
        supported, reason. Empty without a dose series.
    """
    rows: list[dict[str, Any]] = []
    if not has_dose_series(wells):
        return pd.DataFrame()
    for (plate, stimulation), group in _strata(wells):
        vehicle = group[group["kind"] == VEHICLE]
        for compound, own in group[group["kind"] == COMPOUND].groupby("compound", sort=True):
            if own["concentration_um"].nunique() < 2:
                continue  # a single dose beside the series of others
            both = pd.concat([own, vehicle])
            dose = both["concentration_um"].where(both["kind"] == COMPOUND, 0.0)
            for measure in MEASURES:
                fit = fit_dose_response(dose.to_numpy(np.float64), both[measure].to_numpy(float))
                rows.append(
                    {
                        "plate": plate, "stimulation": stimulation, "compound": compound,
                        "measure": measure, "wells": len(own),
                        "direction": "IC50" if fit.saturated <= fit.without else "EC50",
                        "ic50_um": fit.ic50_um, "low_um": fit.low_um, "high_um": fit.high_um,
                        "hill": fit.hill, "without": fit.without, "saturated": fit.saturated,
                        "p": fit.p, "supported": fit.supported, "reason": fit.reason,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def with_residuals(wells: pd.DataFrame) -> pd.DataFrame:
    """Add NAME_residual of each measure: the value minus its plate and stimulation's median."""
    stratum = wells.groupby(["plate", "stimulation"]).ngroup().to_numpy(np.intp)
    made = {f"{m}_residual": residuals(wells[m].to_numpy(np.float64), stratum) for m in MEASURES}
    return wells.assign(**made)


def position_table(
    wells: pd.DataFrame, hits: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Test row, column and edge of each plate, within its stimulations.

    What is known to change a well is left out: the wells of the measure's hits, and on a
    dose plate, where a compound has a row and a dose has a column, all but the vehicle wells.

    Returns
    -------
    DataFrame, one row a plate, measure and factor
        plate, measure, factor (``row``, ``column``, ``edge``), wells, places, share (of the
        variance of ranks), expected (by chance), p, q (over all rows).
    """
    rows: list[dict[str, Any]] = []
    for plate, own in wells.groupby("plate", sort=True):
        names = list(own["well"])
        for measure in MEASURES:
            taken = tested_wells(own, hits, measure)
            row, column = places(taken["well"])
            stratum = taken.groupby("stimulation").ngroup().to_numpy(np.intp)
            edge = at_edge(row, column, plate_format(names)).astype(np.intp)
            for factor, place in (("row", row), ("column", column), ("edge", edge)):
                found = position_effect(taken[measure].to_numpy(np.float64), stratum, place, rng)
                rows.append(
                    {
                        "plate": plate, "measure": measure, "factor": factor,
                        "wells": len(taken), "places": found.places, "share": found.share,
                        "expected": found.expected, "p": found.p,
                    }
                )  # fmt: skip
    table = pd.DataFrame(rows)
    return table.assign(q=false_discovery_rate(table["p"].to_numpy(np.float64)))


def tested_wells(wells: pd.DataFrame, hits: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Wells of one plate that tell of its positions: see `position_table`."""
    if has_dose_series(wells):
        return wells[wells["kind"] == VEHICLE]
    if hits.empty:
        return wells
    keys = ["plate", "stimulation", "compound", "concentration_um"]
    called = pd.MultiIndex.from_frame(hits.loc[hits[f"{measure}_hit"], keys])
    return wells[~pd.MultiIndex.from_frame(wells[keys]).isin(called)]


def places(wells: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of wells such as A03, counted from 0, (n,) each."""
    found = np.array([well_place(well) for well in wells], np.intp).reshape(-1, 2)
    return found[:, 0], found[:, 1]
