"""Records of a run, read back to be shown."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import mlflow

from ck19ml.errors import TrackingError
from ck19ml.tracking.runs import KIND, Run
from ck19ml.tracking.server import client, says_absent, without_password

MOST_RUNS = 1000


@dataclass(frozen=True)
class Input:
    """A dataset that a run was made from."""

    name: str
    content_hash: str
    source: str


@dataclass(frozen=True)
class Record:
    """A run as the store has it.

    Attributes
    ----------
    run : Run
    name, kind, state : str
        The kind is the command that made it, or "".
    experiment : str
        The experiment's name.
    started : datetime
        In UTC.
    seconds : float or None
        How long it took; None while it runs.
    params, tags : dict of str
    metrics : dict of float
        The last value of each.
    inputs : list of Input
    artifacts : list of str
        Paths of all files, ascending, without those of models.
    """

    run: Run
    name: str
    kind: str
    state: str
    experiment: str
    started: datetime
    seconds: float | None
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float]
    inputs: list[Input]
    artifacts: list[str]


def read_record(identifier: str) -> Record:
    """Read a run.

    Raises
    ------
    TrackingError
        If the store has no run with this id.
    """
    known = client()
    try:
        found = known.get_run(identifier)
    except mlflow.MlflowException as error:
        if not says_absent(error):
            raise
        raise TrackingError(
            f"no run in {without_password(mlflow.get_tracking_uri())} has the id {identifier!r}; "
            "commands print the id at their end, and 'ck19ml ui' shows it on a run's page"
        ) from error
    info, data = found.info, found.data
    ended = info.end_time
    return Record(
        run=Run(info.run_id),
        name=str(info.run_name),
        kind=str(data.tags.get(KIND, "")),
        state=str(info.status),
        experiment=str(known.get_experiment(info.experiment_id).name),
        started=datetime.fromtimestamp(info.start_time / 1000, UTC),
        seconds=None if ended is None else (ended - info.start_time) / 1000,
        params=dict(data.params),
        tags=dict(data.tags),
        metrics=dict(data.metrics),
        inputs=[_input(item.dataset) for item in found.inputs.dataset_inputs],
        artifacts=sorted(_files(info.run_id, "")),
    )


def model_uris(record: Record) -> set[str]:
    """Return the URIs by which other commands may have named the model that a run used or made."""
    uris = {f"runs:/{record.run.id}/model"}
    uris |= {value for key, value in record.params.items() if key == "model"}
    uris |= {value for key, value in record.tags.items() if key == "ck19ml.model"}
    for version in client().search_model_versions(f"run_id = '{record.run.id}'"):
        uris |= {f"models:/{version.name}/{version.version}"}
        uris |= {f"models:/{version.name}@{alias}" for alias in _aliases(version)}
    return uris


def newest_finished(kind: str, models: Iterable[str]) -> Run | None:
    """Find the newest finished run of a kind that was given one of these models."""
    query = f"tags.`{KIND}` = '{kind}' and attributes.status = 'FINISHED'"
    experiments = [found.experiment_id for found in client().search_experiments()]
    wanted = set(models)
    for found in client().search_runs(
        experiments, query, max_results=MOST_RUNS, order_by=["attributes.start_time DESC"]
    ):
        if found.data.params.get("model") in wanted:
            return Run(found.info.run_id)
    return None


def _aliases(version: object) -> list[str]:
    found = client().get_registered_model(version.name)  # type: ignore[attr-defined]
    number = str(version.version)  # type: ignore[attr-defined]
    return [alias for alias, of in found.aliases.items() if str(of) == number]


def _input(dataset: object) -> Input:
    name, digest, source = (str(getattr(dataset, key, "")) for key in ("name", "digest", "source"))
    with suppress(ValueError, KeyError, TypeError):  # another kind of source: shown as it is
        source = str(json.loads(source)["uri"])
    return Input(name, digest, source)


def _files(run: str, folder: str) -> list[str]:
    found: list[str] = []
    for item in client().list_artifacts(run, folder or None):
        found += _files(run, item.path) if item.is_dir else [str(item.path)]
    return found
