"""Answers to a plate's wells against its layout, and against its masks."""

import numpy as np
import pandas as pd
import pytest

from ck19ml.workflows.steps.predict import against_layout, copies_line
from tests.networks.test_evaluation import card

WELLS = pd.DataFrame(
    {
        "plate": "P",
        "well": ["A01", "A02", "A03", "A04", "A05"],
        "seen": [False, False, False, True, False],
        "sha256": ["a", "b", "c", "d", "e"],
        "faulty_share": [0.0, 0.0, 0.5, 0.0, 1.0],
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


def test_a_copied_well_counts_once() -> None:
    wells = WELLS.assign(layout_stimulation=TRUE)
    alone, (line,) = against_layout(wells, pd.DataFrame(), card())
    copied = pd.concat([wells, wells.iloc[[0, 0]].assign(well=["B01", "B02"])], ignore_index=True)
    scores, (same,) = against_layout(copied, pd.DataFrame(), card())
    assert (scores, same) == (alone, line)
    assert copies_line(wells.assign(sha256=["a", "b", "c", "d", "a"])) == []  # E is unusable
    assert copies_line(copied) == [
        "2 of 7 wells (B01, B02) have the same pixels as another and count once"
    ]
    patches = pd.DataFrame(
        {"plate": "P", "well": ["A01", "A02", "B01"], "faulty": False, "overlap": [0.1, 0.3, 0.1],
         "predicted_overlap": [0.2, 0.3, 0.2]}
    )  # fmt: skip
    found, _ = against_layout(copied, patches, card("regressor"))
    assert found["overlap_mse"].value == pytest.approx(0.01 / 2)


def test_copies_with_unlike_labels_are_one_unit_of_the_interval() -> None:
    wells = WELLS.assign(layout_stimulation=TRUE, sha256=["a", "a", "c", "d", "e"])
    scores, _ = against_layout(wells, pd.DataFrame(), card())
    three, _ = against_layout(WELLS.assign(layout_stimulation=TRUE), pd.DataFrame(), card())
    assert scores["well_accuracy"].value == three["well_accuracy"].value
    assert scores["well_accuracy"] != three["well_accuracy"]  # two units in place of three
