"""Runs: started, filled, found again, and ended in their true state."""

import json
import math
import os
import re
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import mlflow
import pandas as pd
from matplotlib.figure import Figure
from mlflow.entities import LoggedModelInput, Metric, Param, RunTag

from ck19ml import __version__
from ck19ml.errors import TrackingError, without_secrets
from ck19ml.files.csv_text import to_csv
from ck19ml.plots.style import formats, to_bytes
from ck19ml.tracking import dead_runs
from ck19ml.tracking.provenance import commit, environment, flatten
from ck19ml.tracking.server import (
    answers,
    client,
    experiment_id,
    lost_in_one_line,
    mark_experiment,
    says_absent,
)

FINGERPRINT = "ck19ml.fingerprint"
KIND = "ck19ml.kind"
METRICS_A_BATCH = 1000
"""MLflow's limit for one call."""
HEAD = "\n| score | value |\n| --- | --- |\n"
"""Head of a table in a description."""


class Scored(Protocol):
    """Wells that a run is about: a `Dataset`, or the scored wells of a plate folder."""

    @property
    def name(self) -> str:
        """Name that MLflow lists."""
        ...

    @property
    def path(self) -> Path:
        """The folder."""
        ...

    @property
    def table(self) -> pd.DataFrame:
        """The rows that MLflow describes."""
        ...

    @property
    def content_hash(self) -> str:
        """Hash of the pixels."""
        ...


@dataclass(frozen=True)
class Run:
    """A handle on a run; every method writes at once."""

    id: str

    def params(self, values: Mapping[str, Any], *, first: bool = False) -> None:
        """Log parameters; those that MLflow has logged (the entry point's) stay as they are.

        The ``first`` ones of a run need not be compared with what it has.
        """
        known = {} if first else client().get_run(self.id).data.params
        new = {key: str(value) for key, value in flatten(values).items() if key not in known}
        client().log_batch(self.id, params=[Param(k, without_secrets(v)) for k, v in new.items()])

    def metrics(
        self,
        values: Mapping[str, float],
        step: int = 0,
        *,
        model: str | None = None,
        dataset: Scored | None = None,
    ) -> None:
        """Log metrics, also as those of a logged model on a dataset.

        Parameters
        ----------
        model : str, optional
            MLflow's id of the model.
        dataset : Scored, optional
            Its wells were scored by the model.

        Raises
        ------
        TrackingError
            If a value is not finite: MLflow would take it and hide it.
        """
        of = {} if model is None else {"model_id": model}
        if model is not None and dataset is not None:
            of |= {"dataset_name": dataset.name, "dataset_digest": dataset.content_hash}
        self.curve([(step, values)], of=of)

    def curve(
        self,
        points: Sequence[tuple[int, Mapping[str, float]]],
        tags: Mapping[str, str] | None = None,
        of: Mapping[str, str] | None = None,
    ) -> None:
        """Log metrics of many steps at once, tags with them, and what the metrics are of."""
        now = int(time.time() * 1000)
        metrics = [
            Metric(key, _finite(key, value), now, step, **(of or {}))
            for step, values in points
            for key, value in values.items()
        ]
        words = [RunTag(key, value) for key, value in (tags or {}).items()]
        for start_at in range(0, max(len(metrics), bool(words)), METRICS_A_BATCH):
            part = metrics[start_at : start_at + METRICS_A_BATCH]
            client().log_batch(self.id, part, tags=words)

    def history(self, table: pd.DataFrame) -> None:
        """Log a fit's history: a column ``epoch`` and one column a metric."""
        rows = table.set_index("epoch").to_dict(orient="index")
        self.curve(
            [(int(epoch), {str(k): v for k, v in row.items()}) for epoch, row in rows.items()]
        )

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        self.curve([], values)

    def describe(self, markdown: str) -> None:
        """Set the description that the UI shows on the run's page."""
        self.tags({"mlflow.note.content": tabled(markdown)})

    def figure(self, name: str, figure: Figure) -> None:
        """Save a figure: ``figures/NAME.png``, and ``vector/NAME.svg`` where it is asked for."""
        with tempfile.TemporaryDirectory() as folder:
            for kind in formats():
                path = Path(folder) / f"{name}.{kind}"
                path.write_bytes(to_bytes(figure, kind))
                self.file(path, "figures" if kind == "png" else "vector")

    def table(self, name: str, table: pd.DataFrame) -> None:
        """Save a table as ``NAME.csv``."""
        client().log_text(self.id, to_csv(table), f"{name}.csv")

    def json(self, name: str, content: Any) -> None:
        """Save a JSON-like value as ``NAME.json``."""
        client().log_text(self.id, without_secrets(json.dumps(content, indent=2)), f"{name}.json")

    def note(self, name: str, text: str) -> None:
        """Save a text as an artifact of this name."""
        client().log_text(self.id, text, name)

    def dataset(self, made: Scored, context: str = "training", model: str | None = None) -> None:
        """Log the dataset that the active run was made from, or on which it tested a model."""
        with warnings.catch_warnings():
            # Hints on schema inference, which say nothing about a stored dataset.
            warnings.filterwarnings("ignore", category=UserWarning, module="mlflow")
            found = mlflow.data.from_pandas(
                made.table, source=str(made.path), name=made.name, digest=made.content_hash
            )
            tested = None if model is None else LoggedModelInput(model)
            mlflow.log_input(found, context=context, model=tested)

    def file(self, path: Path, folder: str | None = None) -> None:
        """Save a file."""
        client().log_artifact(self.id, str(path), folder)

    def rename(self, name: str) -> None:
        """Set the name that the UI lists."""
        client().update_run(self.id, name=name)

    def end(self, state: str) -> None:
        """Set the final state: FINISHED, KILLED or FAILED."""
        dead_runs.let_go(self.id)
        client().set_terminated(self.id, state)

    def reopen(self) -> None:
        """Set the state back to RUNNING."""
        self.tags(dead_runs.process_tags())
        client().update_run(self.id, status="RUNNING")
        dead_runs.keep_alive(self.id)

    def leave_running(self) -> None:
        """Set the state back to RUNNING because other processes still work on it."""
        dead_runs.let_go(self.id)
        client().update_run(self.id, status="RUNNING")

    @property
    def state(self) -> str:
        """The state as the store has it."""
        return str(client().get_run(self.id).info.status)

    @property
    def logged(self) -> dict[str, float]:
        """The last value of each metric."""
        return dict(client().get_run(self.id).data.metrics)

    def tag(self, key: str) -> str | None:
        """Value of a tag."""
        value = client().get_run(self.id).data.tags.get(key)
        return None if value is None else str(value)

    def text(self, artifact: str) -> str | None:
        """Read a text artifact; None where there is none."""
        try:
            return str(mlflow.artifacts.load_text(f"runs:/{self.id}/{artifact}"))
        except (mlflow.MlflowException, OSError):
            return None

    def download(self, artifact: str) -> Path:
        """Fetch an artifact to a local path."""
        return Path(mlflow.artifacts.download_artifacts(run_id=self.id, artifact_path=artifact))


