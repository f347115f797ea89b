"""Compare mask methods on simulated wells that none of them has seen, plain and degraded."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ck19ml import plots
from ck19ml.config import MasksConfig
from ck19ml.core import overlap, quality
from ck19ml.core.mask_methods import (
    NETWORK,
    MaskSettings,
    Segmentation,
    segment,
    segment_by,
)
from ck19ml.core.patches import crowded, cut, raise_background
from ck19ml.core.scores.intervals import Score
from ck19ml.core.scores.mask_quality import score_masks
from ck19ml.core.scores.metrics import mean_score
from ck19ml.core.simulation.mask_examples import MaskWell, clear_views, simulate_well
from ck19ml.errors import ConfigError
from ck19ml.networks.mask_model import MaskNetwork
from ck19ml.tracking import registry, runs
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar

HELD_OUT = 3
"""Part of each well's seed, like `unet.ROLES` for the wells that networks learn from."""

EXAMPLE_WELLS = (1, 2)
EXAMPLE_SIDE = 64
"""Wells in the figure of images, and the side in pixels of what it shows of a patch: a cell is ten
pixels wide, and a method errs at its rim."""

BASELINE = "above-background"
"""Baseline that needs no method: every pixel above the level that images are raised to."""

MEASURES = {
    "iou": "mask IoU",
    "iou_dc": "mask IoU, DC",
    "iou_tcell": "mask IoU, T cell",
    "dice": "Dice",
    "overlap_error": "error of a patch's overlap (IoU)",
    "tcell_overlap_error": "error of a well's share of T-cell area on DCs (M1)",
    "count_error_dc": "error of the DC count, share",
    "count_error_tcell": "error of the T-cell count, share",
}
"""Columns of the table a well, see `well_row`; the errors are absolute."""

Wells = dict[str, list[MaskWell]]

FieldMethod = Callable[[NDArray[np.unsignedinteger]], Segmentation]
"""Finds the cells of a raw field, (height, width, 2)."""


def masks_command(config: MasksConfig) -> Outcome:
    """Compare the methods as a tracked run: one table a well, one of means, two figures."""
    with tempfile.TemporaryDirectory() as place:
        found = _methods(config, Path(place))
        with runs.start("masks", "masks", config.model_dump(mode="json")) as run:
            wells = simulate_wells(config)
            table, seconds = compare(found, wells)
            means = summary(table, seconds, config.seed)
            gains = network_gains(table, config.seed)
            run.table("wells", table)
            run.table("masks", means)
            run.table("gains", gains)
            run.metrics(_metrics(means, gains))
            run.figure("mask_scores", plots.mask_scores(means))
            run.figure("mask_methods", _examples(found, wells, config.background))
            lines = _lines(means, gains, config)
            run.describe("\n".join(lines))
    data = {"run": run.id, **_metrics(means, gains)}
    return Outcome([*lines, f"run {run.id}"], data)


def _methods(config: MasksConfig, place: Path) -> dict[str, FieldMethod]:
    """Look up the methods; a network trained on a well of the comparison is refused."""
    network: MaskNetwork | None = None
    if NETWORK in config.methods:
        network = registry.fetch_masks(config.mask_model, place).loaded
        hashes = {well.sha256 for wells in simulate_wells(config).values() for well in wells}
        if hashes & network.card.seen:
            raise ConfigError(
                f"seed: {config.mask_model} was trained on some of these wells; choose another "
                f"seed than {config.seed}"
            )
    levels, pixel_um = (config.background, config.background), clear_views().pixel_um
    how = {
        name: MaskSettings(name, pixel_size_um=pixel_um, levels=levels) for name in config.methods
    }
    plain = MaskSettings(pixel_size_um=pixel_um, levels=levels)
    found: dict[str, FieldMethod] = {
        name: partial(segment, settings=each, network=network) for name, each in how.items()
    }
    baseline = partial(segment_by, lambda patches, level: patches > level, settings=plain)
    return {BASELINE: baseline, **found}


