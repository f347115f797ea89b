"""The tracking store: made whole, lost in one line, and never taken for empty."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from ck19ml.errors import TrackingError
from ck19ml.tracking import registry, runs, server
from tests.conftest import forget_tracking_client
from tests.faults.postgres import ENCODED, PASSWORD, Server, binaries, serve

pytestmark = pytest.mark.slow

OPEN = "from ck19ml.tracking.server import client; client()"


def start(folder: Path, **environment: str) -> "subprocess.Popen[str]":
    """Let another process make the store of a folder."""
    return subprocess.Popen(
        [sys.executable, "-c", OPEN], cwd=folder, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"} | environment,
    )  # fmt: skip


def test_a_process_killed_while_it_makes_the_store_leaves_none(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    first = start(tmp_path, TMPDIR=str(elsewhere))
    ends = time.monotonic() + 120
    while not any(path.stat().st_size > 50_000 for path in elsewhere.glob("*/made.db")):
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < ends
        time.sleep(0.005)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not (tmp_path / "mlflow.db").exists()
    second = start(tmp_path)
    assert second.communicate(timeout=120)[1] == ""
    assert second.returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "mlflow.db"}


def test_a_store_that_mlflow_did_not_finish_is_named_with_what_to_do(workplace: Path) -> None:
    with closing(sqlite3.connect(workplace / "mlflow.db")) as store:
        store.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        store.execute("CREATE TABLE experiments (experiment_id INTEGER)")
    said = start(workplace).communicate(timeout=120)[1].splitlines()[-1]
    assert "is incomplete and has no runs: MLflow did not finish creating it" in said
    assert "remove mlflow.db" in said


def test_a_store_of_an_older_mlflow_says_how_to_bring_it_up_to_date(workplace: Path) -> None:
    assert start(workplace).communicate(timeout=120)[1] == ""
    with closing(sqlite3.connect(workplace / "mlflow.db")) as store:
        store.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
        store.commit()
    said = start(workplace).communicate(timeout=120)[1].splitlines()[-1]
    assert "out-of-date database schema" in said
    assert "mlflow db upgrade" in said


def test_three_first_commands_at_once_share_the_store(tmp_path: Path) -> None:
    started = [start(tmp_path) for _ in range(3)]
    for process in started:
        assert process.communicate(timeout=120)[1] == ""
        assert process.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_a_file_system_without_links(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with runs.start("a", "kind", {}) as run:
        pass
    assert run.state == "FINISHED"
    assert {path.name for path in workplace.iterdir()} == {"mlflow.db", "mlruns"}


def damage(store: Path, table: str) -> None:
    with closing(sqlite3.connect(store / "mlflow.db")) as connection:
        connection.execute(f"DROP TABLE {table}")
        connection.commit()


def log_after(spoil: Callable[[], object]) -> None:
    """Log a metric in a run whose store was spoilt meanwhile."""
    with runs.start("a", "kind", {}) as run:
        spoil()
        run.metrics({"loss": 1.0})


def test_a_store_that_breaks_during_a_run_is_said_in_one_line(
    workplace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TrackingError, match="no such table: latest_metrics") as caught:
        log_after(lambda: damage(workplace, "latest_metrics"))
    assert "run the same command again" in str(caught.value)
    assert "INSERT" not in str(caught.value)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_champion_that_cannot_be_asked_for_is_not_taken_for_none(workplace: Path) -> None:
    name = "ck19-classifier"
    assert registry.champion(name) is None
    MlflowClient().create_registered_model(name)
    assert registry.champion(name) is None
    damage(workplace, "registered_model_aliases")
    with pytest.raises(TrackingError, match="no such table"), server.lost_in_one_line():
        registry.champion(name)


def test_a_run_that_cannot_be_asked_for_is_not_taken_for_gone(workplace: Path) -> None:
    with runs.start("a", "kind", {}) as run:
        pass
    assert runs.open_run(run.id) == run
    damage(workplace, "runs")
    with pytest.raises(TrackingError, match="no such table"), server.lost_in_one_line():
        runs.open_run(run.id)


needs_postgres = pytest.mark.skipif(
    binaries() is None, reason="PostgreSQL is not installed: apt-get install postgresql"
)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, workplace: Path) -> Iterator[Server]:
    """A server of PostgreSQL whose database is the tracking store, by its short name."""
    with serve() as postgres:
        url = postgres.database("mlflow").replace("+psycopg2", "")
        forget_tracking_client()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        yield postgres
    mlflow.set_tracking_uri(None)


@needs_postgres
def test_postgresql_by_its_short_name(database: Server, capfd: pytest.CaptureFixture[str]) -> None:
    with runs.start("a", "kind", {"seed": 7}) as run:
        run.metrics({"loss": 1.0})
    assert run.state == "FINISHED"
    with pytest.raises(TrackingError) as caught:
        log_after(database.stop)
    said = str(caught.value) + "".join(capfd.readouterr())
    assert "\n" not in str(caught.value)
    assert "the tracking store at postgresql+psycopg2://127.0.0.1" in said
    assert "Traceback" not in said
    assert PASSWORD not in said
    assert ENCODED not in said
