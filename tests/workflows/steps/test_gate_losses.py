"""What the gate compares: the losses of wells."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ck19ml.networks.evaluation import Evaluation
from ck19ml.workflows.steps.gate import compare, well_losses

WELLS = pd.DataFrame(
    {"plate": ["P", "P"], "well": ["A01", "A02"], "sha256": ["hash of A01", "hash of A02"]}
)


def patches(**columns: list[Any]) -> Evaluation:
    table = pd.DataFrame({"plate": "P", "well": ["A01", "A01", "A02"], **columns})
    return Evaluation({}, {}, table, WELLS)


def test_a_classifier_s_loss_of_a_well_is_the_log_loss_of_its_answer() -> None:
    wells = pd.DataFrame(
        {"plate": "P", "well": ["A01", "A02"], "stimulation": ["ConA", "OVA"],
         "probability_OVA": [0.75, 0.1], "probability_ConA": [0.25, 0.9]}
    )  # fmt: skip
    losses = well_losses("classifier", Evaluation({}, {}, pd.DataFrame(), wells), WELLS)
    assert losses == pytest.approx({"hash of A01": -np.log(0.25), "hash of A02": -np.log(0.1)})


def test_a_regressor_s_loss_of_a_well_is_its_mean_squared_error() -> None:
    evaluation = patches(overlap=[0.1, 0.2, 0.3], predicted_overlap=[0.2, 0.2, 0.0])
    losses = well_losses("regressor", evaluation, WELLS)
    assert losses == pytest.approx({"hash of A01": 0.005, "hash of A02": 0.09})


def test_an_autoencoder_s_loss_of_a_well_is_its_mean_reconstruction_loss() -> None:
    losses = well_losses("autoencoder", patches(bce=[0.1, 0.3, 0.7]), WELLS)
    assert losses == pytest.approx({"hash of A01": 0.2, "hash of A02": 0.7})


@pytest.mark.parametrize(
    ("differences", "better"),
    [
        ([0.1, 0.2, 0.1, 0.3, 0.2, 0.1] * 2, True),  # better in each of twelve wells
        ([0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.2, 0.1, 0.1, 0.2, 0.1], False),  # eleven are too few
        ([0.5, -0.4, 0.6, -0.5, 0.3, -0.2] * 2, False),  # better on average, within chance
        ([-0.1] * 12, False),
        ([0.0] * 12, False),
    ],
)
def test_better_means_by_more_than_chance(differences: list[float], better: bool) -> None:
    theirs = {str(well): 1.0 for well in range(len(differences))}
    mine = {str(well): 1.0 - value for well, value in enumerate(differences)}
    found = compare(mine, theirs)
    assert found is not None
    assert found.better is better
    assert found.difference.value == pytest.approx(np.mean(differences))


def test_wells_of_one_plate_are_one_unit() -> None:
    wells = {str(well): 1.0 for well in range(60)}
    better = {str(well): 0.9 for well in range(60)}
    plates = {str(well): f"P{well // 10}" for well in range(60)}
    found = compare(better, wells, plates)
    assert found is not None
    assert len(found.mine) == 6
    assert not found.better
    alone = compare(better, wells)
    assert alone is not None
    assert alone.better


def test_wells_that_only_one_of_the_two_was_measured_on_do_not_count() -> None:
    found = compare({"a": 1.0, "b": 2.0}, {"b": 2.5, "c": 0.0})
    assert found is not None
    assert (found.mine, found.theirs) == ([2.0], [2.5])
    assert not found.better
    assert compare({"a": 1.0}, {"b": 1.0}) is None
