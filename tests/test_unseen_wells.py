from dataclasses import replace

import numpy as np
import pytest

from ck19ml.errors import PlateError
from ck19ml.networks.evaluation import unseen_rows
from ck19ml.plates.dataset.store import Dataset
from tests.networks.test_evaluation import card


def test_rows_of_wells_are_all_of_theirs_and_no_others(tiny_dataset: Dataset) -> None:
    wells = tiny_dataset.wells.iloc[[5, 2]]
    rows = tiny_dataset.rows_of(wells)
    assert np.all(np.diff(rows) > 0)
    assert set(tiny_dataset.table.iloc[rows]["well"]) == set(wells["well"])
    assert len(rows) == 8


def test_wells_that_a_model_has_seen_are_left_out_by_their_pixels(tiny_dataset: Dataset) -> None:
    wells = tiny_dataset.wells
    seen = {"train": list(wells["sha256"][:10]), "validation": list(wells["sha256"][10:15])}
    known = card(wells=seen | {"test": list(wells["sha256"][15:])})
    rows = unseen_rows(tiny_dataset, known)
    assert set(tiny_dataset.table.iloc[rows]["well"]) == set(wells["well"][15:])
    assert len(rows) == 4 * (len(wells) - 15)


def test_a_renamed_plate_hides_no_well(tiny_dataset: Dataset) -> None:
    known = card(wells={"train": list(tiny_dataset.wells["sha256"][1:])})
    renamed = replace(
        tiny_dataset,
        table=tiny_dataset.table.assign(plate="other"),
        fields=tiny_dataset.fields.assign(plate="other"),
    )
    np.testing.assert_array_equal(unseen_rows(renamed, known), unseen_rows(tiny_dataset, known))
    assert len(unseen_rows(renamed, known)) == 4


def test_a_model_that_has_seen_everything_cannot_be_evaluated(tiny_dataset: Dataset) -> None:
    known = card(wells={"validation": list(tiny_dataset.wells["sha256"])})
    with pytest.raises(PlateError, match=r"the model has seen every well in .*tiny\.zarr"):
        unseen_rows(tiny_dataset, known)


def test_patches_of_another_size_are_refused(tiny_dataset: Dataset) -> None:
    with pytest.raises(PlateError, match="has patches of 192 pixels, but the model takes 128"):
        unseen_rows(tiny_dataset, card(patch_size=128))
