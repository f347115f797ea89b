"""The bookkeeping of studies whose processes are killed; the long version is `make faults`."""

import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.kills import Case, torture
from tests.faults.mlflow_server import MlflowServer, running_server
from tests.faults.postgres import Server, binaries, serve

pytestmark = pytest.mark.slow

needs_postgres = pytest.mark.skipif(
    binaries() is None, reason="PostgreSQL is not installed: apt-get install postgresql"
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with serve() as server:
        yield server


@pytest.fixture(scope="module")
def tracking(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A real `mlflow server` on PostgreSQL, artifacts through the server."""
    folder = tmp_path_factory.mktemp("tracking")
    with running_server(folder, postgres.database("mlflow")) as server:
        yield server


def wait_for(case: Case, trials: int, tuner: "subprocess.Popen[str]") -> None:
    while case.begun() < trials:
        assert tuner.poll() is None, tuner.communicate()
        time.sleep(0.1)


def test_a_study_on_a_journal_outlives_kills(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    case = Case(folder, str(folder / "optuna.journal"), f"sqlite:///{folder}/mlflow.db", 14, 2)
    figures = torture(case, 3, random.Random(3))  # noqa: S311
    assert figures["kills"] >= 1
    assert figures["kept"] <= figures["done"] == 14


@needs_postgres
def test_two_tuners_in_one_database_outlive_kills(
    postgres: Server, tracking: MlflowServer, tmp_path: Path
) -> None:
    folder = tmp_path / "database"
    case = Case(folder, postgres.database("kills"), tracking.uri, 14, 2, tuners=2)
    figures = torture(case, 2, random.Random(5))  # noqa: S311
    assert figures["done"] == 14


@needs_postgres
def test_the_tracking_server_may_restart_in_the_middle(
    postgres: Server, tracking: MlflowServer, tmp_path: Path
) -> None:
    folder = tmp_path / "restart"
    folder.mkdir()
    case = Case(folder, postgres.database("restart"), tracking.uri, 12, 2)
    tuner = case.start()
    wait_for(case, 4, tuner)
    tracking.stop()
    time.sleep(2)
    tracking.start()
    _, err = tuner.communicate(timeout=300)
    assert tuner.returncode == 0, err[-3000:]
    assert case.check()["done"] == 12


@needs_postgres
def test_a_lost_database_stops_the_study_with_one_line_and_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "lost"
    folder.mkdir()
    with serve() as server:
        url = server.database("lost")
        case = Case(folder, url, f"sqlite:///{folder}/mlflow.db", 12, 1)
        tuner = case.start()
        wait_for(case, 4, tuner)
        case.remember()
        server.stop()
        _, err = tuner.communicate(timeout=120)
        last = err.strip().splitlines()[-1]
        assert tuner.returncode != 0
        assert "the study's database at postgresql+psycopg2://127.0.0.1" in last
        assert "not+to/be@seen" not in err
        assert "not%2Bto" not in err
        server.start()
        case.finish()
        assert case.check()["done"] == 12
