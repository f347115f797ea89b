import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from matplotlib.figure import Figure
from mlflow import MlflowClient

from ck19ml import __version__
from ck19ml.errors import TrackingError
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plots.style import VECTOR
from ck19ml.tracking import runs, trial_runs
from ck19ml.tracking.runs import Run

pytestmark = pytest.mark.usefixtures("store")

CONFIG = {"seed": 1, "fit": {"epochs": 3, "batch_size": 32}}


@pytest.fixture
def mark(request: pytest.FixtureRequest) -> str:
    """A fingerprint of the test's own."""
    return str(request.node.name)


def stored(run: Run) -> Any:
    """The run as another client of the same store sees it."""
    return MlflowClient().get_run(run.id)


def test_a_run_that_ends_well_is_finished_and_describes_itself() -> None:
    with runs.start("a name", "autoencoder", CONFIG) as run:
        assert run.state == "RUNNING"
        assert mlflow.active_run().info.run_id == run.id
    found = stored(run)
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "a name"
    assert found.data.params == {"seed": "1", "fit.epochs": "3", "fit.batch_size": "32"}
    assert run.tag("ck19ml.kind") == "autoencoder"
    assert run.tag("ck19ml.version") == __version__
    assert run.tag("nothing") is None
    assert json.loads(run.text("config.json") or "") == CONFIG
    environment = json.loads(run.text("environment.json") or "")
    assert environment["python"] == sys.version.split()[0]
    assert {"keras", "mlflow", "tensorflow"} <= set(environment)


def test_the_commit_of_the_working_directory_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    made = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    with runs.start("a", "kind", {}) as run:
        pass
    assert run.tag("mlflow.source.git.commit") == made.stdout.strip()


@pytest.mark.parametrize(
    ("error", "state"),
    [(RuntimeError("it broke\nin two lines"), "FAILED"), (KeyboardInterrupt(), "KILLED")],
)
def test_a_run_that_is_ended_by_an_exception_has_its_true_state(
    error: BaseException, state: str
) -> None:
    with pytest.raises(type(error)), runs.start("a", "kind", {}, fingerprint="f") as run:
        raise error
    assert stored(run).info.status == state
    assert run.tag("ck19ml.fingerprint") is None
    if state == "FAILED":
        assert run.tag("mlflow.note.content") == "**RuntimeError**: it broke in two lines"


def test_nested_runs_end_in_their_own_states() -> None:
    with runs.start("outer", "tune", {}) as outer:
        with pytest.raises(ValueError, match="inner"), runs.start("inner", "prepare", {}) as inner:
            raise ValueError("inner")
        assert mlflow.active_run().info.run_id == outer.id
    assert (outer.state, inner.state) == ("FINISHED", "FAILED")
    assert inner.tag("mlflow.parentRunId") == outer.id


def test_metrics_have_steps_and_the_last_is_what_was_logged() -> None:
    with runs.start("a", "kind", {}) as run:
        run.metrics({"test/accuracy": 0.5})
        run.history(
            pd.DataFrame({"epoch": [1, 2, 3], "train/loss": [3.0, 2.0, 1.0], "lr": [1e-3] * 3})
        )
    history = MlflowClient().get_metric_history(run.id, "train/loss")
    assert [(point.step, point.value) for point in history] == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert run.logged["test/accuracy"] == 0.5
    assert run.logged["train/loss"] == 1.0


def test_more_metrics_than_mlflow_takes_at_once() -> None:
    points = [(step, {"a": step / 7, "b": -step}) for step in range(700)]
    with runs.start("a", "kind", {}) as run:
        run.curve(points)
    history = MlflowClient().get_metric_history(run.id, "a")
    assert sorted((point.step, point.value) for point in history) == [
        (step, step / 7) for step in range(700)
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_metrics_that_are_not_finite_are_refused(value: float) -> None:
    with (
        pytest.raises(TrackingError, match=r"train/loss is .*, not finite"),
        runs.start("a", "kind", {}) as run,
    ):
        run.metrics({"train/accuracy": 0.1, "train/loss": value})
    assert run.state == "FAILED"
    assert "train/accuracy" not in run.logged, "all of a call or nothing"


def test_parameters_that_are_there_stay_as_they_are() -> None:
    with runs.start("a", "kind", {"seed": 1}) as run:
        run.params({"seed": 2, "units": 64, "deep": {"er": [1, 2]}})
    assert stored(run).data.params == {"seed": "1", "units": "64", "deep.er": "[1, 2]"}


def test_many_and_long_parameters_are_logged_whole() -> None:
    config = {f"key{index}": index for index in range(150)} | {"long": "x" * 3000}
    with runs.start("a", "kind", config) as run:
        pass
    params = stored(run).data.params
    assert len(params) == 151
    assert params["long"] == "x" * 3000


def test_artifacts_come_back(tmp_path: Path) -> None:
    table = pd.DataFrame({"well": ["A01", "A02"], "overlap": [0.1, 0.25]})
    figure = Figure()
    figure.add_subplot().plot([1, 2])
    with runs.start("a", "kind", {}) as run:
        run.table("wells", table)
        run.json("gate", {"loss": "bce", "wells": {"a": 1.5}})
        run.figure("curves", figure)
        (tmp_path / "note.txt").write_text("a note")
        run.file(tmp_path / "note.txt", "weights")
    pd.testing.assert_frame_equal(pd.read_csv(run.download("wells.csv")), table)
    assert json.loads(run.text("gate.json") or "") == {"loss": "bce", "wells": {"a": 1.5}}
    assert run.download("figures/curves.png").read_bytes()[:4] == b"\x89PNG"
    assert not MlflowClient().list_artifacts(run.id, "vector")
    assert run.text("weights/note.txt") == "a note"
    assert run.text("nothing.json") is None


def test_a_figure_is_saved_for_print_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VECTOR, "1")
    figure = Figure()
    figure.add_subplot().plot([1, 2])
    with runs.start("a", "kind", {}) as run:
        run.figure("curves", figure)
    assert run.download("figures/curves.png").read_bytes()[:4] == b"\x89PNG"
    assert run.download("vector/curves.svg").read_bytes()[:5] == b"<?xml"


