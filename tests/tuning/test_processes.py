"""Studies that several processes share, and processes that die in them."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter

import pytest
from optuna.trial import TrialState

from ck19ml.tuning import Notes, Parameters, Report, Study
from tests.places import ROOT
from tests.tuning.stored import FIRST, SPACE, Log, Stored, drawn, objective

HOLD = """
    import sys, time
    from pathlib import Path
    from ck19ml import tuning
    from tests.tuning.stored import FIRST, SPACE, Log, objective

    def run(number, parameters, report):
        if number == {number}:
            print("in the trial", flush=True)
            time.sleep(120)
        return objective(number, parameters, report)

    journal = Path(sys.argv[1])
    with tuning.open_study(journal, "s", seed=2211, first=FIRST) as study:
        study.run(4, run, SPACE, Log(), failures=0)
"""


def hold(study: Stored, number: int) -> "subprocess.Popen[str]":
    """Start a process that stays in the middle of a trial."""
    code = textwrap.dedent(HOLD.format(number=number))
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(study.journal)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in the trial\n"
    return process


def end(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.slow
def test_a_killed_process_leaves_a_study_that_goes_on_to_exactly_the_budget(study: Stored) -> None:
    end(hold(study, 2))
    table = study.table()
    assert table["state"].tolist() == ["complete", "complete", "running"]
    with study.open() as opened:
        assert opened.recover() == [2]
        assert opened.recover() == []
        log = Log()
        assert opened.run(4, objective, SPACE, log, failures=0) == 2
    assert log.begun[0][1] == drawn(table)[2], "the killed trial's parameters come first"
    after = study.table()
    assert Counter(after["state"]) == {"complete": 4, "interrupted": 1}


@pytest.mark.slow
def test_a_second_process_joins_and_the_budget_stays_exact(study: Stored) -> None:
    """The trial of the process that lives is not touched; that of a dead one is replaced."""
    process = hold(study, 1)
    try:
        with study.open() as opened:
            assert opened.recover() == []
            log = Log()
            limit = time.time() + 3
            assert opened.run(4, objective, SPACE, log, failures=0, until=limit) == 2
            assert (opened.done, opened.running) == (3, 1), "the fourth is the other one's"
    finally:
        end(process)
    with study.open() as opened:
        assert opened.run(4, objective, SPACE, log, failures=0) == 1
        assert (opened.done, opened.running) == (4, 0)
    assert Counter(study.table()["state"]) == {"complete": 4, "interrupted": 1}


def test_a_study_that_is_open_twice_is_one_study(study: Stored) -> None:
    with study.open() as one, study.open() as other:
        assert one.run(2, objective, SPACE, Log(), failures=0) == 2
        assert other.run(3, objective, SPACE, Log(), failures=0) == 1
        assert one.done == other.done == 3
        assert isinstance(one, Study)


def test_a_trial_whose_processes_die_again_and_again_counts_as_failed(study: Stored) -> None:
    """Parameters that need more memory than there is would otherwise kill without end."""
    for _ in range(3):
        with study.open() as opened:
            opened.claims.take(2)  # and the process is gone
    added, log = study.run(2, failures=1)
    assert added == 2
    assert log.begun[0][1] != FIRST
    with study.open() as opened:
        assert (opened.done, opened.failed) == (2, 1)
        error = opened.endings()[2].error
    assert error == "3 processes died of these parameters"


def test_a_process_taken_for_dead_loses_its_trial(study: Stored) -> None:
    """It was asleep for too long: what it says of the trial comes too late."""

    def run(number: int, parameters: Parameters, report: Report) -> tuple[float, Notes]:
        if number == 0:
            with study.open() as other:
                [trial] = other.claims.trials(TrialState.RUNNING)
                other.claims.give_up(trial, died=True)
                other.run(2, objective, SPACE, Log(), failures=0)
        return objective(number, parameters, report)

    added, log = study.run(2, run)
    assert added == 0
    assert log.states == ["interrupted"]
    assert Counter(study.table()["state"]) == {"complete": 2, "interrupted": 1}
