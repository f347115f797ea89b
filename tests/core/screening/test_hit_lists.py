import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from ck19ml.core.screening.hit_lists import (
    average_precision,
    average_precision_gain,
    hit_list_scores,
    log_error,
)

INHIBITS = np.array([True, True, False, False, False, False])
COMPOUND = np.arange(6)


def test_a_list_by_hand() -> None:
    # Ranked: inhibitor, inert, inhibitor, ...: precision 1 and 2/3 where inhibitors stand.
    strength = np.array([9.0, 5.0, 7.0, 3.0, 2.0, 1.0])
    hit = np.array([True, False, True, False, False, False])
    scores = hit_list_scores(INHIBITS, strength, hit, COMPOUND, np.random.default_rng(0))
    assert scores["average_precision"].value == pytest.approx((1 + 2 / 3) / 2)
    assert scores["precision"].value == 0.5
    assert scores["recall"].value == 0.5
    assert scores["recall"].low <= 0.5 <= scores["recall"].high


def test_no_hits_have_no_precision() -> None:
    scores = hit_list_scores(
        INHIBITS, np.arange(6.0), np.zeros(6, bool), COMPOUND, np.random.default_rng(0)
    )
    assert np.isnan(scores["precision"].value)
    assert scores["recall"].value == 0
    assert np.isnan(average_precision(np.zeros(3, bool), np.arange(3.0)))


def test_the_gain_is_zero_against_itself_and_its_sign_is_the_model_s() -> None:
    good, poor = np.arange(6.0)[::-1], np.arange(6.0)
    same = average_precision_gain(INHIBITS, good, good, COMPOUND, np.random.default_rng(0))
    assert (same.value, same.low, same.high) == (0, 0, 0)
    better = average_precision_gain(INHIBITS, good, poor, COMPOUND, np.random.default_rng(0))
    assert better.value == pytest.approx(1 - (1 / 5 + 2 / 6) / 2)


def test_rows_of_a_compound_are_drawn_together() -> None:
    """Twice the same rows say no more than once: the interval stays as wide."""
    rng = np.random.default_rng(1)
    inhibits = np.arange(20) < 7
    strength = inhibits + rng.normal(0, 1, 20)
    once = hit_list_scores(
        inhibits, strength, strength > 0, np.arange(20), np.random.default_rng(2)
    )["recall"]
    twice = hit_list_scores(
        np.tile(inhibits, 2), np.tile(strength, 2), np.tile(strength > 0, 2),
        np.tile(np.arange(20), 2), np.random.default_rng(2),
    )["recall"]  # fmt: skip
    assert (twice.low, twice.high) == (once.low, once.high)


def test_the_error_of_concentrations_by_hand() -> None:
    found = log_error(
        np.array([1.0, 1.0, 1.0]), np.array([10.0, 0.5, 1.0]), np.arange(3),
        np.random.default_rng(0),
    )  # fmt: skip
    assert found.value == pytest.approx(np.log10(2))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=30))
def test_average_precision_is_scikit_learn_s(rows: list[tuple[bool, int]]) -> None:
    positive = np.array([row[0] for row in rows])
    strength = np.array([float(row[1]) for row in rows])
    if positive.any():
        known = average_precision_score(positive, strength)
        assert average_precision(positive, strength) == pytest.approx(known)