def simulate_wells(config: MasksConfig) -> Wells:
    """Simulate the wells of each condition: the same stained cells, under each condition."""
    return {
        name: [
            simulate_well(
                index,
                config.size,
                np.random.default_rng([config.seed, HELD_OUT, index]),
                condition,
                clear_views(),
            )
            for index in range(config.wells)
        ]
        for name, condition in config.conditions.items()
    }


@dataclass(frozen=True)
class Seconds:
    """Time that a method took, wall clock and CPU, and for how many patches."""

    wall: float
    cpu: float
    patches: int


def compare(
    methods: dict[str, FieldMethod], wells: Wells
) -> tuple[pd.DataFrame, dict[str, Seconds]]:
    """Mask all wells with all methods.

    Returns
    -------
    table : DataFrame
        One row a condition, method and well, see `well_row`.
    seconds : dict
        What each method took for all wells, both channels, after a first one; the numbering of the
        cells is part of it.
    """
    rows, seconds = [], {}
    total = len(methods) * sum(len(part) for part in wells.values())
    with bar("masks") as progress:
        for name, masks in methods.items():
            masks(_image(next(iter(wells.values()))[0]))  # what is built once is built
            wall, cpu, patches = 0.0, 0.0, 0
            for condition, number, well in _each(wells):
                image = _image(well)
                start, start_cpu = time.perf_counter(), time.process_time()
                found = masks(image)
                wall += time.perf_counter() - start
                cpu += time.process_time() - start_cpu
                patches += len(well.patches)
                key = {"condition": condition, "method": name, "well": number}
                rows.append(key | {"stimulation": well.stimulation} | well_row(found, well))
                progress(len(rows), total)
            seconds[name] = Seconds(wall, cpu, patches)
    return pd.DataFrame(rows), seconds


def _each(wells: Wells) -> Iterator[tuple[str, int, MaskWell]]:
    for condition, part in wells.items():
        for number, well in enumerate(part):
            yield condition, number, well


def _image(well: MaskWell) -> NDArray[np.uint16]:
    return np.moveaxis(np.stack([well.field.dc, well.field.tcell]), 0, -1)


def well_row(found: Segmentation, well: MaskWell) -> dict[str, float]:
    """Score the cells found in a well against its truth.

    Returns
    -------
    dict
        `MEASURES`. The overlap's error is the mean over patches of the absolute difference; that
        of M1 and of the counts is the whole field's, which patches fill without a margin.
    """
    masks = np.asarray(cut(np.moveaxis(found.masks, 0, -1)), bool)
    score = score_masks(masks, well.masks)
    iou_dc, iou_tcell = score.iou.mean(axis=0).tolist()
    mine, true = overlap.score(masks), overlap.score(well.masks)
    row = {
        "iou": (iou_dc + iou_tcell) / 2,
        "iou_dc": iou_dc,
        "iou_tcell": iou_tcell,
        "dice": float(score.dice.mean()),
        "overlap_error": float(np.abs(mine.overlap - true.overlap).mean()),
        "tcell_overlap_error": abs(_share(mine) - _share(true)),
    }
    for channel, (name, true_count) in enumerate(
        {"dc": well.field.dc_count, "tcell": well.field.tcell_count}.items()
    ):
        count, _ = quality.cells(found.labels[channel])
        row[f"count_error_{name}"] = abs(count - true_count) / max(true_count, 1)
    return row


def _share(score: overlap.OverlapScore) -> float:
    return float(score.overlap_area_px.sum() / max(int(score.tcell_area_px.sum()), 1))


