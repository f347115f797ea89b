import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from optuna.trial import TrialState

from ck19ml import tuning
from ck19ml.errors import Ck19Error, TrialFailed
from ck19ml.tuning import Notes, Parameters, Report, Study
from tests.tuning.stored import FIRST, SPACE, Log, Stored, objective


def failing(*numbers: int) -> Any:
    """An objective whose trials of these numbers fail."""

    def run(number: int, parameters: Parameters, report: Report) -> tuple[float, Notes]:
        if number in numbers:
            raise TrialFailed(f"the loss of trial {number} is not finite")
        return objective(number, parameters, report)

    return run


def interrupted_in(number: int, error: type[BaseException] = KeyboardInterrupt) -> Any:
    def run(this: int, parameters: Parameters, report: Report) -> tuple[float, Notes]:
        if this == number:
            raise error
        return objective(this, parameters, report)

    return run


def drawn(table: pd.DataFrame) -> list[dict[str, Any]]:
    return table[list(SPACE)].to_dict(orient="records")


def test_a_study_runs_its_budget_and_no_more_when_run_again(study: Stored) -> None:
    added, log = study.run(3)
    assert (added, log.states) == (3, ["complete"] * 3)
    for budget in (3, 2):
        added, log = study.run(budget)
        assert (added, log.begun) == (0, [])
    assert len(study.table()) == 3


def test_a_raised_budget_adds_the_difference(study: Stored) -> None:
    study.run(3)
    added, log = study.run(5)
    assert added == 2
    assert [number for number, _ in log.begun] == [3, 4]
    table = study.table()
    assert table["trial"].tolist() == [0, 1, 2, 3, 4]
    assert set(table["state"]) == {"complete"}


def test_the_first_trial_is_the_one_asked_for_and_only_once(study: Stored) -> None:
    study.run(1)
    study.run(3)
    parameters = drawn(study.table())
    assert parameters[0] == FIRST
    assert parameters[1] != FIRST


def test_parameters_lie_in_the_space(study: Stored) -> None:
    _, log = study.run(8)
    for _, parameters in log.begun:
        assert parameters["units"] in SPACE["units"]
        assert 1e-4 <= parameters["rate"] <= 1e-2
        assert parameters["depth"] in (1, 2, 3)
        assert isinstance(parameters["depth"], int)
        assert parameters["normalise"] in (False, True)
    assert len({parameters["rate"] for _, parameters in log.begun}) == 8


def test_the_best_trial_is_the_smallest_and_keeps_its_notes(study: Stored) -> None:
    study.run(6)
    with study.open() as opened:
        best = opened.best
        table = opened.table().set_index("trial")
    assert best.value == table["value"].min()
    assert best.number == table["value"].idxmin()
    assert best.notes == {"number": best.number}
    assert best.value == pytest.approx(best.parameters["rate"] * best.parameters["units"])


def test_a_study_without_a_complete_trial_has_no_best(study: Stored) -> None:
    with study.open() as opened, pytest.raises(Ck19Error, match="at least one complete trial"):
        _ = opened.best


def test_values_are_remembered(study: Stored) -> None:
    with study.open() as opened:
        opened.remember("parent", {"run": "abc", "metrics": {"a": 1.5}})
    with study.open() as opened:
        assert opened.recall("parent") == {"run": "abc", "metrics": {"a": 1.5}}
        assert opened.recall("nothing") is None


