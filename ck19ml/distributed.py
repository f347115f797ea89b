"""Work on a Dask cluster: the only module that knows Dask."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from dask import config as dask_config
from distributed import Client, as_completed, get_worker
from distributed.scheduler import KilledWorker

from ck19ml.errors import ConfigError
from ck19ml.plates.preparation.runner import Runner, Stopped

T = TypeVar("T")
R = TypeVar("R")

PATIENCE = "10s"
"""Seconds that a scheduler may take to answer."""

SUBMITTED = 1000
"""Largest number of tasks in flight: the scheduler holds them all."""


def cluster(address: str) -> Runner:
    """Return a runner that sends each task to a worker of a Dask cluster.

    The workers need this package, and the plate and the dataset under the same paths as here. A
    task of a worker that is lost is done by another; a task that outlives several workers is
    given up, since it may be what kills them.

    Parameters
    ----------
    address : str
        The scheduler's, such as ``tcp://10.0.0.1:8786``.

    Raises
    ------
    ConfigError
        When it is called, if no scheduler answers there.
    """

    def run(work: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        with _connect(address) as client:
            try:
                for start in range(0, len(tasks), SUBMITTED):
                    part = tasks[start : start + SUBMITTED]
                    # pure=False: a task writes files, so an earlier one's result does not stand in
                    futures = client.map(work, part, pure=False)
                    for _, result in as_completed(futures, loop=client.loop, with_results=True):
                        yield result
            except KilledWorker as error:
                raise Stopped(
                    f"several workers of {address} ended on the same field (too little memory?); "
                    "run the same command again to resume"
                ) from error

    return run


def everywhere(
    address: str,
    work: Callable[[T, Callable[[], bool]], R],
    task: T,
    *,
    needed: Callable[[], bool],
    tell: Callable[[str], None],
) -> None:
    """Run the same work on every worker of a Dask cluster until it is no longer needed.

    The task is sent once to each worker, also to those that come later; a worker with several
    threads does it in one of them.

    Parameters
    ----------
    work : callable
        Takes the task and a function that tells whether to go on: it says no once this call
        has ended, or its process has died.
    needed : callable
        Asked twice a second.
    tell : callable
        Takes a line about workers that were lost, or that are waited for.

    Raises
    ------
    ConfigError
        If no scheduler answers there.
    """
    with _connect(address) as client:
        loops: dict[str, Any] = {}
        waited = False
        while needed():
            present = client.scheduler_info(n_workers=-1)["workers"]
            for worker in set(loops) - set(present):
                tell(f"the worker {worker} is gone; the others continue")
                loops.pop(worker).cancel()
            for worker in set(present) - set(loops):
                sent = client.scatter(task, workers=[worker], hash=False, direct=True)
                loops[worker] = client.submit(
                    _until_released, work, sent, workers=[worker], allow_other_workers=False,
                    pure=False, retries=0,
                )  # fmt: skip
            if not present and not waited:
                tell(f"waiting for workers of {address}")
            waited = not present
            for future in loops.values():
                if future.status == "error":
                    future.result()  # raises what the work raised
            time.sleep(0.5)


def _until_released(work: Callable[[T, Callable[[], bool]], R], task: T) -> R:
    """Do the work in a worker, until nobody waits for its result any more."""
    worker, key = get_worker(), get_worker().get_current_task()

    def go_on() -> bool:
        state = worker.state.tasks.get(key)
        return state is not None and state.state == "executing"

    return work(task, go_on)


def _connect(address: str) -> Any:
    try:
        with dask_config.set({"distributed.comm.timeouts.connect": PATIENCE}):
            return Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ConfigError(
            f"no Dask scheduler answers at {address} ({reason}); start one with 'dask scheduler', "
            "or omit --scheduler"
        ) from error
