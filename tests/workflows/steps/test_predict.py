"""Answers to a plate's wells against its layout, and against its masks."""

import numpy as np
import pandas as pd
import pytest

from ck19ml.workflows.steps.predict import against_layout
from tests.networks.test_evaluation import card

WELLS = pd.DataFrame(
    {
        "plate": "P",
        "well": ["A01", "A02", "A03", "A04", "A05"],
        "seen": [False, False, False, True, False],
        "stimulation": ["ConA", "ConA", "Unstimulated", "Unstimulated", None],
        "probability_Unstimulated": [0.2, 0.4, 0.75, 0.9, np.nan],
        "probability_ConA": [0.8, 0.6, 0.25, 0.1, np.nan],
    }
)
TRUE = ["ConA", "Unstimulated", "Unstimulated", "ConA", "ConA"]


def test_unseen_wells_that_have_an_answer_and_a_known_label_count() -> None:
    wells = WELLS.assign(layout_stimulation=TRUE)
    scores, (line,) = against_layout(wells, pd.DataFrame(), card())
    assert scores["well_accuracy"].value == pytest.approx(2 / 3)
    assert scores["well_log_loss"].value == pytest.approx(-np.log([0.8, 0.4, 0.75]).mean())
    assert "on 3 wells that the model has not seen" in line
    assert against_layout(wells.assign(seen=True), pd.DataFrame(), card()) == ({}, [])
    other = wells.assign(layout_stimulation="PMA")
    assert against_layout(other, pd.DataFrame(), card()) == ({}, [])
    assert against_layout(WELLS, pd.DataFrame(), card()) == ({}, [])


def test_a_regressor_is_scored_against_the_masks_of_usable_patches() -> None:
    patches = pd.DataFrame(
        {
            "plate": "P",
            "well": ["A01", "A01", "A02", "A04", "A03"],
            "faulty": [False, True, False, False, False],
            "overlap": [0.1, 0.0, 0.3, 0.0, 0.2],
            "predicted_overlap": [0.2, 0.9, 0.3, 0.9, 0.1],
        }
    )
    scores, (line,) = against_layout(WELLS, patches, card("regressor"))
    assert scores["overlap_mse"].value == pytest.approx(0.02 / 3)
    assert "of 3 patches" in line
    assert against_layout(WELLS.assign(seen=True), patches, card("regressor")) == ({}, [])
