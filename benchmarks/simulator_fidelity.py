"""Compare simulated wells with the real wells of plate CK19: one table, each target met or not.

Run `python benchmarks/simulator_fidelity.py`: all 294 wells, 1 s each on one core. With fewer
wells (`--wells`) chance decides some targets: one odd well more or less among twenty is a fifth of
the mean overlap of unstimulated wells. Needs the published measurements of CK19 (`--reference`):
`ck19_incell_24h.csv`, one row a well as the instrument printed it, and
`ck19_patch_overlaps.parquet`, one row a patch as the study computed it.

Two sections: the simulator's true cells and masks, together with the patch overlaps of the study's
own masks, and the same wells measured with the project's `instrument` masks. The exit code is 0
when all targets of the first are met; the second says how well the masks measure as well.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_score

from ck19ml.core import overlap, patch_masks, patches
from ck19ml.core.instrument_masks import CellKinds, label_field
from ck19ml.core.simulation.field import SimulatedField, simulate_field
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.core.simulation.rendering import FULL_SIZE
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.plates.layouts.reading import choose_wells
from ck19ml.plates.simulated_wells import (
    influences,
    normalise,
    true_effects,
    well_generator,
)

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"

INSTRUMENT = {
    "tcell_count": "T cells",
    "tcell_area_um2": "mean T-cell area, um2",
    "dc_count": "DCs",
    "dc_area_um2": "mean DC area, um2",
    "tcell_overlap": "% area overlap",
}
"""What the instrument measures of a well, and what it is called in the table."""


@dataclass(frozen=True)
class Measured:
    """Wells (one row each, columns of `INSTRUMENT`) and their patches (overlap, faulty).

    `seen` are the simulated wells as the `instrument` masks measure them.
    """

    wells: pd.DataFrame
    patches: pd.DataFrame
    seen: pd.DataFrame | None = None


@dataclass(frozen=True)
class Line:
    """One figure of the table: met where the simulated one lies between low and high."""

    stimulation: str
    figure: str
    real: float
    simulated: float
    low: float
    high: float

    @property
    def met(self) -> bool:
        """Whether the simulated figure reaches its target."""
        return self.low <= self.simulated <= self.high


def read_real(folder: Path) -> Measured:
    """Read the published measurements of CK19."""
    wells = pd.read_csv(folder / "ck19_incell_24h.csv").rename(
        columns={"tcell_area_mean_um2": "tcell_area_um2", "dc_area_mean_um2": "dc_area_um2"}
    )
    wells["tcell_overlap"] = wells["overlap_percent"]
    table = pd.read_parquet(folder / "ck19_patch_overlaps.parquet")
    return Measured(wells, table.rename(columns={"overlap_iou": "overlap"}))


def simulate(number: int, seed: int, parameters: Parameters) -> Measured:
    """Simulate wells of CK19's own layout in memory and measure them as the study did."""
    layout = normalise(choose_wells(builtin_layout("ck19"), number))
    wells, seen, tables = [], [], []
    effects = true_effects(layout, seed, parameters)
    acting = influences(layout, effects, parameters, plate="CK19", seed=seed)
    for row, influence in zip(layout.itertuples(), acting, strict=True):
        rng = well_generator(row.well, seed)
        view = simulate_field(row.stimulation, parameters, FULL_SIZE, rng, influence)
        key = {"well": row.well, "stimulation": row.stimulation}
        wells.append(key | measure_well(view))
        seen.append(key | measure_with_masks(view, parameters.pixel_um))
        tables.append(measure_patches(view).assign(**key))
        if sys.stderr.isatty():
            print(f"\r{len(wells)} of {number} wells", end="", file=sys.stderr)
    return Measured(pd.DataFrame(wells), pd.concat(tables, ignore_index=True), pd.DataFrame(seen))


def measure_well(view: SimulatedField) -> dict[str, float]:
    """Measure what the instrument would, from the true cells and masks."""
    both = np.count_nonzero(view.dc_mask & view.tcell_mask)
    return {
        "tcell_count": view.tcell_count,
        "dc_count": view.dc_count,
        "tcell_area_um2": view.tcell_area_um2,
        "dc_area_um2": view.dc_area_um2,
        "tcell_overlap": 100 * both / np.count_nonzero(view.tcell_mask),
    }


def measure_with_masks(view: SimulatedField, pixel_um: float) -> dict[str, float]:
    """Measure what the instrument would, with the project's own `instrument` masks."""
    dc, tcell = label_field(np.stack([view.dc, view.tcell], axis=-1), CellKinds(), pixel_um)
    row = {"tcell_overlap": 100 * np.count_nonzero((dc > 0) & (tcell > 0))}
    row["tcell_overlap"] /= max(np.count_nonzero(tcell), 1)
    for name, labels in (("dc", dc), ("tcell", tcell)):
        count = int(labels.max())
        row[f"{name}_count"] = count
        row[f"{name}_area_um2"] = np.count_nonzero(labels) * pixel_um**2 / max(count, 1)
    return row


def measure_patches(view: SimulatedField) -> pd.DataFrame:
    """Overlap of each patch by the project's own masks; 0 where a patch is faulty."""
    cut = patches.cut(np.stack([view.dc, view.tcell], axis=-1))
    faulty = patches.is_faulty(cut)
    masked = patch_masks.otsu(patches.raise_background(cut), patches.BACKGROUND)
    iou = np.where(faulty, 0.0, overlap.score(masked).overlap)
    return pd.DataFrame({"patch": np.arange(len(iou)), "overlap": iou, "faulty": faulty})


