"""The experiment that runs go to: its name, its description, and one that was deleted."""

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Experiment

from ck19ml.errors import TrackingError
from ck19ml.tracking import runs, server

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's folder without runs, whose environment names no experiment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID")


def used() -> Experiment:
    """The experiment of a new run."""
    with runs.start("a", "kind", {}) as run:
        pass
    client = MlflowClient()
    return client.get_experiment(client.get_run(run.id).info.experiment_id)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("name: plates of May\n", "plates of May"),
        ('name: "5"\n', "5"),
        ("name: 5\n", "ck19ml"),
        ("- a list\n", "ck19ml"),
        ("name: [\n", "ck19ml"),
        (None, "ck19ml"),
    ],
)
def test_runs_go_to_the_experiment_of_the_project(content: str | None, name: str) -> None:
    if content is not None:
        Path("MLproject").write_text(content)
    found = used()
    assert found.name == name
    assert found.tags["mlflow.note.content"] == server.DESCRIPTION
    assert used().experiment_id == found.experiment_id


def test_the_environment_s_choice_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("MLproject").write_text("name: mine\n")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")
    assert used().name == "Default"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another")
    assert used().name == "another"


def test_a_description_of_one_s_own_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    made = MlflowClient().create_experiment("described", tags={"mlflow.note.content": "mine"})
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", made)
    assert used().tags["mlflow.note.content"] == "mine"


def test_a_deleted_experiment_is_answered_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    client = MlflowClient()
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "gone")
    identifier = used().experiment_id
    client.delete_experiment(identifier)
    said = rf"'gone' was deleted; restore it with .*restore --experiment-id {identifier}'"
    with pytest.raises(TrackingError, match=said):
        used()
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", identifier)
    with pytest.raises(TrackingError, match=said):
        used()
    client.restore_experiment(identifier)
    assert used().name == "gone"


def test_an_experiment_that_another_process_made_meanwhile_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, asked = server.client(), []
    made = client.create_experiment("at once")
    find = client.get_experiment_by_name

    def late(name: str) -> Experiment | None:
        asked.append(name)
        return None if len(asked) == 1 else find(name)

    monkeypatch.setattr(client, "get_experiment_by_name", late)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "at once")
    assert server.experiment_id() == made
