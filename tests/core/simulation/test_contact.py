from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ck19ml.core.chance import by_chance
from ck19ml.core.overlap import DC, TCELL
from ck19ml.core.simulation.contact import (
    ALL,
    MEASURES,
    contact_scores,
    judge_contacts,
    measure,
    separation,
)
from ck19ml.core.simulation.field import simulate_field
from ck19ml.core.simulation.parameters import Parameters


def test_density_scales_the_cells_and_nothing_else() -> None:
    plain, dense = Parameters(), Parameters().at_density(3)
    for name, condition in dense.conditions.items():
        before = plain.conditions[name]
        assert condition.tcell_count == tuple(3 * value for value in before.tcell_count)
        assert condition.dc_count == tuple(3 * value for value in before.dc_count)
        assert condition.contact == before.contact
    assert dense.camera == plain.camera


def test_measures_by_hand() -> None:
    masks = np.zeros((9, 9, 2), bool)  # 2 x 2 patches of 4; the left column and last row are margin
    masks[0:4, 1:5, DC] = True  # the first patch as a whole
    masks[2:6, 1:5, TCELL] = True  # half on it, half in the patch below
    found = measure(masks, patch_size=4)
    assert found["patch_overlap"] == pytest.approx(0.5 / 4)
    assert found["tcell_overlap"] == 0.5
    assert found["overlap_excess"] == pytest.approx(0.5 - 16 / 64)
    assert found["overlap_z"] == pytest.approx(by_chance(masks[None, :8, 1:]).z[0])


def wells(measured: dict[str, list[float]], density: list[str]) -> pd.DataFrame:
    number = len(density)
    table = pd.DataFrame({name: measured.get(name, [0.0] * number) for name in MEASURES})
    return table.assign(
        masks="truth",
        density=density,
        stimulation=["ConA", "ConA", "Unstimulated", "Unstimulated"] * (number // 4),
        control=True,
        contact=[0.9, 1.0, 0.1, 0.2] * (number // 4),
    )


def test_what_follows_density_is_told_from_what_follows_contact() -> None:
    contact = [0.9, 1.0, 0.1, 0.2] * 2
    crowded = [value + 5 * (index >= 4) for index, value in enumerate(contact)]
    table = wells({"overlap_excess": contact, "tcell_overlap": crowded}, ["low"] * 4 + ["high"] * 4)
    scores = separation(table).set_index(["density", "measure"])
    assert scores.loc[("low", "tcell_overlap"), "spearman"] == pytest.approx(1)
    assert scores.loc[(ALL, "overlap_excess"), "spearman"] == pytest.approx(1)
    assert scores.loc[(ALL, "tcell_overlap"), "spearman"] < 0.6
    # 1 - 3 (0.0707 + 0.0707) / 0.8 within a density
    assert scores.loc[("high", "overlap_excess"), "z_prime"] == pytest.approx(0.4697, abs=1e-4)
    assert scores.loc[(ALL, "tcell_overlap"), "z_prime"] < 0
    assert scores["wells"].tolist() == [4] * 8 + [8] * 4


def test_calls_by_hand() -> None:
    view = replace(
        simulate_field("OVA", Parameters(), 64, np.random.default_rng(1)),
        contact_yx=np.array([[0.2, 0.4], [1.0, 1.0], [5.0, 5.0]]),  # two in one found cell
        settled_yx=np.array([[5.4, 0.0], [5.0, 9.8]]),  # the last lies beyond the edge
    )
    labels = np.zeros((6, 10), np.int32)
    labels[:2, :2], labels[4:, :2], labels[4:, 4:6], labels[4:, 8:] = 1, 2, 3, 4
    labels[0, 8] = 5
    found = judge_contacts(labels, np.array([1, 2, 0, 1, 1]), view)
    assert found == {
        "called": 4,
        "bound": 3,
        "bound_found": 1,  # the third is found, and touches nothing
        "on_dc": 5,
        "on_dc_found": 3,
    }


def test_scores_of_calls_by_hand() -> None:
    counts = pd.DataFrame(
        {
            "condition": "plain",
            "masks": "otsu",
            "stimulation": ["OVA", "ConA"],
            "called": [4, 6],
            "bound": [3, 5],
            "bound_found": [1, 3],
            "on_dc": [4, 6],
            "on_dc_found": [4, 6],
        }
    )
    scores = contact_scores(counts, seed=1).set_index(["stimulation", "truth"])
    every = scores.loc[(ALL, "bound")]
    assert (every["precision"], every["recall"]) == (0.4, 0.5)
    assert every["f1"] == pytest.approx(2 * 0.4 * 0.5 / (0.4 + 0.5))
    assert scores.loc[("OVA", "bound"), "precision"] == 0.25
    assert scores.loc[(ALL, "on_dc"), "f1"] == 1
