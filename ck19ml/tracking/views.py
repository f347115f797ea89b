"""How the MLflow UI lists an experiment's runs: the key figures first, the best run on top."""

import json

from ck19ml.tracking.server import client

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
