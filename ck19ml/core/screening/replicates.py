"""Mean average precision of replicates, by copairs (an extra)."""

from importlib.util import find_spec

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CONDITION = ["plate", "stimulation", "compound", "concentration_um"]
STRATUM = CONDITION[:2]

ABSENT = "replicates: no mean average precision without copairs; pip install 'ck19ml[profiles]'"


def replicate_precision(
    wells: pd.DataFrame, vehicle: NDArray[np.bool_], values: NDArray[np.floating], distance: str
) -> pd.DataFrame:
    """Measure how surely the wells of a condition find each other among vehicle wells.

    Each well of a compound ranks the others of its condition and the vehicle wells of its plate and
    stimulation by likeness [1]_.

    Parameters
    ----------
    wells : DataFrame, one row a well
        plate, stimulation, compound ("" where none) and concentration_um.
    vehicle : ndarray, (n,)
        Whether a well is a vehicle well.
    values : ndarray, (n, features)
        Wells with a value that is not finite are left out.
    distance : {'cosine', 'euclidean'}
        How copairs compares two wells.

    Returns
    -------
    DataFrame, one row a condition with replicates
        plate, stimulation, compound, concentration_um, map (mean average precision, 0 to 1) and
        chance (its expectation for random ranks [2]_). Empty without copairs.

    References
    ----------
    .. [1] Kalinin et al., Nature Communications 16 (2025) 5181: phenotypic activity.
    .. [2] Bestgen, Computational Linguistics 41 (2015) 185.
    """
    treated = ~vehicle & (wells["compound"] != "").to_numpy(bool)
    known = (treated | vehicle) & np.isfinite(values).all(axis=1)
    own, vehicle, features = wells.loc[known, CONDITION], vehicle[known], values[known]
    condition = own.groupby(CONDITION, dropna=False).ngroup()
    # A vehicle well is a condition of its own: it finds no replicates.
    own = own.assign(condition=np.where(vehicle, -1 - np.arange(len(own)), condition))
    own["role"] = np.where(vehicle, own["condition"], 0)
    empty = pd.DataFrame(columns=[*CONDITION, "map", "chance"])
    if find_spec("copairs") is None or not own["condition"].duplicated().any():
        return empty
    from copairs.map import average_precision
    from copairs.matching import UnpairedException

    # copairs compares in float32 and ranks replicates above vehicle wells that are as near: there
    # chance decides.
    noise = np.random.default_rng(0).normal(scale=1e-5, size=features.shape)
    features = features / (np.abs(features).max() or 1.0) + noise
    try:
        found = average_precision(
            own, features, [*STRATUM, "condition"], [], STRATUM, ["condition", "role"],
            distance=distance, progress_bar=False,
        )  # fmt: skip
    except UnpairedException:
        return empty
    found = found[(found["n_pos_pairs"] > 0) & (found["n_total_pairs"] > found["n_pos_pairs"])]
    positive, total = (found[f"n_{name}_pairs"].to_numpy(float) for name in ("pos", "total"))
    harmonic = np.array([(1 / np.arange(1, count + 1)).sum() for count in total.astype(int)])
    chance = ((positive - 1) / (total - 1) * (total - harmonic) + harmonic) / total
    found = found.assign(map=found["average_precision"], chance=chance)
    return found.groupby(CONDITION, dropna=False)[["map", "chance"]].mean().reset_index()


def replicate_line(found: pd.DataFrame) -> list[str]:
    """Report the mean of conditions in each stimulation; nothing where there are no replicates."""
    if find_spec("copairs") is None:
        return [ABSENT]
    means = found.groupby("stimulation")[["map", "chance"]].mean()
    each = [f"{name} {row['map']:.2f} ({row['chance']:.2f})" for name, row in means.iterrows()]
    told = "replicates, mean average precision among vehicle wells (by chance): "
    return [told + ", ".join(each)] if each else []
