"""Run trials on several workers: local processes, or the workers of a Dask cluster."""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ck19ml.errors import Ck19Error
from ck19ml.tuning import Study
from ck19ml.workflows.progress import say
from ck19ml.workflows.tuning.worker import Task, as_json, work

WORKER = "ck19ml.workflows.tuning.worker"

LOOK_S = 0.5
"""Seconds between two checks of the study."""

GOODBYE_S = 60
"""Seconds that a worker has to give up its trial."""

Watch = Callable[[], None]


def run_here(
    task: Task, study: Study, count: int, failures: int, watch: Watch, module: str = WORKER
) -> None:
    """Run trials in local processes until the study's budget is reached.

    Each process has its share of the cores. A process that dies, for example for lack of memory,
    is replaced; the study gives its trial to another.

    Parameters
    ----------
    count : int
        Number of processes.
    failures : int
        Number of processes that may die.
    watch : callable
        Called at each check of the study.
    module : str
        Module that a worker runs.

    Raises
    ------
    Ck19Error
        If the study cannot continue, with the worker's message; or if too many workers died.
    """
    crew = [_start(task, count, module) for _ in range(count)]
    died = 0
    try:
        while crew:
            watch()
            time.sleep(LOOK_S)
            for process in [each for each in crew if each.poll() is not None]:
                crew.remove(process)
                if _dies(process):
                    died += 1
                    if died > failures:
                        raise Ck19Error(
                            f"{died} workers died, more than the {failures} allowed; check the "
                            "memory or use fewer --workers, then run again to resume"
                        )
                    say(f"a worker ended with {_cause(process.returncode)}; starting another")
                    crew.append(_start(task, count, module))
    finally:
        _dismiss(crew)
    watch()


def _start(task: Task, count: int, module: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_environment(count),
        # Ctrl-C goes to the command, which stops its workers by closing their input.
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101 (opened as a pipe)
    with suppress(BrokenPipeError):  # it died at once, which the next check finds
        process.stdin.write(as_json(task) + "\n")
        process.stdin.flush()
    return process


def _environment(count: int) -> dict[str, str]:
    """Return a worker's environment: its share of the cores, and no run to continue."""
    # On Linux, the cores that this process may use: a container may have fewer than the machine.
    mine = getattr(os, "sched_getaffinity", None)
    cores = len(mine(0)) if mine else os.cpu_count() or 1
    threads = str(max(1, cores // count))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
             "TF_NUM_INTEROP_THREADS")  # fmt: skip
    known = {key: value for key, value in os.environ.items() if key != "MLFLOW_RUN_ID"}
    return known | {name: known.get(name, threads) for name in names}


def _dies(process: "subprocess.Popen[str]") -> bool:
    """Return whether a worker ended without an outcome; raises the error that it reported."""
    assert process.stdin is not None  # noqa: S101 (opened as a pipe)
    assert process.stdout is not None  # noqa: S101
    lines = process.stdout.read().splitlines()
    process.stdout.close()
    _close(process)
    if process.returncode != 0 or not lines:
        return True
    told = json.loads(lines[-1])
    if "error" in told:
        raise Ck19Error(told["error"])
    return False


def _cause(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"an unexpected error (exit code {code})"


def _dismiss(crew: list["subprocess.Popen[str]"]) -> None:
    for process in crew:
        _close(process)
    for process in crew:
        try:
            process.wait(GOODBYE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _close(process: "subprocess.Popen[str]") -> None:
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()


def run_on_cluster(task: Task, study: Study, address: str, budget: int, watch: Watch) -> None:
    """Run trials on the workers of a Dask cluster until the study's budget is reached.

    Each worker gets the features once. Workers may come and go: the study gives the trial of a
    lost worker to another.

    Parameters
    ----------
    task : Task
        Task with features.
    address : str
        Address of the scheduler.
    """
    from ck19ml.distributed import everywhere

    ends = math.inf if task.until is None else task.until

    def needed() -> bool:
        watch()
        # A trial still running when the time is up is waited for.
        return study.done < budget and (time.time() < ends or study.running > 0)

    everywhere(address, work, task, needed=needed, tell=say)


def with_features(task: Task, features: Mapping[str, NDArray[np.float32]]) -> Task:
    """Return the task with the features of each role, (patches, features), to send along."""
    return replace(task, features={role: np.array(each) for role, each in features.items()})
