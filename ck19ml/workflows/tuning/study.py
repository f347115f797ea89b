"""A study and its runs: joined, left and repaired, whoever else works on it."""

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
        """Both, or the one."""
        return list(dict.fromkeys((self.parent, self.own)))


class Places:
    """Where the study and its features are kept."""

    def __init__(self, storage: str | Path, folder: Path) -> None:
        self.storage = storage
        # A journal has the features beside it; a database has no such place.
        self.folder = folder if "://" in str(storage) else Path(storage).parent

    @property
    def from_everywhere(self) -> str:
        """The storage, as a process in another folder finds it."""
        here = self.storage
        return str(here) if "://" in str(here) else str(Path(here).resolve())


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Take the signal by which systems ask a process to end for Ctrl-C: runs end truthfully."""
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
    """Work on a study beside others: its parent run ends when the last one leaves."""
    try:
        with study.together(TUNERS):
            yield
    except BaseException:
        with suppress(Exception):  # what is lost now is what the error is about
            _leave(study)
        raise
    _leave(study)


def _leave(study: Study) -> None:
    with study.if_last(TUNERS) as last:
        parent = None if last else parent_of(study)
        if parent is not None:
            parent.leave_running()


def parent_of(study: Study) -> Run | None:
    """Return the study's parent run; None where there is none, or it was deleted."""
    known = study.recall(PARENT)
    return None if known is None else runs.open_run(known)


def become_parent(study: Study, run: Run) -> Run:
    """Make a run the study's parent."""
    study.remember(PARENT, run.id)
    return run


def repair(study: Study, parent: Run) -> str:
    """Recover the trials whose process died, bring their runs up to date, and say so."""
    dead = study.recover()
    wrong = reconcile(study, parent)
    text = f"study: {study.done} trials so far"
    if dead:
        text += f"; {len(dead)} left running by a process that died are tried again"
    if wrong:
        names = ", ".join(f"trial-{number:03d}" for number in wrong)
        text += f"; runs that had another state than their trials are put right: {names}"
    return text


def reconcile(study: Study, parent: Run) -> list[int]:
    """Bring the trials' runs to what the study says; returns the numbers of those changed."""
    endings = {n: (each.state, each.error, each.seconds) for n, each in study.endings().items()}
    return trial_runs.reconcile(parent, endings)
