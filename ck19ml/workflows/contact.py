"""Show on the simulator how overlap relates to contact, and how well single contacts are found."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml import plots
from ck19ml.config import ContactConfig
from ck19ml.config.contact import TRUTH
from ck19ml.core.contacts import measure_cells
from ck19ml.core.mask_methods import (
    STUDY_SIEVES_UM2,
    MaskSettings,
    PlaneMethod,
    Segmentation,
    label_mask,
    segment,
)
from ck19ml.core.overlap import TCELL
from ck19ml.core.patches import PATCH_SIZE
from ck19ml.core.scores.intervals import Score
from ck19ml.core.simulation.compounds import Response
from ck19ml.core.simulation.conditions import Influence
from ck19ml.core.simulation.contact import (
    ALL,
    MEASURES,
    TRUTHS,
    contact_scores,
    judge_contacts,
    measure,
    separation,
)
from ck19ml.core.simulation.degradation import Degradation
from ck19ml.core.simulation.field import SimulatedField, simulate_field
from ck19ml.core.simulation.mask_examples import clear_views, simulate_well
from ck19ml.tracking import registry, runs
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar

STUDY, JUDGED = 4, 5
"""Part of each well's seed, so that no network has learnt from these wells."""

GRADED = ("ConA", "OVA")


@dataclass(frozen=True)
class Planned:
    """One well to simulate: its density, stimulation and inhibition, and whether Z' counts it."""

    density: str
    stimulation: str
    inhibition: float
    control: bool


