"""Run the work on fields on this machine, one after the other or several at a time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
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
        Threads. Nearly all of a field's time goes into reading, counting, labelling and hashing,
        which numpy, OpenCV and the system do without Python's lock; processes would each have
        to import the libraries first, which takes as long as a dozen fields.
    """

    def run(work: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        return map(work, tasks) if workers == 1 else _in_threads(work, tasks, workers)

    return run


def _in_threads(work: Callable[[T], R], tasks: Sequence[T], workers: int) -> Iterator[R]:
    with ThreadPoolExecutor(workers) as pool:
        try:
            for future in as_completed([pool.submit(work, task) for task in tasks]):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)
