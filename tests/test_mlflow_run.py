"""The main job as users start it: `mlflow run`, in this environment, on a tiny plate."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import yaml

from tests.places import ROOT

CONFIG = {
    "plate": "data/plate",
    "simulate": {"layout": "ck19", "wells": 30, "size": 448, "seed": 1},
    "dataset": "data/plate.zarr",
    "autoencoder": {"fit": {"epochs": 1, "batch_size": 32, "least_steps": 1}},
    "epochs": 3,
    "fine_tune_epochs": 1,
    "space": {"fine_tune": [False]},
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of what `mlflow run` needs, with a store of its own."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("MLproject", "python_env.yaml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(
        ROOT / "ck19ml", folder / "ck19ml", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


def run(project: Path, trials: int) -> float:
    """Run the main job with this budget; returns the CPU seconds it took."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    command = [sys.executable, "-m", "mlflow", "run", ".", "-e", "tune", "--env-manager", "local"]
    started = cpu_seconds()
    done = subprocess.run(
        [*command, "-P", f"trials={trials}", "-P", "config=tiny.yaml"],
        cwd=project,
        env=environment | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return cpu_seconds() - started


def cpu_seconds() -> float:
    """Return what ended child processes took: other tests beside this one slow the clock alone."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def command(project: Path, *arguments: str) -> dict[str, object]:
    """Run a command of ours in the project; returns what it prints as JSON."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, "-m", "ck19ml", *arguments, "--json"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def all_runs(project: Path) -> list[mlflow.entities.Run]:
    client = mlflow.MlflowClient(f"sqlite:///{project}/mlflow.db")
    return list(client.search_runs(["0"]))


def of_kind(runs: list[mlflow.entities.Run], kind: str) -> list[mlflow.entities.Run]:
    return [found for found in runs if found.data.tags.get("ck19ml.kind") == kind]


def ended(trials: list[mlflow.entities.Run]) -> int:
    states = [trial.data.tags["ck19ml.state"] for trial in trials]
    return sum(state in ("complete", "pruned") for state in states)


def test_a_budget_is_the_studys_total(project):
    whole = run(project, 5)
    first = all_runs(project)
    trials = of_kind(first, "trial")
    parents = {trial.data.tags["mlflow.parentRunId"] for trial in trials}
    [parent] = of_kind(first, "tune")
    assert ended(trials) == len(trials) == 5
    assert parents == {parent.info.run_id}
    assert parent.info.status == "FINISHED"
    assert {trial.info.status for trial in trials} <= {"FINISHED", "KILLED"}

    seconds = run(project, 5)
    second = all_runs(project)
    [again] = [r for r in of_kind(second, "tune") if r.info.run_id != parent.info.run_id]
    assert seconds < whole / 2, "it did again what was done"
    assert len(second) == len(first) + 1
    assert again.data.tags["ck19ml.study_run"] == parent.info.run_id
    assert again.data.metrics["test/well_accuracy"] == parent.data.metrics["test/well_accuracy"]

    run(project, 8)
    third = of_kind(all_runs(project), "trial")
    assert ended(third) == len(third) == 8
    assert {trial.data.tags["mlflow.parentRunId"] for trial in third} == {parent.info.run_id}
    for kind in ("prepare", "autoencoder"):
        assert len(of_kind(all_runs(project), kind)) == 1


def test_the_parent_shows_the_result(project):
    [parent] = [
        r for r in of_kind(all_runs(project), "tune")
        if r.data.tags["ck19ml.study_run"] == r.info.run_id
    ]  # fmt: skip
    client = mlflow.MlflowClient(f"sqlite:///{project}/mlflow.db")
    figures = {
        Path(item.path).name for item in client.list_artifacts(parent.info.run_id, "figures")
    }
    expected = {"confusion.png", "overlap_histograms.png", "scores.png", "study_history.png"}
    champion = client.get_model_version_by_alias("ck19-classifier", "champion")
    if "softmax" in champion.tags["recipe"]:  # other heads have no epochs
        expected |= {"learning_curves.png", "pca.png"}
    assert expected <= figures
    assert champion.run_id in {r.info.run_id for r in of_kind(all_runs(project), "tune")}
    assert parent.data.metrics["trials/done"] == 8
    assert "Look first at the figures " in parent.data.tags["mlflow.note.content"]


CHAMPION = "models:/ck19-classifier@champion"


def test_evaluate_repeats_what_the_tuning_logged(project):
    client = mlflow.MlflowClient(f"sqlite:///{project}/mlflow.db")
    version = client.get_model_version_by_alias("ck19-classifier", "champion")
    logged = client.get_run(version.run_id).data.metrics
    found = command(project, "evaluate", CHAMPION, "data/plate.zarr", "--figures", "pictures")
    scores = {key: value for key, value in found.items() if key.startswith("test/")}
    assert scores["test/well_accuracy"] == pytest.approx(logged["test/well_accuracy"], abs=1e-6)
    kept = {key: value for key, value in logged.items() if key.startswith("test/")}
    assert len(kept) > 5
    assert {key: scores[key] for key in kept} == {
        key: pytest.approx(value, abs=1e-6) for key, value in kept.items()
    }
    expected = {"confusion.png"} | ({"pca.png"} if "encoder" in version.tags["recipe"] else set())
    assert {path.name for path in (project / "pictures").iterdir()} >= expected


def test_predict_writes_a_row_a_well(project):
    command(project, "predict", CHAMPION, "data/plate", "--out", "scores.csv", "--patches", "p.csv")
    wells, patches = pd.read_csv(project / "scores.csv"), pd.read_csv(project / "p.csv")
    layout = pd.read_csv(project / "data/plate/layout.csv")
    assert sorted(wells["well"]) == sorted(layout["well"])
    assert len(patches) == 4 * len(wells)
    names = [name for name in wells if name.startswith("probability_")]
    usable = wells[wells["faulty_share"] < 1]
    assert len(names) == 3
    assert usable[names].sum(axis=1).to_numpy() == pytest.approx(1.0)
    best = usable[names].idxmax(axis=1).str.removeprefix("probability_")
    assert (best == usable["stimulation"]).all()
