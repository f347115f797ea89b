import socket
import threading
import time
from collections.abc import Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import mlflow
import pytest

from ck19ml.errors import TrackingError
from ck19ml.tracking import runs, server
from tests.badinput.spoiling import without_override
from tests.conftest import forget_tracking_client
from tests.ports import free_port

pytestmark = pytest.mark.usefixtures("store")


@pytest.mark.slow
def test_without_a_word_the_store_is_sqlite_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    forget_tracking_client()
    with runs.start("a", "kind", {}) as run:
        pass
    assert (tmp_path / "mlflow.db").is_file()
    assert (tmp_path / "mlruns" / "0" / run.id / "artifacts" / "config.json").is_file()
    forget_tracking_client()


def refused(monkeypatch: pytest.MonkeyPatch, uri: str) -> str:
    forget_tracking_client()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    started = time.monotonic()
    with pytest.raises(TrackingError) as caught, runs.start("a", "kind", {}):
        pass
    assert time.monotonic() - started < 10
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_server_that_is_not_there_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    text = refused(monkeypatch, f"http://user:secret@127.0.0.1:{port}")
    assert f"no MLflow server answers at http://127.0.0.1:{port}" in text
    assert "secret" not in text


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_said_within_ten_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as silent:  # takes the connection and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        assert "no MLflow server answers" in refused(monkeypatch, f"http://127.0.0.1:{port}")


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port at which nothing answers, for a worker that looks there often."""
    monkeypatch.setattr(server, "LOOK_S", 0.05)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow.get_tracking_uri())  # put back at the end
    yield free_port()
    mlflow.set_tracking_uri(None)
    forget_tracking_client()


def test_a_worker_waits_for_a_server_that_restarts(port: int) -> None:
    back = threading.Event()

    def restart() -> None:
        time.sleep(0.5)
        with HTTPServer(("127.0.0.1", port), SimpleHTTPRequestHandler) as http:
            back.set()
            http.handle_request()

    thread = threading.Thread(target=restart)
    thread.start()
    server.use(f"http://127.0.0.1:{port}")
    assert back.is_set()
    thread.join(5)
    assert not thread.is_alive()


def test_a_worker_does_not_wait_for_ever(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "RESTART_S", 0.1)
    server.use(f"http://127.0.0.1:{port}")
    with pytest.raises(TrackingError, match="no MLflow server answers"):
        server.client()


def test_an_address_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no MLflow server answers at http://" in refused(monkeypatch, "http://")


def test_a_store_that_cannot_be_written_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with without_override():
        refused(monkeypatch, f"sqlite:///{tmp_path}/closed/mlflow.db")


def test_a_store_in_a_place_that_cannot_be_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    text = refused(monkeypatch, f"sqlite:///{tmp_path}/file/mlflow.db")
    assert "tracking store" in text


@pytest.mark.parametrize(
    ("name", "value"), [("MLFLOW_EXPERIMENT_ID", "99"), ("MLFLOW_RUN_ID", "of another store")]
)
def test_an_experiment_or_a_run_that_is_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(TrackingError, match=f"{value}.*; check .*{name}"):
        start_one()


def start_one() -> None:
    with runs.start("a", "kind", {}):
        pass


def test_passwords_are_not_shown() -> None:
    assert server.without_password("https://a:b@host:5000/x") == "https://host:5000/x"
    assert server.without_password("sqlite:///mlflow.db") == "sqlite:///mlflow.db"
