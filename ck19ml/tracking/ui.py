"""How the MLflow UI lists an experiment's runs: the key figures first, the best run on top."""

import json
import os
import socket
import subprocess
import sys

import mlflow

from ck19ml.errors import ConfigError
from ck19ml.tracking.server import (
    client,
    experiment_id,
    lost_in_one_line,
    mark_experiment,
    without_password,
)

SHARE_TAG = "mlflow.sharedViewState."
"""MLflow's UI keeps a saved view as a tag of the experiment, under this and the view's key."""

KEY = "ck19ml-key-figures"
NAME = "Key figures"
COLUMNS = (
    "attributes.`Models`",
    "metrics.`test/well_accuracy`",
    "metrics.`test/well_accuracy_low`",
    "metrics.`test/well_accuracy_high`",
    "metrics.`test/baseline_logistic_well_accuracy`",
    "metrics.`test/baseline_overlap_well_accuracy`",
    "metrics.`test/accuracy`",
    "metrics.`test/overlap_r2`",
    "metrics.`test/overlap_mse`",
    "metrics.`test/bce`",
)
"""What the list shows after name, age and duration: each score beside what it must beat."""

SORTED_BY = "metrics.`test/well_accuracy`"


def save_view(experiment: str) -> None:
    """Save the view of the key figures in an experiment, unless it is there."""
    tag, content = SHARE_TAG + KEY, _content()
    if client().get_experiment(experiment).tags.get(tag) != content:
        client().set_experiment_tag(experiment, tag, content)


def address(base: str, experiment: str) -> str:
    """Return the address at which a server shows the experiment's runs in that view.

    It also asks for the lists of model training: else MLflow 3 opens the view for language models
    until somebody switches it over, whatever the experiment's tags say.
    """
    query = f"workflowType=machine_learning&viewStateShareKey={KEY}"
    return f"{base}/#/experiments/{experiment}/runs?{query}"


def _content() -> str:
    """Return what the UI keeps of a view.

    MLflow 3.16 wants a name and, beside it, the list's state as text; MLflow 3.11 wants the fields
    of the state themselves, and all of them. Neither minds the other's, so that one value serves
    both.
    """
    state = {
        "searchFilter": "",
        "orderByKey": SORTED_BY,
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": list(COLUMNS),
        "columnOrder": [],
        "columnWidths": {},
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsVisibilityMap": {},
        "runsHiddenMode": "FIRST_10_RUNS",
        "viewMaximized": True,
        "runListHidden": False,
        "isAccordionReordered": False,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "autoRefreshEnabled": True,
        "globalLineChartConfig": {
            "xAxisKey": "step",
            "lineSmoothness": 0,
            "selectedXAxisMetricKey": "",
        },
    }
    saved = {"name": NAME, "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)}
    return json.dumps(saved | state)


@lost_in_one_line()
def serve_ui(port: int) -> None:
    """Serve the MLflow UI on this machine until it is interrupted.

    Raises
    ------
    ConfigError
        If the port is taken.
    TrackingError
        If the store does not answer.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(
                f"expected port {port} to be free, found it in use; choose another by --port"
            ) from error

    uri, experiment = mlflow.get_tracking_uri(), experiment_id()
    mark_experiment(experiment)
    save_view(experiment)
    print(f"MLflow UI on http://127.0.0.1:{port} (store: {without_password(uri)})", flush=True)
    print(f"runs: {address(f'http://127.0.0.1:{port}', experiment)}", flush=True)
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1"]
    subprocess.run(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        # Not as an argument: the system's list of processes shows these, with any password.
        env={**os.environ, "MLFLOW_BACKEND_STORE_URI": uri},
        check=True,
    )