def compare(real: Measured, simulated: Measured) -> Iterator[Line]:
    """Figures of the true cells and of the study's patch overlaps, with their targets."""
    for stimulation in real.wells["stimulation"].unique():
        ours, theirs = (_only(measured, stimulation) for measured in (simulated, real))
        yield from _instrument_lines(stimulation, theirs.wells, ours.wells)
        yield from _patch_lines(stimulation, theirs.patches, ours.patches)
    faulty = [100 * measured.patches["faulty"].mean() for measured in (real, simulated)]
    yield Line("all", "faulty patches, %", *faulty, 1, 3)
    for name, accuracy, centre, tolerance in (
        ("stimulation from a patch, %", patch_accuracy, 43.6, 4.0),
        ("stimulation from a well, %", well_accuracy, 70.0, 8.0),
    ):
        scores = [100 * accuracy(measured.patches) for measured in (real, simulated)]
        yield Line("all", name, *scores, centre - tolerance, centre + tolerance)


def compare_with_masks(real: pd.DataFrame, seen: pd.DataFrame) -> Iterator[Line]:
    """Figures of the wells as the `instrument` masks measure them, with their targets."""
    for stimulation in real["stimulation"].unique():
        ours, theirs = (table[table["stimulation"] == stimulation] for table in (seen, real))
        yield from _instrument_lines(stimulation, theirs, ours)


def _only(measured: Measured, stimulation: str) -> Measured:
    wells, table = measured.wells, measured.patches
    return Measured(
        wells[wells["stimulation"] == stimulation], table[table["stimulation"] == stimulation]
    )


def _instrument_lines(stimulation: str, real: pd.DataFrame, ours: pd.DataFrame) -> Iterator[Line]:
    for column, name in INSTRUMENT.items():
        yield _near(stimulation, name, real[column].mean(), ours[column].mean(), 0.10)
        yield _near(stimulation, f"{name}: SD", real[column].std(), ours[column].std(), 0.40)


def _patch_lines(stimulation: str, real: pd.DataFrame, ours: pd.DataFrame) -> Iterator[Line]:
    a, b = real["overlap"], ours["overlap"]
    yield _near(stimulation, "overlap per patch", a.mean(), b.mean(), 0.15)
    zeros = (a == 0).mean()
    yield Line(stimulation, "share of zeros", zeros, (b == 0).mean(), zeros - 0.08, zeros + 0.08)
    yield Line(stimulation, "Kolmogorov-Smirnov", 0.0, ks_2samp(a, b).statistic, 0.0, 0.10)
    a, b = (table.groupby("well")["overlap"].sum() for table in (real, ours))
    yield _near(stimulation, "sum over a field", a.mean(), b.mean(), 0.15)
    yield _near(stimulation, "sum over a field: SD", a.std(), b.std(), 0.40)


def _near(stimulation: str, figure: str, real: float, ours: float, share: float) -> Line:
    return Line(stimulation, figure, real, ours, real * (1 - share), real * (1 + share))


def patch_accuracy(table: pd.DataFrame) -> float:
    """Accuracy of guessing the stimulation from one patch's overlap, wells kept together."""
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    scores = cross_val_score(
        HistGradientBoostingClassifier(random_state=0),
        table[["overlap"]].to_numpy(),
        table["stimulation"].to_numpy(str),
        groups=table["well"].to_numpy(str),
        cv=folds,
    )
    return float(scores.mean())


def well_accuracy(table: pd.DataFrame) -> float:
    """Accuracy of guessing the stimulation from the sorted overlaps of a well's patches."""
    wide = table.pivot_table(index=["well", "stimulation"], columns="patch", values="overlap")
    features = np.sort(wide.to_numpy(), axis=1)
    labels = wide.index.get_level_values("stimulation").to_numpy(str)
    scores = [
        cross_val_score(
            RandomForestClassifier(200, random_state=0),
            features,
            labels,
            cv=StratifiedKFold(5, shuffle=True, random_state=repeat),
        ).mean()
        for repeat in range(3)
    ]
    return float(np.mean(scores))


def show(lines: list[Line]) -> None:
    """Print the table."""
    print(f"{'stimulation':13}{'figure':29}{'real':>9}{'simulated':>11}{'target':>20}")
    for line in lines:
        target = f"{line.low:.3g} to {line.high:.3g}"
        verdict = "met" if line.met else "MISSED"
        print(
            f"{line.stimulation:13}{line.figure:29}{line.real:9.4g}{line.simulated:11.4g}"
            f" {target:>19}  {verdict}"
        )
    print(f"{sum(line.met for line in lines)} of {len(lines)} targets met")


def main() -> int:
    """Print the table; 0 when every target is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wells", type=int, default=294, help="wells to simulate, at least 60")
    parser.add_argument("--seed", type=int, default=2211)
    parser.add_argument("--reference", type=Path, default=REFERENCE)
    options = parser.parse_args()
    if options.wells < 60:
        parser.error("fewer than 20 wells a stimulation say little about the SD between wells")
    real = read_real(options.reference)
    simulated = simulate(options.wells, options.seed, Parameters())
    lines = list(compare(real, simulated))
    show(lines)
    assert simulated.seen is not None
    print("\nmeasured with the `instrument` masks:")
    with_masks = list(compare_with_masks(real.wells, simulated.seen))
    show(with_masks)
    met = sum(bool(line.met) for line in lines)  # JSON knows no numpy booleans
    subject = f"simulator, {options.wells} wells: targets met"
    row = {"subject": subject, "unit": "", "ours": met, "limit": len(lines), "higher": True}
    met_with_masks = sum(bool(line.met) for line in with_masks)
    seen = {"subject": f"{subject}, `instrument` masks", "unit": "", "ours": met_with_masks,
            "limit": len(with_masks), "higher": True}  # fmt: skip
    print(json.dumps({"rows": [row, seen]}))
    return 0 if all(line.met for line in lines) else 1


if __name__ == "__main__":
    raise SystemExit(main())
