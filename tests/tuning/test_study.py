import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ck19ml import tuning
from ck19ml.core.settings import Range
from ck19ml.errors import Ck19Error
from ck19ml.tuning import Notes, Parameters, Report
from tests.tuning.stored import FIRST, SPACE, Log, Stored, best_of, drawn, interrupted_in, objective


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
        best = best_of(opened)
        table = opened.table().set_index("trial")
    assert best.value == table["value"].min()
    assert best.number == table["value"].idxmin()
    assert best.notes == {"number": best.number}
    assert best.value == pytest.approx(best.parameters["rate"] * best.parameters["units"])


def test_a_study_without_a_complete_trial_has_none(study: Stored) -> None:
    with study.open() as opened, pytest.raises(Ck19Error, match="no trial was completed"):
        best_of(opened)


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
        assert best_of(opened).value == 1.0


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


def test_a_study_opens_at_once(study: Stored) -> None:
    """Optuna waits half a minute for a lock file of the name that it gives its own."""
    started = time.monotonic()
    for _ in range(2):
        with study.open() as opened:
            assert opened.done == 0
    assert time.monotonic() - started < 10


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


def test_a_parameter_is_drawn_only_where_it_applies(tmp_path: Path) -> None:
    from ck19ml.tuning.figures import study_figures

    space = {"kind": ["a", "b"], "rate": Range(low=0.0, high=1.0), "more": [1, 2]}
    when = {"rate": ("kind", ("a",)), "more": ("rate", (None,))}
    log = Log()
    with Stored(tmp_path, first={}).open() as study:
        study.run(
            20, lambda number, parameters, _: (parameters.get("rate", 0.5), {}), space, log,
            failures=0, when=when,
        )  # fmt: skip
        assert len(study_figures(study, "loss")) == 3
    kinds = [parameters["kind"] for _, parameters in log.begun]
    assert set(kinds) == {"a", "b"}
    for _, parameters in log.begun:
        assert set(parameters) == {"kind", "rate" if parameters["kind"] == "a" else "more"}
