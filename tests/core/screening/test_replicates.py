"""Mean average precision of replicates by the real copairs, on tables of known answers."""

import numpy as np
import pandas as pd
import pytest

from ck19ml.core.screening import replicates
from ck19ml.core.screening.replicates import replicate_line, replicate_precision

pytest.importorskip("copairs")

WELLS = pd.DataFrame(
    {"plate": "P", "stimulation": "ConA", "compound": [*"aabb", "", "", ""],
     "concentration_um": [10.0] * 4 + [np.nan] * 3}
)  # fmt: skip
VEHICLE = np.array([False] * 4 + [True] * 3)
CHANCE = (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4
"""Of one replicate among three vehicle wells."""


def precision(values: list[float], wells: pd.DataFrame = WELLS) -> list[float]:
    found = replicate_precision(wells, VEHICLE, np.array(values)[:, None], "euclidean")
    assert found["chance"].to_numpy() == pytest.approx(CHANCE)
    return list(found["map"])


def test_perfect_replicates_give_1_and_hidden_ones_their_rank() -> None:
    # The wells of b, at 0 and 3.1, have all vehicle wells between them: last of four.
    assert precision([9, 9, 0, 3.1, 1, 1.5, 2]) == pytest.approx([1, 1 / 4])
    # From 0 the other is third, from 1.9 it is last.
    assert precision([9, 9, 0, 1.9, 1, 1.5, 2]) == pytest.approx([1, (1 / 3 + 1 / 4) / 2])


def test_ties_do_not_count_as_likeness() -> None:
    many = pd.concat([WELLS.assign(plate=f"P{i}") for i in range(200)], ignore_index=True)
    found = replicate_precision(many, np.tile(VEHICLE, 200), np.ones((1400, 1)), "euclidean")
    assert found["map"].mean() == pytest.approx(CHANCE, abs=0.05)


def test_plates_stimulations_and_concentrations_are_apart() -> None:
    other = WELLS.assign(concentration_um=[1.0, 10.0, 1.0, 10.0, *[np.nan] * 3])
    assert precision([0] * 7, other) == []
    other = WELLS.assign(stimulation=["ConA"] * 4 + ["OVA"] * 3)
    assert precision([0] * 7, other) == []
    both = pd.concat([WELLS, WELLS.assign(stimulation="OVA")], ignore_index=True)
    values = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, 1], [1, 1.5], [1.5, 1]] * 2, float)
    found = replicate_precision(both, np.tile(VEHICLE, 2), values, "cosine")
    assert found["map"].tolist() == [1] * 4
    assert replicate_line(found) == [
        "replicates, mean average precision among vehicle wells (by chance): ConA 1.00 (0.52), "
        "OVA 1.00 (0.52)"
    ]


def test_wells_without_a_value_are_left_out() -> None:
    found = replicate_precision(
        WELLS, VEHICLE, np.array([[9], [9], [np.nan], [0], [1], [2], [3]]), "euclidean"
    )
    assert found[["compound", "map"]].to_numpy().tolist() == [["a", 1.0]]


def test_without_copairs_a_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicates, "find_spec", lambda name: None)
    assert precision([0] * 7) == []
    assert "pip install 'ck19ml[profiles]'" in replicate_line(pd.DataFrame())[0]
