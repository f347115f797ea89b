"""The MLflow UI on the project's own store, ended with all its processes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlencode

import mlflow

from ck19ml.errors import ConfigError
from ck19ml.tracking.server import (
    experiment_id,
    lost_in_one_line,
    mark_experiment,
    without_password,
)

HOST = "127.0.0.1"
SORTED_BY = "metrics.`test/well_accuracy`"
ENDED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE_S = 5.0
"""Seconds that the server has to end by itself."""


def address(base: str, experiment: str) -> str:
    """Return the address of the experiment's runs on a server, the best run on top.

    It asks for the lists of model training: else MLflow 3 opens the view for language models,
    whatever the experiment's tags say.
    """
    query = {
        "workflowType": "machine_learning",
        "orderByKey": SORTED_BY,
        "orderByAsc": "false",
    }
    return f"{base}/#/experiments/{experiment}/runs?{urlencode(query)}"


@lost_in_one_line()
def serve_ui(port: int) -> int:
    """Serve the MLflow UI on this machine until a signal ends it.

    Returns
    -------
    int
        The exit code: 128 and the number of the signal, as shells count, or the server's own.

    Raises
    ------
    ConfigError
        If the port is in use.
    TrackingError
        If the store does not answer.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigError(f"port {port} is in use; choose another with --port") from error

    uri, experiment, base = mlflow.get_tracking_uri(), experiment_id(), f"http://{HOST}:{port}"
    mark_experiment(experiment)
    print(f"MLflow UI on {base} (store: {without_password(uri)})", flush=True)
    print(f"runs: {address(base, experiment)}", flush=True)
    return _serve(
        ["--workers", "1", "--host", HOST, "--port", str(port)],
        # Not as an argument: the system's list of processes shows these, with any password.
        {"MLFLOW_BACKEND_STORE_URI": uri, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
    )


def _serve(arguments: list[str], settings: dict[str, str]) -> int:
    received: list[int] = []
    for number in ENDED_BY:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
            signal.signal(number, lambda number, _: received.append(number))
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "ui", *arguments],
        env={**os.environ, **settings},
        # A group that can be ended as a whole: MLflow passes SIGHUP on to none of its processes.
        start_new_session=True,
    )
    while not received and server.poll() is None:
        time.sleep(0.1)
    _end_group(server)
    return 128 + received[0] if received else server.returncode


def _end_group(leader: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            leader.wait(GRACE_S)
