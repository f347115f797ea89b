"""The tables of a screen: from patches to wells, from wells to compounds."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.quality import COUNTS
from ck19ml.core.scores.intervals import pivotal
from ck19ml.core.screening.comparison import (
    false_discovery_rate,
    ssmd_of_moments,
    z_prime_of_moments,
)
from ck19ml.core.screening.dose_response import FEWEST_CONCENTRATIONS, fit_dose_response
from ck19ml.core.screening.position import at_edge, position_effect, residuals
from ck19ml.core.wells import place as well_place
from ck19ml.core.wells import plate_format

MEASURES = ("score", "adjusted", "overlap", "tcell_overlap", "contact", "logistic")
"""Measures that a well is judged by: the model's score, the same adjusted for cell counts, and
without the model the overlap (IoU), the share of the T-cell area on DCs (M1), the share of T cells
in contact and the log-odds of a logistic regression on the masks' measures. Datasets of former
versions have no contacts, and a regressor has no logistic regression."""

FEWEST_ADJUSTED = 12
"""Wells of a stimulation from which slopes on two counts are fitted."""

STATISTICS = {"z_prime": z_prime_of_moments, "ssmd": ssmd_of_moments}
"""Measures that the control wells are judged by."""

VEHICLE, UNTREATED, COMPOUND, PLAIN = "vehicle", "untreated", "compound", "no compound"
SOLVENT = "DMSO"


def measures_in(table: pd.DataFrame) -> list[str]:
    """Return those of `MEASURES` that a table of wells has."""
    return [measure for measure in MEASURES if measure in table]


def well_table(
    patches: pd.DataFrame,
    score: NDArray[np.floating],
    logistic: "pd.Series[float] | None" = None,
) -> pd.DataFrame:
    """Combine the usable patches of each well.

    Parameters
    ----------
    patches : DataFrame, one row a patch
        The rows of `Dataset.table` with the counts of their fields, see `Dataset.with_counts`.
    score : ndarray, (n,)
        The model's score of each patch; its mean is that of the well.
    logistic : Series, optional
        The logistic baseline's log-odds by plate and well; none without it or where it is empty.

    Returns
    -------
    DataFrame, one row a well
        plate, well, stimulation, compound, concentration_um, control, kind (``vehicle``,
        ``untreated``, ``no compound`` or ``compound``), patches, faulty_share, cells_dc,
        cells_tcell (mean over the patches' fields), score, overlap (mean IoU), tcell_overlap
        (share of the T-cell area that lies on DCs), adjusted and, where they are known, contact
        (share of T cells that touch a DC) and logistic. Values are NaN in wells without a usable
        patch.
    """
    keys = ["plate", "well"]
    grouped = patches.assign(score=score).groupby(keys, sort=True)
    labels = grouped[["stimulation", "compound", "concentration_um", "control"]].first()
    counts = grouped["faulty"].agg(patches="size", faulty_share="mean")
    usable = patches.assign(score=score)[~patches["faulty"].to_numpy(bool)].groupby(keys)
    means = usable[[*COUNTS, "score", "overlap"]].mean()
    areas = usable[["overlap_area_px", "tcell_area_px"]].sum()
    means["tcell_overlap"] = areas["overlap_area_px"] / areas["tcell_area_px"].replace(0, np.nan)
    if {"tcell_count", "tcells_in_contact"} <= set(patches):
        cells = usable[["tcells_in_contact", "tcell_count"]].sum()
        means["contact"] = cells["tcells_in_contact"] / cells["tcell_count"].replace(0, np.nan)
    if logistic is not None and len(logistic):
        means["logistic"] = logistic
    wells = labels.join(counts).join(means).reset_index()
    for name in ("compound", "control"):
        wells[name] = wells[name].fillna("").astype(str)
    wells.insert(6, "kind", kinds(wells))
    return with_adjusted(wells)


def with_adjusted(wells: pd.DataFrame) -> pd.DataFrame:
    """Add ``adjusted``: the score at the cell counts of the stimulation's vehicle wells.

    A linear regression of the score on the logarithms of both counts, over all wells of a plate
    and stimulation; equal to the score where there are too few wells to fit it.
    """
    wells = wells.assign(adjusted=wells["score"].astype(np.float64))
    for _, own in strata(wells):
        logs = np.log(own[list(COUNTS)].to_numpy(np.float64).clip(1))
        vehicle = (own["kind"] == VEHICLE).to_numpy()
        centre = logs[vehicle if vehicle.any() else slice(None)]
        logs -= np.nanmean(centre, axis=0) if np.isfinite(centre).any() else 0.0
        known = np.isfinite(own["score"].to_numpy(np.float64)) & np.isfinite(logs).all(axis=1)
        if known.sum() < FEWEST_ADJUSTED:
            continue
        design = np.column_stack([np.ones(known.sum()), logs[known]])
        slopes = np.linalg.lstsq(design, own["score"].to_numpy(np.float64)[known])[0][1:]
        wells.loc[own.index[known], "adjusted"] -= logs[known] @ slopes
    return wells


def kinds(wells: pd.DataFrame) -> list[str]:
    """Return the kind of each well, by compound and control.

    A well without a compound is ``untreated`` only where the layout says so: in an assay whose
    stimulations are treatments it is treated.
    """
    vehicle = (wells["control"] == VEHICLE) | (wells["compound"].str.upper() == SOLVENT)
    chosen = [vehicle, wells["control"] == UNTREATED, wells["compound"] == ""]
    return list(np.select(chosen, [VEHICLE, UNTREATED, PLAIN], COMPOUND))


def strata(wells: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Yield plate and stimulation with their wells."""
    for (plate, stimulation), group in wells.groupby(["plate", "stimulation"], sort=True):
        yield (str(plate), str(stimulation)), group


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
            for measure in measures_in(own):
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
    for kind in (VEHICLE, UNTREATED, PLAIN, "all"):
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
    for (plate, stimulation), group in strata(wells):
        vehicle = group[group["kind"] == VEHICLE]
        for compound, own in group[group["kind"] == COMPOUND].groupby("compound", sort=True):
            if own["concentration_um"].nunique() < 2:
                continue  # a single dose beside the series of others
            both = pd.concat([own, vehicle])
            dose = both["concentration_um"].where(both["kind"] == COMPOUND, 0.0)
            for measure in measures_in(wells):
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
    values = {name: wells[name].to_numpy(np.float64) for name in measures_in(wells)}
    return wells.assign(**{f"{n}_residual": residuals(v, stratum) for n, v in values.items()})


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
        for measure in measures_in(own):
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