def summary(table: pd.DataFrame, seconds: dict[str, Seconds], seed: int) -> pd.DataFrame:
    """Average over wells with 95 % intervals: one row a condition and method.

    Columns: condition, method, for each of `MEASURES` its mean, ``_low`` and ``_high``, and
    patches_per_second and cpu_seconds_per_1000 (both channels).
    """
    rows = []
    for (condition, name), group in table.groupby(["condition", "method"], sort=False):
        row: dict[str, Any] = {"condition": condition, "method": name}
        for measure in MEASURES:
            score = _over_wells(group[measure], seed)
            row |= score.flat(measure)
        took = seconds[str(name)]
        row["patches_per_second"] = took.patches / max(took.wall, 1e-9)
        row["cpu_seconds_per_1000"] = 1000 * took.cpu / took.patches
        rows.append(row)
    return pd.DataFrame(rows)


def network_gains(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Mask IoU of the network minus that of the best other method, well by well.

    Returns
    -------
    DataFrame, one row a condition
        condition, best (the other method of the highest mean), gain, low, high; empty where the
        network or all others are missing.
    """
    rows = []
    for condition, group in table.groupby("condition", sort=False):
        ious = group.pivot_table(index="well", columns="method", values="iou")
        others = ious.drop(columns=NETWORK, errors="ignore")
        if NETWORK not in ious or others.empty:
            continue
        best = str(others.mean().idxmax())
        gain = _over_wells(ious[NETWORK] - ious[best], seed)
        rows.append({"condition": condition, "best": best, "gain": gain.value,
                     "low": gain.low, "high": gain.high})  # fmt: skip
    return pd.DataFrame(rows)


def _over_wells(values: "pd.Series[float]", seed: int) -> Score:
    numbers = values.to_numpy(np.float64)
    one = np.ones(len(numbers), dtype=np.intp)
    return mean_score(numbers, one, np.random.default_rng(seed))


def _metrics(means: pd.DataFrame, gains: pd.DataFrame) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for row in means.to_dict(orient="records"):
        where = f"{row['condition']}/{row['method']}"
        metrics |= {f"{where}/{key}": float(v) for key, v in row.items() if not isinstance(v, str)}
    for row in gains.to_dict(orient="records"):
        metrics[f"{row['condition']}/gain"] = float(row["gain"])
    return metrics


def _lines(means: pd.DataFrame, gains: pd.DataFrame, config: MasksConfig) -> list[str]:
    lines = [
        f"masks of {config.wells} simulated wells a condition that no method has seen, with 95 % "
        "intervals over wells:"
    ]
    for condition, group in means.groupby("condition", sort=False):
        found = [f"{row.method} {row.iou:.3f}" for row in group.itertuples()]
        lines.append(f"- {condition}, mask IoU: {', '.join(found)}")
    for row in gains.itertuples():
        lines.append(
            f"- {row.condition}: the network's mask IoU is {row.gain:+.3f} "
            f"[{row.low:+.3f}, {row.high:+.3f}] from that of the best other, {row.best}"
        )
    speed = means.drop_duplicates("method")
    found = [f"{row.method} {row.patches_per_second:.0f}" for row in speed.itertuples()]
    return [*lines, f"- patches a second, both channels: {', '.join(found)}"]


def _examples(methods: dict[str, FieldMethod], wells: Wells, background: int) -> Figure:
    """Draw a part of some wells under the first and the last condition, with every method."""
    patches, true, found, titles = [], [], [], []
    for condition in dict.fromkeys([next(iter(wells)), list(wells)[-1]]):
        for well in (wells[condition][index % len(wells[condition])] for index in EXAMPLE_WELLS):
            masks = [method(_image(well)).masks for method in methods.values()]
            raised = np.asarray(raise_background(_image(well), background))
            truth = np.stack([well.field.dc_mask, well.field.tcell_mask], axis=-1)
            part = crowded(truth, EXAMPLE_SIDE)
            for channel, name in ((overlap.DC, "DC"), (overlap.TCELL, "T cell")):
                patches.append(raised[(*part, channel)])
                true.append(truth[(*part, channel)])
                found.append([mask[(channel, *part)] for mask in masks])
                titles.append(f"{condition}\n{well.stimulation}\n{name}")
    return plots.mask_methods(
        np.stack(patches), np.stack(true), np.stack(found, axis=1), list(methods), titles
    )
