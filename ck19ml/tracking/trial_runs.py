"""The runs of a study's trials, kept in line with the study."""

import sys
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mlflow.entities import RunTag

from ck19ml.tracking import dead_runs
from ck19ml.tracking.runs import KIND, Run
from ck19ml.tracking.server import client, experiment_id

NUMBER = "ck19ml.trial"
STATE = "ck19ml.state"
STATES = {"complete": "FINISHED", "pruned": "KILLED", "fail": "FAILED"}
"""MLflow's name of each state of a trial; an interrupted one is KILLED."""


def start_trial(parent: Run, number: int, parameters: Mapping[str, Any]) -> Run:
    """Start the run of a trial, without making it this process' active run."""
    tags = {
        "mlflow.parentRunId": parent.id,
        "mlflow.source.name": Path(sys.argv[0]).name,
        KIND: dead_runs.TRIAL,
        NUMBER: str(number),
    }
    tags |= dead_runs.process_tags()
    name = f"trial-{number:03d}"
    made = client().create_run(_experiment_of(parent.id), tags=tags, run_name=name)
    run = Run(made.info.run_id)
    dead_runs.keep_alive(run.id)
    run.params(parameters, first=True)
    return run


@cache
def _experiment_of(run: str) -> str:
    return str(client().get_run(run).info.experiment_id)


def end_trial(run: Run, state: str, error: str | None) -> None:
    """End the run of a trial in the trial's state."""
    run.tags(_words(state, error))
    run.end(STATES.get(state, "KILLED"))


def reconcile(
    parent: Run, endings: Mapping[int, tuple[str, str | None, float | None]]
) -> list[int]:
    """Set the runs of ended trials to the state in the study.

    A process may die between the two; and a server that is restarted may create a run for a
    request whose answer got lost, so that the request is sent again: of such twins the one
    without figures is deleted.

    Parameters
    ----------
    endings : mapping
        State, error and time of the end (seconds since 1970) of each ended trial.

    Returns
    -------
    list of int
        Numbers of the trials whose runs were corrected.
    """
    found = defaultdict(list)
    query = f"tags.`mlflow.parentRunId` = '{parent.id}' and tags.`{KIND}` = '{dead_runs.TRIAL}'"
    for run in client().search_runs([experiment_id()], query, max_results=5000):
        found[int(run.data.tags.get(NUMBER, -1))].append(run)
    wrong = []
    for number in sorted(set(found) & set(endings)):
        run, *twins = sorted(found[number], key=_weight, reverse=True)
        for twin in twins:
            client().delete_run(twin.info.run_id)
        state, error, seconds = endings[number]
        if run.info.status != STATES.get(state, "KILLED"):
            _end(run, state, error, seconds)
            wrong.append(number)
    return wrong


def _weight(run: Any) -> tuple[bool, int, int]:
    return run.info.status != "RUNNING", len(run.data.metrics), len(run.data.params)


def _end(run: Any, state: str, error: str | None, seconds: float | None) -> None:
    dead_runs.let_go(run.info.run_id)
    tags = [RunTag(key, value) for key, value in _words(state, error).items()]
    client().log_batch(run.info.run_id, tags=tags)
    # The time at which an interrupted trial was found is not that of its process' death.
    known = seconds if state in STATES else None
    dead_runs.end_dead(run, STATES.get(state, "KILLED"), seconds=known)


def _words(state: str, error: str | None) -> dict[str, str]:
    note = {"mlflow.note.content": f"**{state}**: {error}"} if error else {}
    return {STATE: state, **note}
