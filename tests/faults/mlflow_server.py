"""A real `mlflow server` on PostgreSQL, artifacts through the server."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.ports import free_port

PATIENCE_S = 180


class MlflowServer:
    """A server that can be stopped and started again on the same port."""

    def __init__(self, folder: Path, backend: str) -> None:
        self.folder, self.backend, self.port = folder, backend, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        log = (self.folder / "server.log").open("ab")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
        with log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1",
                 "--port", str(self.port), "--backend-store-uri", self.backend,
                 "--serve-artifacts", "--artifacts-destination", str(self.folder / "artifacts"),
                 "--workers", "1"],
                cwd=self.folder, stdout=log, stderr=log, start_new_session=True,
                env=environment | {
                    "MLFLOW_DISABLE_TELEMETRY": "true",
                    # Seven more processes, for what this project does not use.
                    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                },
            )  # fmt: skip
        started = time.monotonic()
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() - started > PATIENCE_S:
                text = (self.folder / "server.log").read_text()[-2000:]
                raise RuntimeError(f"the MLflow server did not start: {text}")
            time.sleep(0.2)
        return self.process

    def stop(self) -> None:
        """Kill the server and all its workers."""
        family = [psutil.Process(self.process.pid)]
        family += family[0].children(recursive=True)
        for each in family:
            try:
                each.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        self.process.wait(timeout=30)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2):  # noqa: S310
                return True
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def running_server(folder: Path, backend: str) -> Iterator[MlflowServer]:
    """Start a server; it is gone afterwards."""
    folder = folder / "mlflow-server"
    folder.mkdir(parents=True, exist_ok=True)
    found = MlflowServer(folder, backend)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.stop()


@contextmanager
def serve_mlflow(folder: Path, backend: str) -> Iterator[str]:
    """Start a server; yields its address."""
    with running_server(folder, backend) as found:
        yield found.uri