def test_the_dataset_of_a_run_is_named_with_its_hash(tiny_dataset: Dataset) -> None:
    with runs.start("a", "kind", {}) as run:
        run.dataset(tiny_dataset)
    found = stored(run).inputs.dataset_inputs
    assert [(each.dataset.name, each.dataset.digest) for each in found] == [
        ("tiny", tiny_dataset.content_hash)
    ]


def finished(kind: str, mark: str | None) -> Run:
    with runs.start("a", kind, {}, fingerprint=mark) as run:
        pass
    return run


def test_a_finished_run_is_found_by_its_fingerprint(mark: str) -> None:
    run = finished("autoencoder", mark)
    assert runs.find_finished(mark, "autoencoder") == run
    assert runs.find_finished(mark + "2", "autoencoder") is None
    assert runs.find_finished(mark, "regressor") is None
    time.sleep(0.005)  # start times are in whole milliseconds
    newest = finished("autoencoder", mark)
    assert runs.find_finished(mark, "autoencoder") == newest


def test_runs_that_are_not_finished_or_were_deleted_are_not_found(mark: str) -> None:
    with pytest.raises(RuntimeError), runs.start("a", "kind", {}, fingerprint=mark):
        raise RuntimeError
    with pytest.raises(KeyboardInterrupt), runs.start("a", "kind", {}, fingerprint=mark):
        raise KeyboardInterrupt
    with runs.start("a", "kind", {}, fingerprint=mark):
        assert runs.find_finished(mark, "kind") is None
    found = runs.find_finished(mark, "kind")
    assert found is not None
    MlflowClient().delete_run(found.id)
    assert runs.find_finished(mark, "kind") is None


def test_a_run_is_opened_by_its_id_while_it_exists() -> None:
    run = finished("kind", None)
    assert runs.open_run(run.id) == run
    assert runs.open_run("0" * 32) is None
    MlflowClient().delete_run(run.id)
    assert runs.open_run(run.id) is None


def test_trials_are_children_that_do_not_become_active() -> None:
    with runs.start("parent", "tune", {}) as parent:
        trials = []
        for number in range(3):
            child = trial_runs.start_trial(parent, number, {})
            assert mlflow.active_run().info.run_id == parent.id, "a child does not become active"
            assert child.state == "RUNNING"
            child.end(["FINISHED", "KILLED", "FAILED"][number])
            trials.append(child)
    assert [child.state for child in trials] == ["FINISHED", "KILLED", "FAILED"]
    assert {child.tag("mlflow.parentRunId") for child in trials} == {parent.id}
    assert stored(trials[1]).info.run_name == "trial-001"


def test_a_run_goes_on_where_it_was_resumed() -> None:
    with pytest.raises(KeyboardInterrupt), runs.start("a", "tune", {"trials": 2}) as first:
        raise KeyboardInterrupt
    with runs.start("a", "tune", {"trials": 5}, resume=first) as again:
        assert again == first
        assert again.state == "RUNNING"
    assert first.state == "FINISHED"
    assert stored(first).data.params == {"trials": "2"}, "MLflow's parameters cannot change"


def test_a_finished_run_is_reopened() -> None:
    run = finished("kind", None)
    run.reopen()
    assert run.state == "RUNNING"
    run.end("KILLED")
    assert run.state == "KILLED"


def test_inside_mlflow_run_its_run_is_used_and_later_ones_are_children(
    monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    client = MlflowClient()
    before = len(client.search_runs(["0"]))
    experiment = client.create_experiment("of the project")
    made = client.create_run(experiment, run_name="mlflow made it")
    client.log_param(made.info.run_id, "trials", "from the entry point")
    monkeypatch.setenv("MLFLOW_RUN_ID", made.info.run_id)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", experiment)
    assert runs.made_by_mlflow_run()
    with runs.start("tune", "tune", {"trials": 3, "seed": 1}) as run:
        assert run.id == made.info.run_id
        assert not runs.made_by_mlflow_run()
        with runs.start("prepare", "prepare", {}, fingerprint=mark) as step:
            assert step.id != run.id
        assert runs.find_finished(mark, "prepare") == step
    assert stored(run).info.status == "FINISHED"
    assert stored(run).data.params == {"trials": "from the entry point", "seed": "1"}
    assert step.tag("mlflow.parentRunId") == run.id
    assert stored(step).info.experiment_id == experiment
    assert len(client.search_runs([experiment])) == 2
    assert len(client.search_runs(["0"])) == before


def test_an_experiment_is_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "overlap")
    first = finished("kind", mark)
    assert runs.find_finished(mark, "kind") == first
    found = MlflowClient().get_experiment_by_name("overlap")
    assert stored(first).info.experiment_id == found.experiment_id
    assert found.tags["mlflow.experimentKind"] == "custom_model_development"