def test_hopeless_trials_are_pruned_and_count(study: Stored) -> None:
    def run(number: int, parameters: Parameters, report: Report) -> tuple[float, Notes]:
        loss = 1.0 if number < tuning.STARTUP_TRIALS else 9.0
        for epoch in range(1, 6):
            epochs[number] = epoch
            report(epoch, loss - epoch / 100)
        return loss, {}

    epochs: dict[int, int] = {}

    budget = tuning.STARTUP_TRIALS + 2
    added, log = study.run(budget, run)
    assert added == budget
    assert log.states == ["complete"] * tuning.STARTUP_TRIALS + ["pruned"] * 2
    table = study.table()
    assert table["state"].tolist() == log.states
    last = epochs[budget - 1]
    assert tuning.WARMUP_EPOCHS <= last < 5
    assert table["value"].iloc[-1] == pytest.approx(9.0 - last / 100), "its best value so far"
    with study.open() as opened:
        assert (opened.done, opened.failed) == (budget, 0)
        assert opened.best.value == 1.0


def test_failed_trials_are_recorded_and_do_not_count(study: Stored) -> None:
    added, log = study.run(3, failing(1))
    assert added == 3
    assert log.over[1] == (1, "fail", "the loss of trial 1 is not finite")
    assert log.states == ["complete", "fail", "complete", "complete"]
    table = study.table()
    assert table["state"].tolist() == log.states
    assert table["value"].isna().tolist() == [False, True, False, False]
    with study.open() as opened:
        assert (opened.done, opened.failed) == (3, 1)


def test_a_trial_that_runs_out_of_memory_fails_and_the_study_goes_on(study: Stored) -> None:
    def run(number: int, parameters: Parameters, report: Report) -> tuple[float, Notes]:
        if number == 0:
            raise MemoryError
        return objective(number, parameters, report)

    _, log = study.run(1, run)
    assert log.over == [(0, "fail", "MemoryError"), (1, "complete", None)]


def test_too_many_failures_end_the_study_and_a_new_call_has_new_ones(study: Stored) -> None:
    log = Log()
    with (
        study.open() as opened,
        pytest.raises(Ck19Error, match="at most 2 failed trials, found 3"),
    ):
        opened.run(4, failing(*range(9)), SPACE, log, failures=2)
    assert log.states == ["fail"] * 3
    assert study.run(2, failures=2)[0] == 2


def test_no_failure_is_allowed_where_none_was_asked_for(study: Stored) -> None:
    with study.open() as opened, pytest.raises(Ck19Error, match="at most 0 failed trials"):
        opened.run(2, failing(0), SPACE, Log(), failures=0)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_an_interrupted_trial_is_tried_again_and_the_budget_is_exact(
    study: Stored, error: type[BaseException]
) -> None:
    log = Log()
    with study.open() as opened, pytest.raises(error):
        opened.run(4, interrupted_in(2, error), SPACE, log, failures=0)
    assert log.states == ["complete", "complete", "interrupted"]
    added, second = study.run(4, failures=0)
    assert added == 2
    assert second.begun[0][1] == log.begun[2][1], "the interrupted parameters come first"
    table = study.table()
    assert Counter(table["state"]) == {"complete": 4, "interrupted": 1}
    with study.open() as opened:
        assert (opened.done, opened.failed) == (4, 0)
    assert study.run(4)[0] == 0


def test_the_first_trial_is_not_lost_when_it_is_interrupted(study: Stored) -> None:
    with study.open() as opened, pytest.raises(KeyboardInterrupt):
        opened.run(2, interrupted_in(0), SPACE, Log(), failures=0)
    _, log = study.run(2)
    assert [parameters == FIRST for _, parameters in log.begun] == [True, False]


def test_an_error_while_a_trial_ends_is_not_hidden(study: Stored) -> None:
    """What the watcher raises (a tracking server that went away) reaches the caller as it is."""

    class Lost(Log):
        def ended(self, number: int, state: str, error: str | None) -> None:
            super().ended(number, state, error)
            if len(self.over) == 1:
                raise ConnectionError("the tracking server went away")

    with study.open() as opened, pytest.raises(ConnectionError):
        opened.run(2, objective, SPACE, Lost(), failures=0)
    assert study.table()["state"].tolist() == ["complete"]
    assert study.run(2)[0] == 1


