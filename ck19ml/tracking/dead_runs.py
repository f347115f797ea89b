"""Runs of dead processes: each run names its processes, and the next start checks them.

A process on this machine is asked by its number and the time of its start. A process elsewhere
writes the time into its runs once a minute; silence for five minutes is taken for its end.
"""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from mlflow.entities import RunTag

from ck19ml.tracking.server import client, experiment_id

PROCESS = "mlflow.ck19ml.process."
"""Beginning of the tags that name processes; the UI lists no tag that begins with ``mlflow.``."""

FORMER = "ck19ml.process."
"""The same in runs of 0.2.0 and before."""

REPAIRED = "ck19ml.repaired"
BEAT_S = 60.0
SILENCE_S = 300.0
TRIAL = "trial"


@dataclass(frozen=True)
class Repaired:
    """A run that a dead process left running, now ended."""

    id: str
    name: str


class _Heart:
    """Thread that writes the time into the runs of this process."""

    def __init__(self) -> None:
        self.key = f"{PROCESS}{uuid.uuid4().hex[:8]}"
        self.process = os.getpid()
        self.runs: set[str] = set()
        self.wake = threading.Event()
        self.thread: threading.Thread | None = None

    def tags(self) -> dict[str, str]:
        value = {
            "host": _host(),
            "pid": os.getpid(),
            "started": psutil.Process().create_time(),
            "seen": time.time(),
        }
        return {self.key: json.dumps(value)}

    def keep(self, run: str) -> None:
        self.runs.add(run)
        if self.thread is None:
            self.thread = threading.Thread(target=self._beat, daemon=True)
            self.thread.start()

    def _beat(self) -> None:
        while not self.wake.wait(BEAT_S):
            for run in tuple(self.runs):
                try:
                    client().log_batch(run, tags=[RunTag(*item) for item in self.tags().items()])
                except Exception:  # noqa: S112 (a lost heartbeat; the next one counts)
                    continue


@cache
def _heart_of(process: int) -> _Heart:
    return _Heart()


def process_tags() -> dict[str, str]:
    """Return the tags that name the process working on a run."""
    return _heart_of(os.getpid()).tags()


def keep_alive(run: str) -> None:
    """Write once a minute that this process works on the run."""
    _heart_of(os.getpid()).keep(run)


def let_go(run: str) -> None:
    """Stop writing."""
    _heart_of(os.getpid()).runs.discard(run)


def repair() -> list[Repaired]:
    """End the runs of this experiment that a dead process left running, as KILLED.

    Returns
    -------
    list of Repaired
        Oldest first.
    """
    found = client().search_runs(
        [experiment_id()],
        "attributes.status = 'RUNNING'",
        order_by=["attributes.start_time ASC"],
        max_results=1000,
    )
    dead = [run for run in found if is_dead(run.data.tags)]
    for run in dead:
        end_dead(run, "KILLED")
    return [Repaired(run.info.run_id, run.info.run_name) for run in dead]


def is_dead(tags: Mapping[str, str]) -> bool:
    """Return whether all processes that worked on a run are gone, by its tags.

    Of a run without such tags (of another program) nothing is known: it is left alone.
    """
    processes = [
        json.loads(value) for key, value in tags.items() if key.startswith((PROCESS, FORMER))
    ]
    return bool(processes) and not any(_lives(process) for process in processes)


def end_dead(run: Any, state: str, *, seconds: float | None = None) -> None:
    """End the run of a dead process at the time of its last sign of life.

    Parameters
    ----------
    run : mlflow.entities.Run
    state : str
    seconds : float, optional
        Time of its end, if known (seconds since 1970).
    """
    tag = RunTag(REPAIRED, f"its process died; the next start ended it as {state}")
    client().log_batch(run.info.run_id, tags=[tag])
    ended = _last_sign(run) if seconds is None else int(seconds * 1000)
    client().set_terminated(run.info.run_id, state, max(ended, run.info.start_time))


def _last_sign(run: Any) -> int:
    """Return the time of a run's last record, in milliseconds since 1970."""
    seen = [
        int(json.loads(value)["seen"] * 1000)
        for key, value in run.data.tags.items()
        if key.startswith((PROCESS, FORMER))
    ]
    logged = [metric.timestamp for metric in run.data._metric_objs]
    return int(max([run.info.start_time, *seen, *logged]))


def _lives(process: Mapping[str, Any]) -> bool:
    if process["host"] != _host():
        return time.time() - float(process["seen"]) < SILENCE_S
    try:
        found = psutil.Process(int(process["pid"]))
        same = abs(found.create_time() - float(process["started"])) < 1.0
        return bool(same and found.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@cache
def _host() -> str:
    """Return the name of this machine or container, within which process numbers are unique."""
    space = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()} {space.readlink() if space.exists() else ''}".strip()
