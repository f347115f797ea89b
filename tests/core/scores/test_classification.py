import numpy as np
import pandas as pd
import pytest

from ck19ml.core.scores.classification import (
    against_best_rule,
    best_rule,
    classifier_scores,
    fit_temperatures,
    index_of,
)

CLASSES = ["Unstimulated", "ConA"]


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two wells with two patches each; three of four patches and both wells are right."""
    cona = np.array([0.1, 0.6, 0.9, 0.8])
    label = np.array(["Unstimulated", "Unstimulated", "ConA", "ConA"])
    patches = pd.DataFrame(
        {
            "plate": "P", "well": ["A01", "A01", "A02", "A02"], "label": label,
            "unit": ["P/A01", "P/A01", "P/A02", "P/A02"],
            "overlap": [0.0, 0.1, 0.2, 0.3], "predicted_overlap": [0.0, 0.1, 0.2, 0.1],
            "probability_Unstimulated": 1 - cona, "probability_ConA": cona,
            "baseline_majority": "ConA", "baseline_overlap": label, "baseline_mean_overlap": 0.15,
        }
    )  # fmt: skip
    wells = pd.DataFrame(
        {
            "plate": "P", "well": ["A01", "A02"], "unit": ["P/A01", "P/A02"],
            "stimulation": CLASSES, "predicted": CLASSES,
            "probability_Unstimulated": [0.7, 0.1], "probability_ConA": [0.3, 0.9],
            "baseline_majority": "ConA", "baseline_logistic": ["ConA", "Unstimulated"],
        }
    )  # fmt: skip
    return patches, wells


def test_scores_by_hand() -> None:
    scores = {k: s.value for k, s in classifier_scores(*tables(), CLASSES, 0).items()}
    assert scores["accuracy"] == 0.75
    assert scores["well_accuracy"] == 1.0
    assert scores["baseline_majority_accuracy"] == 0.5
    assert scores["baseline_overlap_accuracy"] == 1.0
    assert scores["baseline_majority_well_accuracy"] == 0.5
    assert scores["baseline_logistic_well_accuracy"] == 0.0
    assert scores["overlap_mse"] == pytest.approx(0.2**2 / 4)
    assert scores["baseline_mean_overlap_mse"] == pytest.approx((2 * 0.15**2 + 2 * 0.05**2) / 4)
    # Bins of 0.6, 0.8 and twice 0.9: the answers of 0.6 are wrong, the others right.
    assert scores["calibration_error"] == pytest.approx((0.6 + 0.2 + 0.2) / 4)
    assert scores["well_calibration_error"] == pytest.approx((0.3 + 0.1) / 2)


def test_folds_that_are_put_together_are_scored_as_one() -> None:
    patches, wells = tables()
    again = classifier_scores(pd.concat([patches[2:], patches[:2]]), wells[::-1], CLASSES, 0)
    straight = classifier_scores(patches, wells, CLASSES, 0)
    assert {k: s.value for k, s in again.items()} == pytest.approx(
        {k: s.value for k, s in straight.items()}
    )


def test_wells_are_tempered_on_top_of_their_patches() -> None:
    patches, wells = tables()
    first, second = fit_temperatures(patches, wells, CLASSES)
    alone = fit_temperatures(wells.assign(label=wells["stimulation"]), wells, CLASSES)
    assert first * second == pytest.approx(alone[0] * alone[1])
    assert alone[1] == pytest.approx(1.0)


def test_the_best_rule_is_compared_on_the_same_wells() -> None:
    _, wells = tables()
    assert best_rule(wells) == "baseline_majority"
    found = against_best_rule(wells, 0)
    assert (found.wins, found.losses, found.difference.value) == (1, 0, 0.5)


def test_of_equally_good_rules_the_last_is_named() -> None:
    _, wells = tables()
    tied = wells.assign(baseline_logistic=["Unstimulated", "Unstimulated"])
    assert best_rule(tied) == "baseline_logistic"


def test_units_are_numbered_by_name() -> None:
    assert index_of(pd.Series(["b", "a", "b"])).tolist() == [1, 0, 1]
