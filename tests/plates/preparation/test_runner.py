import threading
import time

import pytest

from ck19ml.plates.preparation.runner import local


def double(number: int) -> int:
    return 2 * number


def test_one_after_the_other_results_come_one_by_one() -> None:
    seen = local(1)(double, [1, 2, 3])
    assert next(seen) == 2
    assert list(seen) == [4, 6]


def test_with_several_workers_each_task_is_done_once() -> None:
    assert sorted(local(2)(double, list(range(9)))) == [2 * number for number in range(9)]


def test_several_workers_work_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=10)
    assert sorted(local(2)(lambda task: task + 0 * both.wait(), [0, 1])) == [0, 1]


def test_after_an_error_no_new_task_is_begun() -> None:
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            raise ValueError("the first")
        time.sleep(0.05)
        return number

    with pytest.raises(ValueError, match="the first"):
        list(local(2)(work, range(50)))
    assert len(begun) < 10
