"""One preparation in its partial folder: the pass over all fields, then the tables."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ck19ml import __version__
from ck19ml.core import illumination
from ck19ml.core.measurements.table import names as measurement_names
from ck19ml.core.patches import grid_shape
from ck19ml.errors import PlateError
from ck19ml.files.csv_text import to_csv
from ck19ml.files.fingerprint import fingerprint
from ck19ml.plates.dataset.arrays import keep_fields
from ck19ml.plates.dataset.measurements import CELLS, write_measurements, write_portions
from ck19ml.plates.dataset.store import FORMAT, write_tables
from ck19ml.plates.layouts.reading import confounding
from ck19ml.plates.preparation import partial_dataset
from ck19ml.plates.preparation.checks import Checked
from ck19ml.plates.preparation.field import Light, Task, measure_light, prepare_field
from ck19ml.plates.preparation.instrument import instrument_table
from ck19ml.plates.preparation.runner import Runner
from ck19ml.plates.preparation.settings import (
    ASKED,
    NETWORK_FOLDER,
    Network,
    Preparation,
    Source,
    content_fingerprint,
    folders,
    parameters,
    source_fingerprint,
)
from ck19ml.plates.preparation.tables import copies, describe
from ck19ml.plates.problems import Problem, skipped_table

Progress = Callable[[int, int], None]
Say = Callable[[str], None]

ESTIMATED = "estimated_background"
"""Key of ``dataset.json`` with each plate's estimated levels of both channels, where they were."""

LIGHT = "light"
"""Name of the note with the estimated illumination of each plate."""


