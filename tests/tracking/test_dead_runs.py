import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from mlflow import MlflowClient

from ck19ml.tracking import dead_runs, runs, trial_runs
from ck19ml.tracking.runs import Run
from tests.places import ROOT

pytestmark = pytest.mark.usefixtures("store")


HOLD = """
    import sys, time
    from ck19ml.tracking import runs, trial_runs
    with runs.start("a tuning", "tune", {}) as parent:
        with runs.start("a step", "prepare", {}) as step:
            child = trial_runs.start_trial(parent, 0, {})
            print(parent.id, step.id, child.id, flush=True)
            sys.stdin.read()
"""


def stored(run: Run) -> Any:
    return MlflowClient().get_run(run.id)


@pytest.fixture
def others() -> Any:
    """Three runs of another process, which is alive."""
    import textwrap

    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLD)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    yield process, [Run(each) for each in line.split()]
    process.kill()
    process.communicate(timeout=20)


@pytest.mark.slow
def test_runs_of_a_process_that_lives_are_left_alone_and_those_of_a_dead_one_ended(
    others: Any,
) -> None:
    process, found = others
    assert dead_runs.repair() == []
    assert [run.state for run in found] == ["RUNNING"] * 3
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)
    died = time.time()
    repaired = dead_runs.repair()
    assert {each.id for each in repaired} == {run.id for run in found}
    assert repaired[0].name == "a tuning"
    for run in found:
        info = stored(run).info
        assert info.status == "KILLED"
        assert info.start_time <= info.end_time <= died * 1000, "not the time of the repair"
        assert "process died" in str(run.tag("ck19ml.repaired"))
    assert dead_runs.repair() == []


def test_my_own_runs_are_alive() -> None:
    with runs.start("a", "kind", {}) as run:
        assert dead_runs.repair() == []
        assert run.state == "RUNNING"


def elsewhere(seconds_ago: float) -> dict[str, str]:
    value = {"host": "another", "pid": 1, "started": 1.0, "seen": time.time() - seconds_ago}
    return {f"{dead_runs.PROCESS}x": json.dumps(value)}


def test_a_process_elsewhere_is_dead_when_it_was_silent_for_long() -> None:
    assert not dead_runs.is_dead(elsewhere(10))
    assert dead_runs.is_dead(elsewhere(dead_runs.SILENCE_S + 1))
    (value,) = elsewhere(dead_runs.SILENCE_S + 1).values()
    assert dead_runs.is_dead({f"{dead_runs.FORMER}x": value})
    living = {"mine": "x"} | {f"{dead_runs.PROCESS}y": elsewhere(0)[f"{dead_runs.PROCESS}x"]}
    assert not dead_runs.is_dead(elsewhere(10_000) | living)


def test_runs_of_other_programs_are_left_alone() -> None:
    assert not dead_runs.is_dead({})
    made = MlflowClient().create_run("0")
    assert dead_runs.repair() == []
    MlflowClient().set_terminated(made.info.run_id)


def test_a_process_number_that_was_given_again_is_another_process() -> None:
    [(key, value)] = dead_runs.process_tags().items()
    mine = json.loads(value)
    assert not dead_runs.is_dead({key: json.dumps(mine)})
    assert dead_runs.is_dead({key: json.dumps(mine | {"started": mine["started"] - 100})})


def test_trials_runs_are_brought_to_what_the_study_says() -> None:
    ended = time.time() - 50
    with runs.start("a", "tune", {}) as parent:
        made = {number: trial_runs.start_trial(parent, number, {}) for number in range(5)}
        made[1].metrics({"validation/log_loss": 1.0})
        twin = trial_runs.start_trial(parent, 1, {})
        trial_runs.end_trial(made[4], "complete", None)
        endings: dict[int, Any] = {
            0: ("fail", "the loss is not finite", ended),
            1: ("complete", None, time.time() + 1),
            2: ("interrupted", None, ended),
            4: ("complete", None, ended),
        }
        assert trial_runs.reconcile(parent, endings) == [0, 1, 2]
        states = [made[number].state for number in range(5)]
        assert states == ["FAILED", "FINISHED", "KILLED", "RUNNING", "FINISHED"]
        assert made[0].tag("mlflow.note.content") == "**fail**: the loss is not finite"
        assert runs.open_run(twin.id) is None, "the twin of a request that was sent twice"
        assert trial_runs.reconcile(parent, endings) == []
        made[3].end("KILLED")
