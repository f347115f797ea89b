"""A study and its runs, which several processes join, leave and repair."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ck19ml.tracking import runs, trial_runs
from ck19ml.tracking.runs import Run
from ck19ml.tuning import Study

PARENT = "parent_run"
TUNERS = "tuners"


class Runs:
    """The run of this command, and the study's parent, which may be the same.

    Attributes
    ----------
    own, parent : Run
    """

    def __init__(self, own: Run, parent: Run) -> None:
        self.own, self.parent = own, parent

    @property
    def all(self) -> list[Run]:
        """Both runs, or the one run if they are the same."""
        return list(dict.fromkeys((self.parent, self.own)))


class Places:
    """Locations of the study and its features."""

    def __init__(self, storage: str | Path, folder: Path) -> None:
        self.storage = storage
        # Features are stored beside a journal; a database has no folder.
        self.folder = folder if "://" in str(storage) else Path(storage).parent

    @property
    def from_everywhere(self) -> str:
        """The storage as an absolute path or a URL, valid in any folder."""
        here = self.storage
        return str(here) if "://" in str(here) else str(Path(here).resolve())


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C, so that runs end in their true state."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def joined(study: Study) -> Iterator[None]:
    """Join a study; its parent run ends when the last process leaves."""
    try:
        with study.together(TUNERS):
            yield
    except BaseException:
        with suppress(Exception):  # the original error matters, not one of leaving
            _leave(study)
        raise
    _leave(study)


def _leave(study: Study) -> None:
    with study.if_last(TUNERS) as last:
        parent = None if last else parent_of(study)
        if parent is not None:
            parent.leave_running()


def parent_of(study: Study) -> Run | None:
    """Return the study's parent run; None if there is none or it was deleted."""
    known = study.recall(PARENT)
    return None if known is None else runs.open_run(known)


def become_parent(study: Study, run: Run) -> Run:
    """Make a run the study's parent."""
    study.remember(PARENT, run.id)
    return run


def repair(study: Study, parent: Run) -> str:
    """Recover the trials of dead processes, update their runs, and report both."""
    dead = study.recover()
    wrong = reconcile(study, parent)
    text = f"study: {study.done} trials so far"
    if dead:
        text += f"; {len(dead)} of dead processes are run again"
    if wrong:
        names = ", ".join(f"trial-{number:03d}" for number in wrong)
        text += f"; corrected the state of runs that differed from their trials: {names}"
    return text


def reconcile(study: Study, parent: Run) -> list[int]:
    """Set the states of the trials' runs to those in the study; returns the numbers changed."""
    endings = {n: (each.state, each.error, each.seconds) for n, each in study.endings().items()}
    return trial_runs.reconcile(parent, endings)
