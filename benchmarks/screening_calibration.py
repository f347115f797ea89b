"""Measure the false discovery rate and the power of `screen` under effects of position.

    python benchmarks/screening_calibration.py --plates 400

Simulates tables of wells, not images: noise of SD 1 in each well, an effect of the position, and
compounds that lower stimulated wells by 2 to 5 SD at a saturating concentration. For each layout
and effect, with no active compound and with a third of them active: the mean share of false hits at
a nominal 5 %, with and without the variance that the reference stimulation shows, and the share of
active tests that are found.
"""

import argparse
import json
from collections.abc import Callable

import numpy as np
import pandas as pd

from ck19ml.core.wells import place
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.workflows.screening import hits as hit_lists
from ck19ml.workflows.screening.tables import kinds

REFERENCE = "Unstimulated"
FDR = 0.05
ACTIVE = 1 / 3
HALF_UM = 0.3  # of the dose plate's compounds

Rng = np.random.Generator
EFFECTS: dict[str, Callable[[pd.DataFrame, Rng], np.ndarray]] = {
    "independent": lambda wells, rng: np.zeros(len(wells)),
    "row SD 0.5": lambda wells, rng: rng.normal(0, 0.5, 16)[wells["row"]],
    "row SD 1": lambda wells, rng: rng.normal(0, 1, 16)[wells["row"]],
    "edge -2": lambda wells, rng: (
        -2.0 * (wells["row"].isin([0, 15]) | wells["column"].isin([0, 23]))
    ),
    "gradient 2": lambda wells, rng: 2.0 * wells["row"].to_numpy() / 15,
    "column SD 1": lambda wells, rng: rng.normal(0, 1, 24)[wells["column"]],
}


def main() -> None:
    """Print a table of layouts and effects."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plates", type=int, default=400, help="plates a row of the table")
    parser.add_argument("--seed", type=int, default=0)
    plates = parser.parse_args()
    names = ["layout", "position"]
    names += ["inert: false", "pooled SD alone", "active: false", "pooled", "power", "pooled"]
    print("| " + " | ".join(names) + " |\n" + "| --- " * len(names) + "|")
    rows = []
    for layout in ("ck19", "ck21", "scattered"):
        for name, effect in EFFECTS.items():
            cells = []
            for share in (0.0, ACTIVE):
                rng = np.random.default_rng(plates.seed)
                each = [_judged(*_plate(layout, effect, share, rng)) for _ in range(plates.plates)]
                false, pooled, power, pooled_power = (
                    np.nanmean(each, axis=0)
                    if share
                    else (*np.mean(each, axis=0)[:2], np.nan, np.nan)
                )
                cells += [false, pooled, *([power, pooled_power] if share else [])]
            print(
                f"| {layout} | {name} | " + " | ".join(f"{x:.3f}" for x in cells) + " |", flush=True
            )
            true, peer = 1 - cells[2], 1 - cells[3]
            subject = f"share of hits that are true, {layout}, {name}"
            row = {"unit": "share", "limit": 1.0, "higher": True}
            rows.append(row | {"subject": subject, "ours": true, "peer": peer})
    print(json.dumps({"rows": rows}))


def _plate(
    layout: str, effect: Callable[[pd.DataFrame, Rng], np.ndarray], share: float, rng: Rng
) -> tuple[pd.DataFrame, set[str]]:
    """Return the wells of one plate, and its active compounds."""
    wells = builtin_layout("ck19" if layout == "scattered" else layout)
    if layout == "scattered":
        wells["well"] = rng.permutation(wells["well"])
    wells.insert(0, "plate", layout)
    wells["kind"] = kinds(wells)
    where = np.array([place(well) for well in wells["well"]])
    wells["row"], wells["column"] = where.T
    treated = wells["kind"] == "compound"
    names = sorted(set(wells.loc[treated, "compound"]))
    active = set(rng.choice(names, round(share * len(names)), replace=False))
    size = {name: rng.uniform(2, 5) for name in sorted(active)}
    dose = wells["concentration_um"].to_numpy()
    reach = dose / (dose + HALF_UM) if layout == "ck21" else np.ones(len(wells))
    acts = treated & (wells["stimulation"] != REFERENCE)
    lowered = np.where(acts, wells["compound"].map(size).fillna(0.0) * reach, 0.0)
    wells["score"] = rng.normal(size=len(wells)) + np.asarray(effect(wells, rng)) - lowered
    wells["seen"] = False
    return wells, active


def _judged(wells: pd.DataFrame, active: set[str]) -> tuple[float, float, float, float]:
    """Return false share of the hits and power, each as it is and without variance by position."""
    tables = [hit_lists.hit_table(wells, FDR, REFERENCE)]
    tables.append(hit_lists.hit_table(wells, FDR, "none"))
    false, power = [], []
    for table in tables:
        true = table["compound"].isin(active) & (table["stimulation"] != REFERENCE)
        hit = table["score_hit"]
        false.append((hit & ~true).sum() / max(1, hit.sum()))
        power.append((hit & true).sum() / true.sum() if true.any() else np.nan)
    return (*false, *power)


if __name__ == "__main__":
    main()