class Work:
    """The tasks of a preparation, and what comes of them."""

    def __init__(
        self,
        sources: Sequence[Source],
        checked: Sequence[Checked],
        preparation: Preparation,
        shape: tuple[int, int],
        folder: Path,
        network: Network | None = None,
        asked: int | None = None,
    ) -> None:
        self.sources, self.preparation, self.folder = sources, preparation, folder
        self.network = network
        # The side of patches that was asked for.
        self.asked = asked or preparation.patch_size
        self.parameters = parameters(sources[0], preparation, network)
        pairs = [(s, f) for s, part in zip(sources, checked, strict=True) for f in part.fields]
        self.tasks = [
            Task(
                index,
                field,
                source.plate.description,
                preparation,
                shape,
                folder,
                labels=None if source.labels_read is None else source.labels_read.files[field],
            )
            for index, (source, field) in enumerate(pairs)
        ]
        self.left: list[int] = []

    def run(self, runner: Runner, progress: Progress | None, say: Say | None) -> list[Problem]:
        """Do the work on all fields that are not finished; returns what is wrong with fields."""
        done = partial_dataset.begin(self.folder, self._fingerprint(), self._grid())
        if done and say:
            say(f"{self.folder}: resuming, {done} of {len(self.tasks)} fields are done")
        tasks = self._with_light(runner) if self.preparation.illumination else self.tasks
        if self.network is not None:
            # Beside the arrays, where every worker finds it and whoever opens the dataset.
            method = self.network.copy_to(self.folder / NETWORK_FOLDER)
            tasks = [replace(task, network=method) for task in tasks]
        problems: dict[int, tuple[Problem, ...]] = {}
        for count, outcome in enumerate(runner(prepare_field, tasks), start=1):
            problems[outcome.index] = outcome.problems
            if progress:
                progress(count, len(tasks))
        self.left = [index for index, found in sorted(problems.items()) if not found]
        return [problem for _, found in sorted(problems.items()) for problem in found]

    def _grid(self) -> partial_dataset.Grid:
        size = self.preparation.patch_size
        rows, columns = grid_shape(*self.tasks[0].shape, size)
        dtype = "uint8" if self.parameters["bit_depth"] <= 8 else "uint16"
        channels = len(self.tasks[0].panel.names)
        return partial_dataset.Grid(len(self.tasks), rows * columns, size, dtype, channels)

    def _fingerprint(self) -> str:
        fields = [(task.field.plate, task.field.well, task.field.field) for task in self.tasks]
        how = {"format": FORMAT, "software": __version__, **self.parameters}
        return fingerprint(how, self.preparation.own, source_fingerprint(self.sources), fields)

    def _with_light(self, runner: Runner) -> list[Task]:
        """Give each task the light of its plate, estimated from all of the plate's fields."""
        lights = partial_dataset.load_note(self.folder, LIGHT)
        if lights is None:
            means = dict(runner(measure_light, self.tasks))
            lights = {}
            for plate in dict.fromkeys(task.field.plate for task in self.tasks):
                tasks = [task for task in self.tasks if task.field.plate == plate]
                # In the order of the fields: sums must not depend on who finishes first.
                found = [means[task.index] for task in tasks]
                lights[plate] = _light([part for part in found if part is not None], tasks[0])
            partial_dataset.save_note(self.folder, LIGHT, lights)
        return [replace(task, light=lights[task.field.plate]) for task in self.tasks]

    def write(self, problems: Sequence[Problem]) -> None:
        """Write the tables of what is left and, last, ``dataset.json``.

        Raises
        ------
        PlateError
            If no field is left.
        """
        if not self.left:
            raise PlateError(
                f"{folders(self.sources)}: all {len(self.tasks)} fields have problems; omit "
                "--skip-bad to see them"
            )
        records = [partial_dataset.need_record(self.folder, index) for index in self.left]
        if len(self.left) < len(self.tasks):
            keep_fields(self.folder, self.left, self.tasks[0].patches)
        if problems:
            self._csv("skipped", skipped_table(problems))
        fields = [self.tasks[index].field for index in self.left]
        panel = self.tasks[0].panel
        pixel_um = self.sources[0].plate.description.pixel_size_um
        estimated = {s.plate.name: list(s.found) for s in self.sources if s.found is not None}
        made = describe(self.sources, fields, records, self.preparation)
        info = {
            "source": folders(self.sources),
            "plate": ", ".join(sorted({field.plate for field in fields})),
            "parameters": self.parameters,
            **({ESTIMATED: estimated} if estimated else {}),
            **({ASKED: self.asked} if self.asked != self.preparation.patch_size else {}),
            "preparation": self.preparation.measuring | self.preparation.judging,
            "software": f"ck19ml {__version__}",
            "channels": [panel.label(name) for name in panel.names],
            "pixel_size_um": pixel_um,
            "skipped": len({_place(problem) for problem in problems}),
            "confounding": confounding(made.labels),
            "copies": copies(made.fields, made.labels),
            "source_fingerprint": source_fingerprint(self.sources),
            "source_content": content_fingerprint(self.sources),
            "content_hash": made.content_hash(
                self.parameters | {"illumination": self.preparation.illumination}
            ),
        }
        if panel.pair:
            mask = self.parameters["mask"]
            self._csv("instrument", instrument_table(made.fields, made.labels, mask))
        write_measurements(
            self.folder,
            measurement_names(panel),
            partial_dataset.load_measurements(self.folder, self.left),
        )
        keys = [{"plate": each.plate, "well": each.well, "field": each.field} for each in fields]
        places = dict(zip(self.left, keys, strict=True))
        write_portions(self.folder / CELLS, partial_dataset.load_cells(self.folder, places))
        write_tables(self.folder, made.table, made.fields, info)
        partial_dataset.finish(self.folder)

    def _csv(self, name: str, table: pd.DataFrame) -> None:
        (self.folder / f"{name}.csv").write_text(to_csv(table), encoding="utf-8")


def _light(means: Sequence[np.ndarray[Any, Any]], task: Task) -> Light | None:
    if not means:
        return None
    return tuple(
        tuple(illumination.estimate(own, task.shape, task.block).tolist())
        for own in np.moveaxis(np.stack(means), 1, 0)
    )


def _place(problem: Problem) -> tuple[str, str, int, str]:
    """Return the fields, and the files whose name does not name a field."""
    name = "" if problem.field else problem.file.name
    return problem.plate, problem.well, problem.field, name
