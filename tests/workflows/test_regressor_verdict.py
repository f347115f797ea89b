import numpy as np
import pandas as pd
import pytest

from ck19ml.core.scores.interaction import call_scores
from ck19ml.core.scores.metrics import Score
from ck19ml.networks.evaluation import Evaluation
from ck19ml.workflows.steps.finish import describe, regressor_verdict
from tests.networks.test_scorer import CARD

TRUE = np.array([0.0, 0.1, 0.3])


def evaluation(mse: float, low: float, **more: Score) -> Evaluation:
    scores = {
        "overlap_mse": Score(mse, mse, mse),
        "baseline_mean_overlap_mse": Score(0.002, 0.001, 0.003),
        "overlap_r2": Score(1 - mse / 0.002, low, 1.0),
    }
    wells = pd.DataFrame({"well": ["A01"]})
    return Evaluation(scores | more, call_scores(TRUE, TRUE, 0.2), pd.DataFrame(), wells)


@pytest.mark.parametrize(
    ("mse", "low", "beats"), [(0.001, 0.3, True), (0.001, -0.1, False), (0.003, -1.0, False)]
)
def test_the_first_line_says_whether_the_mean_is_beaten(
    mse: float, low: float, beats: bool
) -> None:
    test = evaluation(mse, low)
    first = describe(CARD.changed(kind="regressor"), test).splitlines()[0]
    assert first == regressor_verdict(test)
    assert ("does NOT beat" not in first) is beats
    assert f"{mse:.5f} against 0.00200" in first


def test_the_rest_says_what_interaction_is_worth_and_whether_there_is_a_truth() -> None:
    card = CARD.changed(kind="regressor")
    text = describe(card, evaluation(0.001, 0.3))
    assert "prevalence 0.3333, average precision 1.000" in text
    assert "where 'never' has 0.6667" in text
    assert "no true overlap" in text
    with_truth = describe(card, evaluation(0.001, 0.3, truth_overlap_r2=Score(-1.9, -2.0, -1.8)))
    assert "R2 against the simulator's true overlap: -1.900" in with_truth
    assert "no true overlap" not in with_truth
