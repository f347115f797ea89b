import numpy as np
import pytest

from ck19ml.core.scores.regression import against_truth, regression_scores

TRUE = np.array([0.0, 0.2, 0.4, 0.2, 0.1, 0.3])
PREDICTED = np.array([0.1, 0.1, 0.4, 0.4, 0.1, 0.1])
WELL = np.array([0, 0, 1, 1, 1, 1])
FIELD = np.array([0, 0, 1, 1, 2, 2])
NAMES = np.array(["OVA", "OVA", "ConA", "ConA", "ConA", "ConA"])


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_patches_fields_and_stimulations_by_hand() -> None:
    scores = regression_scores(TRUE, PREDICTED, WELL, FIELD, NAMES, rng())
    assert scores["overlap_mse"].value == pytest.approx(0.1 / 6)
    # Field means: 0.1 against 0.1, 0.3 against 0.4, 0.2 against 0.1.
    assert scores["field_overlap_mse"].value == pytest.approx(0.02 / 3)
    assert scores["field_overlap_r2"].value == pytest.approx(1 - 0.02 / 0.02)
    assert scores["overlap_mse_OVA"].value == pytest.approx(0.01)
    assert scores["overlap_rmse_ConA"].value == pytest.approx(np.sqrt(0.08 / 4))
    assert scores["overlap_r2_ConA"].value == pytest.approx(1 - 0.08 / 0.05)
    assert scores["field_overlap_rmse_ConA"].value == pytest.approx(0.1)


def test_two_fields_of_a_well_are_resampled_together() -> None:
    scores = regression_scores(TRUE, PREDICTED, WELL, FIELD, NAMES, rng())
    # Draws are of the wells {0, 0}, {0, 1} and {1, 1}: nothing lies outside of their errors.
    assert scores["field_overlap_mse"].low == pytest.approx(0.0)
    assert scores["field_overlap_mse"].high == pytest.approx(0.01)


def test_masks_can_rank_patches_and_still_be_far_from_the_truth() -> None:
    truth = np.linspace(0.1, 0.6, 6)
    scores, numbers = against_truth(truth, truth + 0.01, truth / 10, WELL, rng())
    assert scores["truth_overlap_rmse"].value == pytest.approx(0.01)
    assert scores["baseline_masks_truth_overlap_r2"].value < 0 < scores["truth_overlap_r2"].value
    assert numbers["baseline_masks_truth_overlap_pearson"] == pytest.approx(1)


def test_a_constant_prediction_has_no_correlation_with_the_truth() -> None:
    _, numbers = against_truth(TRUE, np.full(6, 0.1), TRUE, WELL, rng())
    assert np.isnan(numbers["truth_overlap_pearson"])
