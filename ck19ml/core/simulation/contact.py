"""Measures of overlap, and single contacts, compared with the true contacts of simulated wells."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from ck19ml.core import overlap
from ck19ml.core.chance import by_chance, expected_share
from ck19ml.core.patches import cut, grid_shape
from ck19ml.core.scores.metrics import mean_score
from ck19ml.core.screening.comparison import z_prime
from ck19ml.core.simulation.field import SimulatedField

MEASURES = {
    "patch_overlap": "mean overlap of patches (IoU)",
    "tcell_overlap": "T-cell area on DCs (M1)",
    "overlap_excess": "M1 beyond chance",
    "overlap_z": "overlap beyond chance (z)",
}
"""Measures of a well's overlap, and their names in figures."""

ALL = "all"
"""Stands for the wells of every density together."""


def measure(masks: NDArray[np.bool_], patch_size: int) -> dict[str, float]:
    """Measure the overlap of one field in every way of `MEASURES`.

    Parameters
    ----------
    masks : ndarray, (height, width, 2), bool
        Channel 0 is the DC mask, channel 1 the T-cell mask.
    patch_size : int
        Side of the patches; every measure leaves out the margin outside of them.
    """
    patches = np.asarray(cut(masks, patch_size), dtype=bool)
    rows, columns = grid_shape(masks.shape[0], masks.shape[1], patch_size)
    left = masks.shape[1] - columns * patch_size
    field = masks[: rows * patch_size, left:]
    whole = overlap.score(field[None])
    m1 = float(whole.tcell_overlap[0])
    pixels = field.shape[0] * field.shape[1]
    chance = float(expected_share(whole.tcell_area_px, whole.dc_area_px, pixels)[0])
    return {
        "patch_overlap": float(overlap.score(patches).overlap.mean()),
        "tcell_overlap": m1,
        "overlap_excess": m1 - chance,
        "overlap_z": float(by_chance(field[None]).z[0]),
    }


def separation(wells: pd.DataFrame) -> pd.DataFrame:
    """Return how each measure follows the true contacts, and separates ConA from Unstimulated.

    Parameters
    ----------
    wells : DataFrame, one row a well and mask method
        masks (the method), density, stimulation, control (whether it is a control of Z'), contact
        (true share of the T cells that are bound) and the columns of `MEASURES`.

    Returns
    -------
    DataFrame, one row a mask method, density (`ALL` for all together) and measure
        spearman: rank correlation with the true contacts, over all wells; z_prime: between the
        controls ConA and Unstimulated.
    """
    rows = []
    for name, of_method in wells.groupby("masks", sort=False):
        groups = [(str(d), part) for d, part in of_method.groupby("density", sort=False)]
        for density, part in [*groups, (ALL, of_method)]:
            controls = part[part["control"]]
            for measure_name in MEASURES:
                cona, rest = (
                    controls.loc[controls["stimulation"] == kind, measure_name].to_numpy()
                    for kind in ("ConA", "Unstimulated")
                )
                rows.append(
                    {
                        "masks": name,
                        "density": density,
                        "measure": measure_name,
                        "wells": len(part),
                        "spearman": _rank_correlation(part["contact"], part[measure_name]),
                        "z_prime": z_prime(cona, rest),
                    }
                )
    return pd.DataFrame(rows)


TRUTHS = {"bound": "bound to a DC", "on_dc": "bound to or settled on a DC"}
"""True properties of a T cell that touching a DC may stand for."""


def judge_contacts(
    labels: NDArray[np.integer], partners: NDArray[np.integer], view: SimulatedField
) -> dict[str, int]:
    """Compare the T cells that touch a DC in a mask with the truth of a simulated field.

    A found cell holds a true one if it covers its centre. One that covers several is one contact.

    Parameters
    ----------
    labels : ndarray, (height, width), integers
        Number of the found T cell of each pixel, from 1; 0 outside.
    partners : ndarray, (cells,), integers
        DCs that each of them touches, by label.
    view : SimulatedField

    Returns
    -------
    dict of int
        called, the found T cells that touch a DC; for each name of `TRUTHS` the true T cells of
        which it holds, and under NAME_found the called cells that hold one.
    """
    touching = np.append(False, np.asarray(partners) > 0)
    counts = {"called": int(touching.sum())}
    lying = np.concatenate([view.contact_yx, view.settled_yx])
    for name, yx in zip(TRUTHS, (view.contact_yx, lying), strict=True):
        y, x = np.clip(np.rint(yx).astype(np.intp).T, 0, np.array(labels.shape)[:, None] - 1)
        held = np.unique(labels[y, x])
        counts |= {name: len(yx), f"{name}_found": int(touching[held].sum())}
    return counts


def contact_scores(counts: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Score the calls of `judge_contacts` over wells.

    Parameters
    ----------
    counts : DataFrame, one row a condition, mask method and well
        condition, masks, stimulation and the keys of `judge_contacts`.
    seed : int
        Of the intervals, which come from resampling wells.

    Returns
    -------
    DataFrame, one row a condition, mask method, stimulation (`ALL` for all together) and truth
        precision, the share of the called cells that are true; recall, the share of the true cells
        that are called; f1, their harmonic mean; each with _low and _high.
    """
    rows = []
    everywhere = [counts.assign(stimulation=ALL), counts]
    keys = ["condition", "masks", "stimulation"]
    for key, own in pd.concat(everywhere).groupby(keys, sort=False):
        called = own["called"].to_numpy()
        for name in TRUTHS:
            true, found = own[name].to_numpy(), own[f"{name}_found"].to_numpy(np.float64)
            row = dict(zip(keys, key, strict=True)) | {"truth": name}
            parts = {"precision": called, "recall": true, "f1": (called + true) / 2}
            for score, number in parts.items():
                with np.errstate(invalid="ignore", divide="ignore"):
                    row |= mean_score(found, number, np.random.default_rng(seed)).flat(score)
            rows.append(row)
    return pd.DataFrame(rows)


def _rank_correlation(one: "pd.Series[float]", other: "pd.Series[float]") -> float:
    """Spearman's; NaN where one of the two is constant."""
    if one.nunique() < 2 or other.nunique() < 2:
        return float("nan")
    return float(spearmanr(one, other)[0])