@contextmanager
def start(
    name: str,
    kind: str,
    config: Mapping[str, Any],
    *,
    fingerprint: str | None = None,
    resume: Run | None = None,
) -> Iterator[Run]:
    """Start a run, and end it in its true state.

    Inside ``mlflow run`` the first run started is the one that MLflow made. An interrupt ends
    the run as KILLED, any other exception as FAILED, with the message as its description.

    Parameters
    ----------
    name : str
    kind : str
        The command that makes such runs.
    config : mapping
        The resolved config: logged as parameters and as the artifact ``config.json``.
    fingerprint : str, optional
        Lets `find_finished` find the run again.
    resume : Run, optional
        A run to go on with, instead of a new one.

    Raises
    ------
    TrackingError
        If the store does not answer, or is lost or full meanwhile.
    """
    with lost_in_one_line():
        client()
        nested = mlflow.active_run() is not None
        alive = dead_runs.process_tags()
        if resume is not None:
            active = mlflow.start_run(run_id=resume.id, tags=alive, log_system_metrics=True)
        elif made_by_mlflow_run():
            active = mlflow.start_run(tags=alive, log_system_metrics=True)
        else:
            active = mlflow.start_run(
                run_name=name, experiment_id=experiment_id(), nested=nested, tags=alive,
                log_system_metrics=True,
            )  # fmt: skip
        run = Run(active.info.run_id)
        dead_runs.keep_alive(run.id)
        state = "FAILED"
        try:
            mark_experiment(active.info.experiment_id)
            run.rename(name)
            run.tags({KIND: kind, "ck19ml.version": __version__} | commit())
            run.params(config)
            run.json("config", config)
            run.json("environment", environment())
            yield run
            if fingerprint:  # set last: a run that has it is whole
                run.tags({FINGERPRINT: fingerprint})
            state = "FINISHED"
        except KeyboardInterrupt:
            state = "KILLED"
            raise
        except Exception as error:
            if answers():
                said = without_secrets(" ".join(str(error).split()))
                run.describe(f"**{type(error).__name__}**: {said}")
            raise
        finally:
            dead_runs.let_go(run.id)
            # A server that is gone would be asked for minutes; the next start ends the run.
            if state == "FINISHED" or answers():
                mlflow.end_run(state)


def made_by_mlflow_run() -> bool:
    """Return whether ``mlflow run`` created a run that waits to be started."""
    return "MLFLOW_RUN_ID" in os.environ and mlflow.active_run() is None


def find_finished(fingerprint: str, kind: str) -> Run | None:
    """Find the newest finished run of this kind with this fingerprint."""
    query = (
        f"tags.`{FINGERPRINT}` = '{fingerprint}' and tags.`{KIND}` = '{kind}' "
        "and attributes.status = 'FINISHED'"
    )
    found = client().search_runs(
        [experiment_id()], query, max_results=1, order_by=["attributes.start_time DESC"]
    )
    return Run(found[0].info.run_id) if found else None


def open_run(identifier: str) -> Run | None:
    """Open a run by its id; None where it does not exist or was deleted."""
    try:
        run = client().get_run(identifier)
    except mlflow.MlflowException as error:
        if not says_absent(error):
            raise
        return None
    return Run(identifier) if run.info.lifecycle_stage == "active" else None


def tabled(markdown: str) -> str:
    r"""Turn lists of ``- name: value`` into tables, which are easier to read on MLflow's pages.

    Examples
    --------
    >>> print(tabled("Scores:\n- accuracy: 0.9"))
    Scores:
    <BLANKLINE>
    | score | value |
    | --- | --- |
    | accuracy | 0.9 |
    <BLANKLINE>
    """
    return re.sub(
        r"(?m)(?:^- .+?: .+\n?)+",
        lambda found: HEAD + re.sub(r"- (.+?): (.+)", r"| \1 | \2 |", found[0]) + "\n",
        markdown,
    )


def _finite(key: str, value: float) -> float:
    if not math.isfinite(value):
        raise TrackingError(f"{key} is {value}, not finite; this is a defect of ck19ml")
    return float(value)
