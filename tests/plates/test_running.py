import os
import sys
from pathlib import Path

import pytest

from ck19ml.plates import field_work
from ck19ml.plates.running import Stopped, local

HEAVY = ("keras", "tensorflow", "torch", "jax", "mlflow", "optuna", "dask", "matplotlib")


def double(number: int) -> int:
    return 2 * number


def loaded(_: int) -> tuple[int, list[str]]:
    """Which heavy libraries this process holds, after the work of a field was imported."""
    assert field_work.prepare_field
    return os.getpid(), [name for name in HEAVY if name in sys.modules]


def leave(number: int) -> int:
    if number == 1:
        os._exit(9)
    return number


def test_in_this_process_results_come_one_by_one() -> None:
    seen = local(1)(double, [1, 2, 3])
    assert next(seen) == 2
    assert list(seen) == [4, 6]


@pytest.mark.slow
def test_in_several_processes_each_task_is_done_once() -> None:
    assert sorted(local(2)(double, list(range(9)))) == [2 * number for number in range(9)]


@pytest.mark.slow
def test_a_worker_holds_neither_networks_nor_tracking(tmp_path: Path) -> None:
    import mlflow  # the parent may hold what it likes

    assert mlflow.__name__ in sys.modules
    found = dict(local(2)(loaded, list(range(8))))
    assert os.getpid() not in found
    assert set(map(tuple, found.values())) == {()}


@pytest.mark.slow
def test_a_worker_that_is_lost_stops_the_work_in_words() -> None:
    with pytest.raises(Stopped, match=r"expected 2 processes to work, .* again to go on"):
        list(local(2)(leave, [0, 1, 2]))
