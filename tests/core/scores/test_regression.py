import numpy as np
import pytest

from ck19ml.core.scores.regression import regression_scores

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


def test_fields_of_a_well_are_resampled_together() -> None:
    wells, generator = 20, np.random.default_rng(0)
    well, field = np.repeat(np.arange(wells), 30), np.arange(600) // 3
    true = generator.random(600)
    predicted = true + np.repeat(generator.normal(0, 0.1, wells), 30)  # wells differ, fields do not
    scores = regression_scores(true, predicted, well, field, np.full(600, "OVA"), rng())
    found = scores["field_overlap_mse"]
    errors = np.unique((predicted - true).round(9)) ** 2
    sd = np.sqrt(errors.var(ddof=1) / wells)
    # Resampling 200 fields would give an interval a third as wide.
    assert found.high - found.low == pytest.approx(2 * 2.09 * sd, rel=0.2)


def test_plates_are_resampled_where_the_split_was_by_plate() -> None:
    generator = np.random.default_rng(0)
    well = np.repeat(np.arange(40), 5)
    plate = well // 20
    true = generator.random(200)
    predicted = true + np.where(plate, 0.1, 0.3)
    names = np.full(200, "OVA")
    by_well = regression_scores(true, predicted, well, well, names, rng())["overlap_mse"]
    by_plate = regression_scores(true, predicted, well, well, names, rng(), plate)["overlap_mse"]
    assert by_plate.value == pytest.approx(by_well.value)
    assert by_plate.high > 2 * by_well.high
    assert by_plate.low == 0.0