def contact_command(config: ContactConfig) -> Outcome:
    """Compare measures and calls as a tracked run: rows a well, tables of scores, one figure."""
    with tempfile.TemporaryDirectory() as place:
        network = _network(config, Path(place))
        with runs.start("contact", "contact", config.model_dump(mode="json")) as run:
            wells = simulate_and_measure(config, network)
            scores = separation(wells)
            calls = contact_scores(find_contacts(config, network), config.seed)
            run.table("wells", wells)
            run.table("separation", scores)
            run.table("contacts", calls)
            metrics = _metrics(scores) | _call_metrics(calls)
            run.metrics(metrics)
            run.figure("contact", plots.contact_measures(wells, scores, MEASURES))
            lines = _lines(scores, len(wells) // len(config.masks)) + _call_lines(calls, config)
            run.describe("\n".join(lines))
    return Outcome([*lines, f"run {run.id}"], {"run": run.id, **metrics})


def _network(config: ContactConfig, place: Path) -> PlaneMethod | None:
    return registry.fetch_masks(config.mask_model, place).loaded if config.needs_network else None


def planned(config: ContactConfig) -> Iterator[Planned]:
    """List the wells: controls, and stimulated ones that compounds inhibit more and more."""
    for density in config.densities:
        for stimulation in ("Unstimulated", "ConA"):
            for _ in range(config.controls):
                yield Planned(density, stimulation, 0.0, control=True)
        for index, inhibition in enumerate(np.linspace(0, 1, config.graded)):
            yield Planned(density, GRADED[index % len(GRADED)], float(inhibition), control=False)


def simulate_and_measure(config: ContactConfig, network: PlaneMethod | None = None) -> pd.DataFrame:
    """Simulate the wells, mask each by all methods of the config and measure the overlap.

    Returns
    -------
    DataFrame, one row a well and method
        As `core.contact.separation` takes it, with well, inhibition, and the cells' true counts.
    """
    rows = []
    plan = list(planned(config))
    parameters = {
        name: clear_views().at_density(factor) for name, factor in config.densities.items()
    }
    with bar("contact") as progress:
        for index, well in enumerate(plan):
            view = simulate_field(
                well.stimulation,
                parameters[well.density],
                config.size,
                np.random.default_rng([config.seed, STUDY, index]),
                Influence(Response(inhibition=well.inhibition)),
            )
            truth = {
                "well": index,
                **vars(well),
                "tcell_count": view.tcell_count,
                "dc_count": view.dc_count,
                "contacts": view.contacts,
                "contact": view.contacts / max(view.tcell_count, 1),
            }
            for name in config.masks:
                found = np.moveaxis(_find(view, name, config, network).masks, 0, -1)
                rows.append({"masks": name, **truth, **measure(found, PATCH_SIZE)})
            progress(index + 1, len(plan))
    return pd.DataFrame(rows)


def find_contacts(config: ContactConfig, network: PlaneMethod | None = None) -> pd.DataFrame:
    """Find the contacts in wells at the plate's density, by all masks of the config.

    Returns
    -------
    DataFrame, one row a condition, mask method and well
        As `core.simulation.contact.contact_scores` takes it.
    """
    conditions = {"plain": Degradation(), "degraded": config.degradation}
    rows: list[dict[str, Any]] = []
    with bar("single contacts") as progress:
        for index in range(config.wells):
            for condition, how in conditions.items():
                rng = np.random.default_rng([config.seed, JUDGED, index])
                well = simulate_well(index, config.size, rng, how)
                image = _image(well.field)
                for name in config.masks:
                    labels = _find(well.field, name, config, network).labels
                    cells = measure_cells(image, labels, clear_views().pixel_um)
                    partners = cells.loc[cells["channel"] == "tcell", "partners"].to_numpy()
                    key = {"condition": condition, "masks": name, "stimulation": well.stimulation}
                    rows.append(key | judge_contacts(labels[TCELL], partners, well.field))
            progress(index + 1, config.wells)
    return pd.DataFrame(rows)


def _image(view: SimulatedField) -> NDArray[np.uint16]:
    return np.moveaxis(np.stack([view.dc, view.tcell]), 0, -1)


def _find(
    view: SimulatedField, name: str, config: ContactConfig, network: PlaneMethod | None
) -> Segmentation:
    """Find the cells of a field; in the true masks touching ones are separated as elsewhere."""
    pixel_um = clear_views().pixel_um
    if name == TRUTH:
        masks = np.stack([view.dc_mask, view.tcell_mask])
        sieves = [area / pixel_um**2 for area in STUDY_SIEVES_UM2.values()]
        labels = [label_mask(mask, sieve) for mask, sieve in zip(masks, sieves, strict=True)]
        return Segmentation(masks, np.stack(labels), view.dc.size)
    levels = (config.background, config.background)
    how = MaskSettings(name, pixel_size_um=pixel_um, levels=levels)
    return segment(_image(view), how, network)


def _metrics(scores: pd.DataFrame) -> dict[str, float]:
    metrics = {}
    for row in scores.itertuples():
        for key in ("spearman", "z_prime"):
            value = float(getattr(row, key))
            if np.isfinite(value):
                metrics[f"{row.masks}/{row.density}/{row.measure}/{key}"] = value
    return metrics


def _call_metrics(calls: pd.DataFrame) -> dict[str, float]:
    """Return what wells of all stimulations come to, as metrics."""
    return {
        f"{row['masks']}/{row['condition']}/{row['truth']}/{name}": float(row[name])
        for row in calls[calls["stimulation"] == ALL].to_dict("records")
        for name in ("precision", "recall", "f1")
        if np.isfinite(row[name])
    }


def _call_lines(calls: pd.DataFrame, config: ContactConfig) -> list[str]:
    lines = [
        f"single T cells of {config.wells} wells, said to touch a DC; precision, recall, F1 "
        "[95 % interval over wells]:"
    ]
    for row in calls[calls["stimulation"] == ALL].to_dict("records"):
        f1 = Score(row["f1"], row["f1_low"], row["f1_high"]).text(2)
        lines.append(
            f"- {TRUTHS[row['truth']]}, masks {row['masks']}, {row['condition']}: "
            f"{row['precision']:.2f}, {row['recall']:.2f}, {f1}"
        )
    return lines


def _lines(scores: pd.DataFrame, wells: int) -> list[str]:
    lines = [
        f"{wells} simulated wells; rank correlation with the true share of bound T cells, and Z' "
        "between ConA and Unstimulated:"
    ]
    for (name, density), group in scores.groupby(["masks", "density"], sort=False):
        which = "all densities" if density == ALL else f"{density} density"
        found = [
            f"{row.measure} {row.spearman:.2f} (Z' {row.z_prime:.2f})" for row in group.itertuples()
        ]
        lines.append(f"- masks {name}, {which}: {', '.join(found)}")
    return lines
