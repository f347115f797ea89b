"""Trials that fail or are interrupted do not count, and the budget stays exact."""

from collections import Counter

import pytest

from ck19ml.errors import Ck19Error
from ck19ml.tuning import Notes, Parameters, Report
from tests.tuning.stored import FIRST, SPACE, Log, Stored, failing, interrupted_in, objective


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
        pytest.raises(Ck19Error, match="3 trials failed, more than the 2 allowed"),
    ):
        opened.run(4, failing(*range(9)), SPACE, log, failures=2)
    assert log.states == ["fail"] * 3
    assert study.run(2, failures=2)[0] == 2


def test_no_failure_is_allowed_where_none_was_asked_for(study: Stored) -> None:
    with study.open() as opened, pytest.raises(Ck19Error, match="more than the 0 allowed"):
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
