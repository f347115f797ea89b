"""Show on the simulator how overlap relates to contact: IoU, M1 and what exceeds chance."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml import plots
from ck19ml.config import ContactConfig
from ck19ml.config.contact import TRUTH
from ck19ml.core.mask_methods import MaskSettings, Method, segment
from ck19ml.core.patches import PATCH_SIZE
from ck19ml.core.simulation.compounds import Response
from ck19ml.core.simulation.conditions import Influence
from ck19ml.core.simulation.contact import ALL, MEASURES, at_density, measure, separation
from ck19ml.core.simulation.field import SimulatedField, simulate_field
from ck19ml.core.simulation.mask_examples import clear_views
from ck19ml.tracking import registry, runs
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar

STUDY = 4
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
    """Compare the measures as a tracked run: a row a well, a table of scores, one figure."""
    with tempfile.TemporaryDirectory() as place:
        network = _network(config, Path(place))
        with runs.start("contact", "contact", config.model_dump(mode="json")) as run:
            wells = simulate_and_measure(config, network)
            scores = separation(wells)
            run.table("wells", wells)
            run.table("separation", scores)
            metrics = _metrics(scores)
            run.metrics(metrics)
            run.figure("contact", plots.contact_measures(wells, scores, MEASURES))
            lines = _lines(scores, len(wells) // len(config.masks))
            run.describe("\n".join(lines))
    return Outcome([*lines, f"run {run.id}"], {"run": run.id, **metrics})


def _network(config: ContactConfig, place: Path) -> Method | None:
    return registry.fetch_masks(config.mask_model, place).loaded if config.needs_network else None


def planned(config: ContactConfig) -> Iterator[Planned]:
    """List the wells: controls, and stimulated ones that compounds inhibit more and more."""
    for density in config.densities:
        for stimulation in ("Unstimulated", "ConA"):
            for _ in range(config.controls):
                yield Planned(density, stimulation, 0.0, control=True)
        for index, inhibition in enumerate(np.linspace(0, 1, config.graded)):
            yield Planned(density, GRADED[index % len(GRADED)], float(inhibition), control=False)


def simulate_and_measure(config: ContactConfig, network: Method | None = None) -> pd.DataFrame:
    """Simulate the wells, mask each by all methods of the config and measure the overlap.

    Returns
    -------
    DataFrame, one row a well and method
        As `core.contact.separation` takes it, with well, inhibition, and the cells' true counts.
    """
    rows = []
    plan = list(planned(config))
    parameters = {
        name: at_density(clear_views(), factor) for name, factor in config.densities.items()
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
                found = _masks(view, name, config, network)
                rows.append({"masks": name, **truth, **measure(found, PATCH_SIZE)})
            progress(index + 1, len(plan))
    return pd.DataFrame(rows)


def _masks(
    view: SimulatedField, name: str, config: ContactConfig, network: Method | None
) -> NDArray[np.bool_]:
    """Mask a field, (height, width, 2)."""
    if name == TRUTH:
        return np.stack([view.dc_mask, view.tcell_mask], axis=-1)
    how = MaskSettings(
        name,
        pixel_size_um=clear_views().pixel_um,
        levels=(config.background, config.background),
    )
    image = np.moveaxis(np.stack([view.dc, view.tcell]), 0, -1)
    return np.moveaxis(segment(image, how, network).masks, 0, -1)


def _metrics(scores: pd.DataFrame) -> dict[str, float]:
    metrics = {}
    for row in scores.itertuples():
        for key in ("spearman", "z_prime"):
            value = float(getattr(row, key))
            if np.isfinite(value):
                metrics[f"{row.masks}/{row.density}/{row.measure}/{key}"] = value
    return metrics


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
