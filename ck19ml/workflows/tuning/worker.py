"""A worker of a study: a local or remote process that runs trials until the budget is reached.

``python -m ck19ml.workflows.tuning.worker`` reads its task as one line of JSON from standard input,
which stays open as long as the command that started it lives, and writes its outcome as one line of
JSON.
"""

import json
import math
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ck19ml.config import TuneConfig
from ck19ml.config.tune import WHEN
from ck19ml.errors import Ck19Error


@dataclass(frozen=True)
class Task:
    """Instructions of a worker. Their printed form shows no secrets.

    Attributes
    ----------
    config : dict
        Config of the tuning, JSON-like.
    storage, tracking : str
        Locations of the study and of the runs.
    study, parent, encoder_run : str
        The study's name, and ids of runs.
    folder : str
        Folder of the features, unless they are sent along.
    failed_before : int
    until : float or None
        See `tuning.Study.run`.
    features : dict of ndarray, optional
        Sent along to workers of a cluster.
    """

    config: dict[str, Any] = field(repr=False)
    storage: str = field(repr=False)
    tracking: str = field(repr=False)
    study: str
    parent: str
    encoder_run: str
    folder: str
    failed_before: int
    until: float | None
    features: dict[str, NDArray[np.float32]] | None = field(default=None, repr=False)


def work(task: Task, go_on: Callable[[], bool] = lambda: True) -> int:
    """Run trials of a study until its budget is reached; returns the number added here."""
    from ck19ml.tracking import registry, server
    from ck19ml.tracking.runs import Run

    server.use(task.tracking)
    from ck19ml import tuning
    from ck19ml.plates.dataset.store import open_dataset
    from ck19ml.workflows.steps.split import split_dataset
    from ck19ml.workflows.tuning.features import Material, load_material
    from ck19ml.workflows.tuning.trials import Trials

    config = TuneConfig.model_validate(task.config)
    split = split_dataset(open_dataset(config.dataset), config.split, config.classes)
    encoder_run = Run(task.encoder_run)
    if task.features is None:
        material = load_material(config, split, encoder_run, Path(task.folder))
    else:
        encoder = registry.load_model(registry.model_uri(encoder_run)).encoder
        material = Material(config, split, encoder, task.features)
    with (
        server.lost_in_one_line(),
        tuning.open_study(
            task.storage,
            task.study,
            seed=config.seed,
            first=config.first,
            pruner=config.pruner,
            heartbeat=config.heartbeat,
        ) as study,
    ):
        trials = Trials(config, material, Run(task.parent))
        return study.run(
            config.trials,
            trials.objective,
            dict(config.space),
            trials,
            failures=config.failures,
            failed_before=task.failed_before,
            until=math.inf if task.until is None else task.until,
            go_on=go_on,
            when=WHEN,
        )


def main(work: Callable[[Task], int] = work) -> int:
    """Run the task given on standard input; see the module."""
    # A shell script that starts `tune` in the background makes it and its workers ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    task = Task(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        told: dict[str, Any] = {"added": work(task)}
    except Ck19Error as error:
        told = {"error": " ".join(str(error).split())}
    except KeyboardInterrupt:
        told = {"interrupted": True}
    print(json.dumps(told), flush=True)
    return 0


def _end_with_parent() -> None:
    """Interrupt this process when its parent ends or closes its input."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)


def as_json(task: Task) -> str:
    """Write a task, without features, as one line of JSON."""
    return json.dumps(asdict(replace(task, features=None)))


if __name__ == "__main__":
    sys.exit(main())
