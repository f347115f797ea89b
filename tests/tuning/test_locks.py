import os
import signal
import threading
from collections.abc import Iterator

import pytest

from ck19ml.tuning.locks import SIGNALS, held_back


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def interrupt(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def write(done: list[str], *numbers: int) -> None:
    """Two steps that belong together, each interrupted."""
    with held_back():
        for step, number in zip(("first", "second"), numbers, strict=True):
            done.append(step)
            if number:
                interrupt(number)


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_waits_for_the_end_of_the_block(number: int) -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        write(done, number, 0)
    assert done == ["first", "second"]


def write_twice_interrupted(done: list[str]) -> None:
    with held_back():
        interrupt()
        done.append("first")
        interrupt()
        done.append("second")


def test_a_second_interrupt_does_not_wait() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        write_twice_interrupted(done)
    assert done == ["first"]


def write_within(done: list[str]) -> None:
    with held_back():
        write(done, signal.SIGINT, 0)
        done.append("after the inner")


def test_blocks_within_blocks_wait_for_the_outermost() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        write_within(done)
    assert done == ["first", "second", "after the inner"]


def test_without_an_interrupt_nothing_changes() -> None:
    with held_back():
        pass
    assert all(signal.getsignal(number) is signal.default_int_handler for number in SIGNALS)
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_an_error_in_the_block_is_the_one_that_is_told() -> None:
    with pytest.raises(ValueError, match="wrong"), held_back():
        raise ValueError("wrong")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ignored_signals_stay_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with held_back():
        interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_are_not_concerned() -> None:
    done = []

    def other() -> None:
        with held_back():
            done.append(threading.current_thread().name)

    thread = threading.Thread(target=other, name="other")
    thread.start()
    thread.join()
    assert done == ["other"]
