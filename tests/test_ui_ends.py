"""`ck19ml ui` ended from outside leaves no process and no port."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.conftest import tracking_store
from tests.ports import free_port

PATIENCE_S = 240

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that is made once: MLflow takes seconds for it."""
    with tracking_store(tmp_path_factory.mktemp("ui")) as made:
        from ck19ml.tracking.server import client

        client()
        return made


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return True
    except (OSError, urllib.error.URLError):
        return False


def until_true(condition: object, what: str) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < ends, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_all_its_processes_and_frees_the_port(
    folder: Path, number: signal.Signals
) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "ck19ml", "ui", "--port", str(port)],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}"},
    )  # fmt: skip
    started: list[psutil.Process] = []
    try:
        until_true(lambda: answers(port) or process.poll() is not None, "an answer")
        assert process.poll() is None
        started = psutil.Process(process.pid).children(recursive=True)
        assert started  # the server is a process of its own
        process.send_signal(number)
        assert process.wait(60) == 128 + number
        assert psutil.wait_procs(started, timeout=10)[1] == []
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    finally:
        for left in started:
            if left.is_running():
                left.kill()
        process.kill()
        process.wait(60)
