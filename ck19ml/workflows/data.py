"""Simulate a plate and prepare its dataset."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ck19ml.config import PrepareConfig, SimulateConfig
from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.builtin_layouts import builtin_layout
from ck19ml.plates.folder import Plate, find_plate
from ck19ml.plates.layouts import choose_wells, confounding, read_layout
from ck19ml.plates.prepare import is_prepared, prepare_dataset
from ck19ml.plates.simulation import simulate_plate
from ck19ml.plates.store import Dataset
from ck19ml.workflows.progress import bar, say

BUILTIN = ("ck19", "ck21", "ck22")
LAYOUT_NAMES = ("layout.csv", "layout.xlsx")


@dataclass(frozen=True)
class Outcome:
    """What a command has to say: lines for people, and the same as JSON-like data."""

    lines: list[str]
    data: dict[str, Any] = field(default_factory=dict)


def simulate(out: Path, config: SimulateConfig, *, overwrite: bool) -> Outcome:
    """Write a simulated plate folder."""
    if config.layout.lower() in BUILTIN:
        name = config.layout.lower()
        layout = builtin_layout(name)  # type: ignore[arg-type]
    else:
        path = Path(config.layout)
        if not path.is_file():
            raise ConfigError(
                f"expected a layout ({', '.join(BUILTIN)}) or a layout file, found "
                f"'{config.layout}'; check the name"
            )
        name, layout = path.stem, read_layout(path)
    layout = choose_wells(layout, config.wells)
    with bar(f"simulating {out.name}") as progress:
        simulate_plate(
            out,
            layout,
            plate=name.upper(),
            size=config.size,
            seed=config.seed,
            brightfield=config.brightfield,
            overwrite=overwrite,
            progress=progress,
        )
    counts = layout["stimulation"].value_counts().to_dict()
    what = ", ".join(f"{count} {stimulation}" for stimulation, count in counts.items())
    return Outcome(
        [f"{out}: simulated {len(layout)} wells ({what}), {config.size} x {config.size} pixels"],
        {"plate": str(out), "wells": len(layout), "stimulations": counts},
    )


def plate_layout(plate: Plate, path: Path | None) -> pd.DataFrame:
    """Read the layout of a plate: the one given, or the folder's own.

    Raises
    ------
    PlateError
        If there is none.
    """
    description = plate.description
    names = [description.layout] if description.layout else LAYOUT_NAMES
    places = [path] if path else [plate.folder / name for name in names]
    for place in places:
        if place.is_file():
            return read_layout(place, description.layout_columns or None)
    raise PlateError(
        f"expected a layout at {places[0]}, found none; write one (columns well, stimulation, "
        "compound, concentration_um, control) or name it by --layout"
    )


def prepared(plate: Plate, target: Path, config: PrepareConfig) -> Dataset | None:
    """Open the plate's dataset if these parameters made it; None where there is none."""
    layout = plate_layout(plate, config.layout)
    return is_prepared(plate, layout, target, mask=config.mask, patch_size=config.patch_size)


def prepare(plate: Plate, target: Path, config: PrepareConfig) -> Dataset:
    """Write the dataset of a plate, in place of what stands there."""
    layout = plate_layout(plate, config.layout)
    with bar(f"preparing {target.name}") as progress:
        dataset = prepare_dataset(
            plate,
            layout,
            target,
            mask=config.mask,
            patch_size=config.patch_size,
            workers=config.workers,
            progress=progress,
        )
    for sentence in confounding(layout[layout["well"].isin(plate.wells)]):
        say(f"note: {sentence}")
    return dataset


def dataset_figures(dataset: Dataset) -> dict[str, float]:
    """Key figures of a dataset, as metrics."""
    table = dataset.table
    figures = {
        "dataset/wells": float(len(dataset.wells)),
        "dataset/patches": float(len(table)),
        "dataset/faulty_share": float(table["faulty"].mean()),
        "dataset/mean_overlap": float(table["overlap"].mean()),
    }
    means = table.groupby("stimulation")["overlap"].mean()
    return figures | {f"dataset/mean_overlap_{name}": float(v) for name, v in means.items()}


def prepare_command(folder: Path, target: Path, config: PrepareConfig, overwrite: bool) -> Outcome:
    """Prepare a plate as a tracked run, unless it is done already."""
    from ck19ml.tracking import runs

    plate = find_plate(folder)
    done = None if overwrite else prepared(plate, target, config)
    if done is not None:
        lines = [f"{target}: already prepared from {folder} by these parameters; nothing to do"]
        return Outcome(lines, _summary(done))
    with runs.start(f"prepare {plate.name}", "prepare", config.model_dump(mode="json")) as run:
        dataset = prepare(plate, target, config)
        describe_dataset(run, dataset)
    return Outcome([f"{target}: {_sentence(dataset)}"], _summary(dataset))


def describe_dataset(run: Any, dataset: Dataset) -> None:
    """Log the dataset's description and key figures."""
    run.dataset(
        dataset.table, name=dataset.name, source=str(dataset.path), digest=dataset.content_hash
    )
    run.metrics(dataset_figures(dataset))
    run.json("dataset", dataset.info)


def _sentence(dataset: Dataset) -> str:
    table = dataset.table
    return (
        f"{len(table)} patches of {len(dataset.wells)} wells, {table['faulty'].mean():.1%} faulty, "
        f"mean overlap {table['overlap'].mean():.1%}"
    )


def _summary(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": str(dataset.path),
        "content_hash": dataset.content_hash,
        **{key.removeprefix("dataset/"): v for key, v in dataset_figures(dataset).items()},
    }
