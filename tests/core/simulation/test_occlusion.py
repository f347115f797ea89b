"""Fields without some of their cells."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.core.overlap import DC, TCELL
from ck19ml.core.simulation.occlusion import BLOCK, Removal, removals, without

CELLS = pd.DataFrame(
    {
        "channel": ["dc", "dc", "tcell", "tcell", "tcell", "tcell"],
        "label": [1, 2, 1, 2, 3, 4],
        "partners": [2, 0, 1, 0, 1, 0],
    }
)


def test_the_control_of_the_contacts_is_as_many_t_cells_that_touch_no_dc() -> None:
    found = {each.name: each for each in removals(CELLS, np.random.default_rng(1))}
    assert {name: each.labels.tolist() for name, each in found.items()} == {
        "all DCs": [1, 2],
        "all T cells": [1, 2, 3, 4],
        "T cells on DCs": [1, 3],
        "as many other T cells": found["as many other T cells"].labels.tolist(),
    }
    assert sorted(found["as many other T cells"].labels) == [2, 4]
    assert [each.channel for each in found.values()] == [DC, TCELL, TCELL, TCELL]


def test_the_control_takes_all_free_t_cells_where_they_are_fewer() -> None:
    bound = CELLS.assign(partners=[2, 0, 1, 1, 1, 0])
    assert removals(bound, np.random.default_rng(1))[-1].labels.tolist() == [4]
    nothing = removals(CELLS[:0], np.random.default_rng(1))
    assert [len(each.labels) for each in nothing] == [0, 0, 0, 0]


def field(side: int = 2 * BLOCK) -> tuple[np.ndarray, np.ndarray]:
    """Background of 100 on the left and 200 on the right; two T cells of 900 in each half."""
    image = np.full((side, side, 2), 100, np.uint16)
    image[:, side // 2 :] = 200
    labels = np.zeros((2, side, side), np.int32)
    for number, (y, x) in enumerate([(20, 20), (20, 34), (80, 100)], start=1):
        labels[TCELL, y : y + 8, x : x + 8] = number
    image[..., TCELL][labels[TCELL] > 0] = 900
    labels[DC, 60:70, 60:70] = 1
    return image, labels


def test_removed_cells_take_the_values_of_their_surroundings() -> None:
    image, labels = field()
    made, gone = without(
        image, labels, Removal("", TCELL, np.array([1, 3])), 1.0, np.random.default_rng(0)
    )
    assert (gone == np.isin(labels[TCELL], [1, 3])).all()
    assert (made[..., DC] == image[..., DC]).all()
    assert (made[labels[TCELL] == 1, TCELL] == 100).all()
    assert (made[labels[TCELL] == 3, TCELL] == 200).all()
    assert (made[labels[TCELL] == 2, TCELL] == 900).all()
    assert image[20, 20, TCELL] == 900, "the field itself stays"


def test_the_blurred_rim_goes_with_the_cell_and_neighbours_stay() -> None:
    image, labels = field()
    image[18:30, 18:30, TCELL] = np.maximum(image[18:30, 18:30, TCELL], 300)
    made, _ = without(
        image, labels, Removal("", TCELL, np.array([1])), 1.0, np.random.default_rng(0)
    )
    assert (made[18:30, 18:30, TCELL] == 100).all()
    assert (made[labels[TCELL] == 2, TCELL] == 900).all()


def test_noise_stays_noise() -> None:
    rng = np.random.default_rng(3)
    image, labels = field()
    image[..., TCELL] = rng.normal(1000, 50, image.shape[:2]).astype(np.uint16)
    image[..., TCELL][labels[TCELL] > 0] = 3000
    made, gone = without(image, labels, Removal("", TCELL, np.array([1, 2, 3])), 1.0, rng)
    assert made[gone, TCELL].std() == pytest.approx(50, rel=0.25)
    assert made[gone, TCELL].mean() == pytest.approx(1000, abs=15)


@given(st.integers(0, 10**6))
def test_removing_nothing_changes_nothing(seed: int) -> None:
    image, labels = field(BLOCK + 7 if seed % 2 else 2 * BLOCK)
    nothing = Removal("", TCELL, np.array([], np.int32))
    made, gone = without(image, labels, nothing, 1.34, np.random.default_rng(seed))
    assert (made == image).all()
    assert not gone.any()


def test_a_field_that_cells_fill_takes_its_darkest_values() -> None:
    image, labels = field()
    labels[TCELL] = 1
    image[..., TCELL] = 900
    image[:10, :, TCELL] = 50
    made, _ = without(
        image, labels, Removal("", TCELL, np.array([1])), 1.0, np.random.default_rng(0)
    )
    assert (made[..., TCELL] == 50).all()
