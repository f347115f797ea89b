import pytest

from ck19ml.tuning import Trial
from ck19ml.workflows.tuning.selection import LOSSES, chosen, gain_of

FIRST = {"head": "lda"}


def trial(number: int, *losses: float) -> Trial:
    wells = {f"well {index}": loss for index, loss in enumerate(losses)}
    head = "softmax" if number else "lda"
    return Trial(number, {"head": head}, sum(losses) / len(losses), {LOSSES: wells})


def test_the_default_stays_unless_another_is_better_by_more_than_its_error() -> None:
    default = trial(0, 1.0, 1.0, 1.0, 1.0)
    clear, unclear = trial(3, 0.8, 0.9, 0.8, 0.9), trial(4, 0.0, 1.2, 1.2, 1.2)
    best, why = chosen([default, trial(2, 2.0, 2.0, 2.0, 2.0), clear], FIRST)
    assert best is clear
    assert "by 0.150 nats a well, more than a standard error (0.029)" in why
    best, why = chosen([default, unclear], FIRST)
    assert best is default
    assert why.startswith("the default stays: trial 4 is better")


def test_the_best_is_the_default_or_there_is_no_default() -> None:
    default, worse = trial(0, 1.0, 1.0), trial(1, 2.0, 2.0)
    assert chosen([worse, default], FIRST)[0] is default
    assert chosen([worse, trial(5, 1.5, 1.5)], FIRST)[0].number == 5


def test_gains_are_over_the_wells_that_both_answered() -> None:
    gain, error = gain_of({"a": 1.0, "b": 2.0, "c": 9.0}, {"a": 0.5, "b": 1.0, "d": 9.0})
    assert gain == pytest.approx(0.75)
    assert error == pytest.approx(0.25)
    assert gain_of({"a": 1.0}, {"a": 0.0}) == (0.0, float("inf"))
