"""Run the work on fields here, in this process or in several."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Protocol, TypeVar

from ck19ml.errors import PlateError

T = TypeVar("T")
R = TypeVar("R")


class Stopped(PlateError):
    """The work was stopped from outside; the same command goes on with it."""


class Runner(Protocol):
    """Does the same work on many tasks."""

    def __call__(self, work: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        """Yield the result of each task, in any order."""
        ...


def local(workers: int) -> Runner:
    """Return a runner on this machine.

    Parameters
    ----------
    workers : int
        Processes; 1 stands for this process itself.
    """

    def run(work: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        return map(work, tasks) if workers == 1 else _in_processes(work, tasks, workers)

    return run


def _in_processes(work: Callable[[T], R], tasks: Sequence[T], workers: int) -> Iterator[R]:
    # A fork would copy what the libraries of the parent hold: threads, locks, connections.
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_with_parent) as pool:
        try:
            for future in as_completed([pool.submit(work, task) for task in tasks]):
                yield future.result()
        except BrokenProcessPool as error:
            raise Stopped(
                f"expected {workers} processes to work, found that one was ended (too little "
                "memory?); run the same command again to go on, with fewer workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _leave_with_parent() -> None:
    """End this process when its parent does: one that is killed cannot say so itself."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_leave, args=(parent.join,), daemon=True).start()


def _wait_and_leave(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)
