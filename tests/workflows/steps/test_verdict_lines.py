"""The first lines of a run: how the model compares with the best baseline on the same wells."""

import numpy as np
import pandas as pd
import pytest

from ck19ml.core.scores.interaction import call_scores
from ck19ml.core.scores.intervals import Score
from ck19ml.core.scores.verdict import Verdict
from ck19ml.networks.evaluation import Evaluation, classified, with_units
from ck19ml.workflows.steps.finish import describe
from tests.networks.test_scorer import CARD

TRUE = np.array([0.0, 0.1, 0.3])
NAMES = ["Unstimulated", "ConA"]


def regressor(gain: Score, **more: Score) -> Evaluation:
    mse = 0.002 - gain.value
    scores = {
        "overlap_mse": Score(mse, mse, mse),
        "baseline_mean_overlap_mse": Score(0.002, 0.001, 0.003),
        "overlap_r2": Score(1 - mse / 0.002, 0.1, 1.0),
    }
    wells = pd.DataFrame({"well": ["A01"]})
    numbers = call_scores(TRUE, TRUE, 0.2)
    return Evaluation(scores | more, numbers, pd.DataFrame(), wells, "well", Verdict(gain, 30))


def answers(mine: int, rule: int, wells: int, plates: int = 1) -> Evaluation:
    """Of so many wells the classifier answers `mine` rightly, and the logistic rule `rule`."""
    index = np.arange(wells)
    true = np.array(NAMES)[index % 2]
    other = np.array(NAMES)[(index + 1) % 2]
    answered = np.where(index < mine, true, other)
    table = pd.DataFrame(
        {
            "plate": index % plates, "well": [f"A{n:03d}" for n in index], "stimulation": true,
            "label": true, "overlap": 0.1, "predicted_overlap": 0.1, "predicted": answered,
            **{f"probability_{name}": np.where(answered == name, 0.8, 0.2) for name in NAMES},
            "baseline_mean_overlap": 0.1, "baseline_majority": NAMES[0],
            "baseline_logistic": np.where(index < rule, true, other),
        }
    )  # fmt: skip
    table, by = with_units(table, "plate" if plates > 1 else "well")
    return classified(table, table, NAMES, 0.2, 0, by)


def lines(test: Evaluation, kind: str = "classifier") -> list[str]:
    return describe(CARD.changed(kind=kind), test).splitlines()


def test_a_better_classifier_says_by_how_much_and_how_sure() -> None:
    first, second, *_ = lines(answers(90, 60, 100))
    assert first.startswith(
        "Well accuracy 0.900 against 0.600 of the best baseline, logistic regression on overlap, "
        "areas and counts: better by 30 points ["
    )
    assert first.endswith("] on 100 wells, McNemar p 1.9e-09.")
    assert second.startswith("classifier on 100 wells")
    assert second.endswith("with 95 % intervals over wells:")


def test_a_point_estimate_above_another_is_no_verdict() -> None:
    first, second, *_ = lines(answers(21, 20, 30))
    assert "0.700 against 0.667" in first
    assert "no difference shown (+3 [" in first
    assert second.startswith("30 wells show a difference of 10 points with a probability of 0.0")
    assert second.endswith("wells would with 0.8.")


def test_a_worse_classifier_says_so() -> None:
    assert "worse by 30 points [" in lines(answers(60, 90, 100))[0]


def test_the_units_are_the_plates_where_the_split_was_by_plate() -> None:
    test = answers(90, 60, 100, plates=5)
    first, second, *_ = lines(test)
    assert test.verdict is not None
    assert test.verdict.units == 5
    assert "McNemar" not in first
    assert second.endswith("with 95 % intervals over plates:")
    assert test.metrics("test")["test/well_accuracy_gain"] == pytest.approx(0.3)
    assert "test/well_accuracy_gain_p" not in test.metrics("test")


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (Score(0.001, 0.0005, 0.0015), "better by 0.00100 [0.00050, 0.00150]"),
        (Score(0.001, -0.0001, 0.002), "no difference shown (+0.00100 [-0.00010, 0.00200])"),
        (Score(-0.001, -0.002, -0.0002), "worse by 0.00100 [0.00020, 0.00200]"),
    ],
)
def test_without_a_truth_a_regressor_is_compared_with_the_mean(gain: Score, said: str) -> None:
    first = lines(regressor(gain), "regressor")[0]
    mse = 0.002 - gain.value
    assert first == (
        "No true overlap to judge by: the network imitates the masks by 'otsu'. "
        f"Overlap MSE {mse:.5f} against 0.00200 of predicting the mean: {said}."
    )


@pytest.mark.parametrize(
    ("gain", "says"),
    [
        (Score(0.001, 0.0005, 0.0015), "Adds to the masks"),
        (Score(0.001, -0.0001, 0.002), "Not shown to add to the masks"),
        (Score(-0.001, -0.002, -0.0002), "Adds nothing to the masks"),
    ],
)
def test_with_a_truth_the_first_line_says_whether_it_adds_to_the_masks(
    gain: Score, says: str
) -> None:
    known = regressor(gain, baseline_masks_overlap_mse=Score(0.002, 0.001, 0.003))
    first = lines(known, "regressor")[0]
    mse = 0.002 - gain.value
    assert first.startswith(f"{says} by 'otsu': MSE of the true overlap {mse:.5f} against 0.00200")
    assert first.endswith(f"of their own measure: {Verdict(gain, 30).text(5)}.")


def test_the_better_rival_is_named() -> None:
    rivals = {
        "baseline_masks_overlap_mse": Score(0.003, 0.002, 0.004),
        "baseline_line_overlap_mse": Score(0.002, 0.001, 0.003),
    }
    first = lines(regressor(Score(-0.001, -0.002, -0.0002), **rivals), "regressor")[0]
    assert "0.00300 against 0.00200 of a line through their own measure: worse" in first


def test_the_rest_says_what_interaction_is_worth() -> None:
    gain = Score(0.001, 0.0005, 0.0015)
    text = "\n".join(lines(regressor(gain), "regressor"))
    assert "prevalence 0.3333, average precision 1.000" in text
    assert "where 'never' has 0.6667" in text
