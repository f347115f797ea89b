"""Simulate a plate and prepare its dataset."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ck19ml.config import MaskingConfig, PrepareConfig, TuneConfig
from ck19ml.core.mask_methods import INSTRUMENT, NETWORK, shortcoming
from ck19ml.core.quality import implausible, misplaced_level
from ck19ml.errors import ConfigError
from ck19ml.files.names import safe_name
from ck19ml.files.writing import followed, require_apart
from ck19ml.plates import report
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.folder import Plate, find_plate
from ck19ml.plates.label_images import find_labels
from ck19ml.plates.preparation.job import ESTIMATED
from ck19ml.plates.preparation.prepare import open_prepared, prepare_plates
from ck19ml.plates.preparation.runner import Runner, local
from ck19ml.plates.preparation.settings import Source
from ck19ml.plates.problems import PlateProblems
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar, say
from ck19ml.workflows.simulate import simulate
from ck19ml.workflows.steps.dataset_figures import overview_figures, quality_figures
from ck19ml.workflows.steps.layouts import layout_of, plate_layout

if TYPE_CHECKING:  # it loads Keras
    from ck19ml.networks.mask_model import StoredMasks


Plates = Plate | Sequence[Plate]


def prepared(plates: Plates, target: Path, config: PrepareConfig) -> Dataset | None:
    """Open the plates' dataset if these parameters made it; None where there is none."""
    sources = _sources(plates, config)
    with mask_network(config) as network:
        return open_prepared(sources, target, config, skip_bad=config.skip_bad, network=network)


def prepare(plates: Plates, target: Path, config: PrepareConfig) -> Dataset:
    """Write the dataset of plates, in place of an existing one.

    Raises
    ------
    PlateProblems
        If fields have problems and the config does not skip them; the report is printed before.
    """
    sources = _sources(plates, config)
    require_apart(target, [source.plate.folder for source in sources])
    for source in sources:
        for line in understood(source.plate, config.layout):
            say(line)
    if told := shortcoming(config.mask):
        say(f"note: {told}")
    with mask_network(config) as network, bar(f"preparing {target.name}") as progress:
        try:
            dataset = prepare_plates(
                sources,
                followed(target),
                config,
                skip_bad=config.skip_bad,
                network=network,
                run=_runner(config),
                progress=progress,
                say=say,
            )
        except PlateProblems as problems:
            for line in problems.report:
                say(line)
            raise
    for sentence in (*dataset.info["confounding"], *dataset.info["copies"]):
        say(f"note: {sentence}")
    panel = dataset.panel
    for plate, found in dataset.info.get(ESTIMATED, {}).items():
        each = [f"{found[place]} ({panel.label(name)})" for name, place in panel.placed]
        say(f"{plate}: estimated background {' and '.join(each)}")
    levels = panel.levels(dataset.parameters["background"])
    noted = implausible(dataset.fields, panel) + misplaced_level(dataset.fields, levels, panel)
    for line in noted:
        say(f"note: {line}")
    if dataset.info["skipped"]:
        say(f"note: {dataset.info['skipped']} fields were skipped, see {target / 'skipped.csv'}")
    return dataset


def understood(plate: Plate, layout: Path | None) -> list[str]:
    """Describe what was understood of a plate in five lines, and name what was not used."""
    reading = layout_of(plate, layout)
    named = report.notes(plate, reading)
    return report.summary(plate, reading) + [f"note: {line}" for line in named]


def _runner(config: PrepareConfig) -> Runner:
    if config.scheduler is None:
        return local(config.workers)
    from ck19ml.distributed import cluster

    return cluster(config.scheduler)


def _sources(plates: Plates, config: PrepareConfig) -> list[Source]:
    each = [plates] if isinstance(plates, Plate) else list(plates)
    if config.layout and len(each) > 1:
        raise ConfigError(
            f"--layout is given for {len(each)} plates, but each needs its own layout in its "
            "folder; omit it, or prepare the plates one by one"
        )
    if config.labels and config.mask != INSTRUMENT:
        raise ConfigError(f"both --labels and --mask {config.mask} are given; choose one")
    return [
        Source(
            plate,
            plate_layout(plate, config.layout),
            find_labels(plate, config.labels) if config.labels else None,
        )
        for plate in each
    ]


@contextmanager
def mask_network(config: PrepareConfig) -> "Iterator[StoredMasks | None]":
    """Fetch the network that makes the masks, if one does; Keras is loaded only then."""
    if config.mask != NETWORK:
        yield None
        return
    from ck19ml.tracking import registry

    with tempfile.TemporaryDirectory() as place:
        yield registry.fetch_masks(config.mask_model, Path(place))


def dataset_figures(dataset: Dataset) -> dict[str, float]:
    """Key figures of a dataset, as metrics."""
    table = dataset.table
    figures = {
        "dataset/wells": float(len(dataset.wells)),
        "dataset/patches": float(len(table)),
        "dataset/faulty_share": float(table["faulty"].mean()),
    }
    if not dataset.panel.pair:
        return figures
    figures["dataset/mean_overlap"] = float(table["overlap"].mean())
    means = table.groupby("stimulation")["overlap"].mean()
    return figures | {
        f"dataset/mean_overlap_{safe_name(name)}": float(v) for name, v in means.items()
    }


def find_plates(config: TuneConfig | MaskingConfig) -> list[Plate]:
    """List the fields of a config's plates; a missing plate is simulated if the config says so."""
    first, *more = config.plate
    if config.simulate is not None and not more and not first.exists():
        say(simulate(first, config.simulate, overwrite=False).lines[0])
    return [find_plate(folder, strict=not config.prepare.skip_bad) for folder in config.plate]


def prepare_step(plates: Sequence[Plate], target: Path, config: PrepareConfig) -> Dataset:
    """Write the dataset of plates in a run of its own."""
    from ck19ml.tracking import runs

    names = ", ".join(plate.name for plate in plates)
    with runs.start(f"prepare {names}", "prepare", config.model_dump(mode="json")) as run:
        dataset = prepare(plates, target, config)
        describe_dataset(run, dataset)
    return dataset


def prepare_command(
    folders: Sequence[Path], target: Path, config: PrepareConfig, overwrite: bool
) -> Outcome:
    """Prepare plates as a tracked run, unless it is done already."""
    plates = [find_plate(folder, strict=False) for folder in folders]
    done = None if overwrite else prepared(plates, target, config)
    if done is not None:
        made_from = done.info["source"]
        lines = [
            f"{target}: already prepared from {made_from} with these parameters; nothing to do"
        ]
        return Outcome(lines, _summary(done))
    dataset = prepare_step(plates, target, config)
    return Outcome([f"{target}: {_sentence(dataset)}"], _summary(dataset))


def describe_dataset(run: Any, dataset: Dataset) -> None:
    """Log the dataset's description and key figures."""
    run.dataset(dataset)
    run.metrics(dataset_figures(dataset))
    run.json("dataset", dataset.info)
    run.table("fields", dataset.fields)
    for name, figure in (*quality_figures(dataset), *overview_figures(dataset)):
        run.figure(name, figure)


def _sentence(dataset: Dataset) -> str:
    table = dataset.table
    overlap = f", mean overlap {table['overlap'].mean():.1%}" if dataset.panel.pair else ""
    return (
        f"{len(table)} patches of {len(dataset.wells)} wells, {table['faulty'].mean():.1%} faulty"
        f"{overlap}"
    )


def _summary(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": str(dataset.path),
        "content_hash": dataset.content_hash,
        **{key.removeprefix("dataset/"): v for key, v in dataset_figures(dataset).items()},
    }
