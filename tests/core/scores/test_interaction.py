import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ck19ml.core.scores.interaction import THRESHOLDS, best_call, call_scores, interaction_curve

unit = st.floats(0, 1)
TRUE = np.array([0.2, 0.5, 0.1, 0.0, 0.3])
PREDICTED = np.array([0.2, 0.1, 0.3, 0.0, 0.6])


def test_a_call_by_hand() -> None:
    # Called: yes, no, yes, no, yes; true: yes, yes, no, no, yes.
    scores = call_scores(TRUE, PREDICTED, 0.2)
    assert scores["interaction_accuracy"] == 0.6
    assert scores["interaction_prevalence"] == 0.6
    assert scores["interaction_never_accuracy"] == 0.4
    assert scores["interaction_precision"] == pytest.approx(2 / 3)
    assert scores["interaction_recall"] == pytest.approx(2 / 3)
    assert scores["interaction_f1"] == pytest.approx(2 / 3)
    # In the order of the prediction: 0.6 yes, 0.3 no, 0.2 yes, 0.1 yes, 0.0 no.
    assert scores["interaction_average_precision"] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    # Of the 3 x 2 pairs of one that interacts and one that does not, 4 are in the right order.
    assert scores["interaction_roc_auc"] == pytest.approx(4 / 6)


def test_a_call_of_its_own_changes_what_is_said_and_not_what_is_true() -> None:
    scores = call_scores(TRUE, PREDICTED, 0.2, call=0.1)
    assert scores["interaction_prevalence"] == 0.6
    assert scores["interaction_recall"] == 1.0
    assert scores["interaction_precision"] == 0.75
    assert scores["interaction_call"] == 0.1


def test_never_is_mostly_right_and_finds_nothing() -> None:
    true = np.zeros(100)
    true[0] = 0.5
    scores = call_scores(true, np.zeros(100), 0.2)
    assert scores["interaction_accuracy"] == scores["interaction_never_accuracy"] == 0.99
    assert (scores["interaction_recall"], scores["interaction_f1"]) == (0.0, 0.0)
    assert np.isnan(scores["interaction_precision"])
    assert scores["interaction_roc_auc"] == 0.5


@pytest.mark.parametrize("true", [0.0, 0.5])
def test_without_both_answers_there_is_nothing_to_rank(true: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = call_scores(np.full(4, true), np.zeros(4), 0.2)
    assert np.isnan(scores["interaction_roc_auc"])
    assert np.isnan(scores["interaction_average_precision"]) == (true == 0)


def test_the_curve_s_point_at_a_threshold_is_the_call_there() -> None:
    curve = interaction_curve(TRUE, PREDICTED, np.array([0.05, 0.2]))
    scores = call_scores(TRUE, PREDICTED, 0.2)
    assert curve["threshold"].tolist() == [0.05, 0.2]
    for name in ("prevalence", "accuracy", "never_accuracy", "precision", "recall", "f1"):
        assert curve[name][1] == scores[f"interaction_{name}"]
    assert all(
        values.shape == THRESHOLDS.shape for values in interaction_curve(TRUE, TRUE).values()
    )


def test_the_best_call_undoes_a_prediction_that_shrinks() -> None:
    true = np.linspace(0, 0.4, 41)
    shrunk = 0.02 + 0.1 * true
    call = best_call(true, shrunk, threshold=0.195)
    assert 0.02 + 0.1 * 0.19 < call < 0.02 + 0.1 * 0.2
    assert call_scores(true, shrunk, 0.195, call)["interaction_f1"] == 1.0


def test_without_interaction_the_call_is_the_threshold() -> None:
    assert best_call(np.zeros(5), np.arange(5) / 10) == 0.2


def test_between_neighbouring_numbers_the_call_is_the_higher() -> None:
    smallest = np.nextafter(0.0, 1.0)
    assert best_call(np.array([0.9, 0.0]), np.array([smallest, 0.0])) == smallest


@given(hnp.arrays(float, 12, elements=unit), hnp.arrays(float, 12, elements=unit))
def test_no_other_call_has_a_higher_f1(true: np.ndarray, predicted: np.ndarray) -> None:
    true[0] = 0.9
    positive = true >= 0.2

    def f1(call: float) -> float:
        called = predicted >= call
        return float(2 * (positive & called).sum() / (positive.sum() + called.sum()))

    assert f1(best_call(true, predicted)) >= max(f1(call) for call in predicted) - 1e-12
