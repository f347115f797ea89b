"""Interrupts that wait while a study is written to."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_back() -> Iterator[None]:
    """Let Ctrl-C, and the signal by which systems end a process, wait until the block has ended.

    An interrupt may come between any two steps of Python, also while Optuna brings its picture
    of the study up to date, or between the taking of a lock and the line that would give it
    back. A second interrupt does not wait: the user means it.
    """
    if threading.current_thread() is not threading.main_thread():  # others are not interrupted
        yield
        return
    known = {number: signal.getsignal(number) for number in SIGNALS}
    waiting: list[tuple[int, Any]] = []

    def note(number: int, frame: Any) -> None:
        if waiting:
            raise KeyboardInterrupt
        waiting.append((number, frame))

    for number, handler in known.items():
        if callable(handler):  # else it is ignored, or ends the process at once
            signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in known.items():
            signal.signal(number, handler)
        for caught, frame in waiting:
            known[signal.Signals(caught)](caught, frame)  # type: ignore[operator,misc]