def test_a_value_that_is_not_a_number_fails_the_trial(study: Stored) -> None:
    def run(number: int, parameters: Parameters, report: Report) -> tuple[float, Notes]:
        return (float("nan"), {}) if number == 0 else objective(number, parameters, report)

    _, log = study.run(1, run)
    assert log.states == ["fail", "complete"]
    assert study.table()["state"].tolist() == ["fail", "complete"]


def test_the_same_seed_draws_the_same_trials(tmp_path: Path) -> None:
    def once(name: str, seed: int) -> list[dict[str, Any]]:
        one = Stored(tmp_path / name, seed=seed)
        one.run(tuning.STARTUP_TRIALS + 3)
        return drawn(one.table())

    first = once("a", 1)
    assert first == once("b", 1)
    assert first != once("c", 2)


def test_without_a_first_trial_all_are_drawn(tmp_path: Path) -> None:
    one = Stored(tmp_path, first={})
    one.run(2)
    assert drawn(one.table())[0] != FIRST


def test_trials_do_not_depend_on_how_the_calls_were_split(tmp_path: Path) -> None:
    whole, split = Stored(tmp_path / "whole"), Stored(tmp_path / "split")
    budget = tuning.STARTUP_TRIALS + 4
    whole.run(budget)
    for part in (1, 3, 6, budget):
        split.run(part)
    pd.testing.assert_frame_equal(whole.table(), split.table(), check_exact=True)


def test_trials_do_not_depend_on_whether_one_was_interrupted(tmp_path: Path) -> None:
    whole, broken = Stored(tmp_path / "whole"), Stored(tmp_path / "broken")
    whole.run(7)
    with broken.open() as opened, pytest.raises(KeyboardInterrupt):
        opened.run(7, interrupted_in(2), SPACE, Log(), failures=0)
    broken.run(7)
    table = broken.table()
    assert drawn(table[table["state"] == "complete"]) == drawn(whole.table())


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
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(study.journal)],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
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


def test_a_study_opens_at_once(study: Stored) -> None:
    """Optuna waits half a minute for a lock file of the name that it gives its own."""
    started = time.monotonic()
    for _ in range(2):
        with study.open() as opened:
            assert opened.done == 0
    assert time.monotonic() - started < 10


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


def test_no_trial_is_started_after_the_time_limit(study: Stored) -> None:
    with study.open() as opened:
        log = Log()
        assert opened.run(5, objective, SPACE, log, failures=0, until=time.time() - 1) == 0
    assert log.begun == []


@pytest.mark.parametrize("pruner", ["hyperband", "none"])
def test_other_pruners_keep_the_budget(tmp_path: Path, pruner: Any) -> None:
    def run(number: int, parameters: Parameters, report: Report) -> tuple[float, Notes]:
        for epoch in range(1, 9):
            report(epoch, parameters["rate"] * 1000 + number - epoch / 100)
        return parameters["rate"] * 1000, {}

    with tuning.open_study(tmp_path / "j", "s", seed=1, first=FIRST, pruner=pruner) as opened:
        assert opened.run(12, run, SPACE, Log(), failures=0) == 12
        pruned = (opened.table()["state"] == "pruned").sum()
    assert pruned == 0 if pruner == "none" else pruned > 0


def test_optuna_s_figures_are_drawn_where_there_is_enough_to_draw(study: Stored) -> None:
    from ck19ml.plots import to_bytes
    from ck19ml.tuning.figures import study_figures

    space = SPACE | {"constant": [1]}
    with study.open() as opened:
        assert study_figures(opened, "loss") == {}
        opened.run(2, objective, space, Log(), failures=0)
        assert set(study_figures(opened, "loss")) == {"optuna_history"}
        opened.run(6, objective, space, Log(), failures=0)
        figures = study_figures(opened, "loss")
    assert set(figures) == {"optuna_history", "param_importances", "parallel_coordinate"}
    for figure in figures.values():
        assert to_bytes(figure)[:4] == b"\x89PNG"
