import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.truth import KEYS, OF_MASKS, true_overlap, with_truth


def test_each_patch_has_the_truth_of_its_own_place(tiny_dataset: Dataset, tiny_plate: Path) -> None:
    found = true_overlap(tiny_dataset)
    assert found is not None
    truth = pd.read_parquet(tiny_plate / "truth.parquet").set_index(KEYS)["overlap"]
    for row in (0, 7, len(found) - 1):
        place = tuple(tiny_dataset.table.loc[row, KEYS])
        assert found[row] == truth.loc[place]
    assert np.isfinite(found).all()


def test_rows_in_another_order_have_their_own_truth(tiny_dataset: Dataset) -> None:
    back = replace(tiny_dataset, table=tiny_dataset.table.iloc[::-1].reset_index(drop=True))
    first, second = true_overlap(tiny_dataset), true_overlap(back)
    assert first is not None and second is not None  # noqa: PT018
    np.testing.assert_array_equal(first[::-1], second)


def test_without_a_truth_there_is_none(tiny_dataset: Dataset, tmp_path: Path) -> None:
    gone = replace(tiny_dataset, info=tiny_dataset.info | {"source": str(tmp_path / "gone")})
    assert true_overlap(gone) is None
    assert true_overlap(tiny_dataset, "overlap_excess") is None


def test_patches_of_another_size_have_no_truth(tiny_dataset: Dataset) -> None:
    fewer = tiny_dataset.table.query("patch < 3").reset_index(drop=True)
    more = tiny_dataset.table.assign(patch=tiny_dataset.table["patch"] + 4)
    every = pd.concat([tiny_dataset.table, more], ignore_index=True)
    assert true_overlap(replace(tiny_dataset, table=fewer)) is None
    assert true_overlap(replace(tiny_dataset, table=every)) is None


def test_of_several_plates_those_with_a_truth_have_it(
    tiny_dataset: Dataset, tiny_plate: Path, tmp_path: Path
) -> None:
    shutil.copy(tiny_plate / "truth.parquet", tmp_path)
    other = tiny_dataset.table.assign(plate="other")
    both = pd.concat([tiny_dataset.table, other], ignore_index=True)
    source = {"source": f"{tmp_path}, {tmp_path / 'other'}"}
    found = true_overlap(replace(tiny_dataset, table=both, info=tiny_dataset.info | source))
    assert found is not None
    np.testing.assert_array_equal(np.isnan(found), both["plate"] == "other")


def test_the_truth_stands_in_for_the_masks_where_all_of_it_is_known(
    tiny_dataset: Dataset, tmp_path: Path
) -> None:
    found = with_truth(tiny_dataset, "tcell_overlap").table
    np.testing.assert_array_equal(found["overlap"], true_overlap(tiny_dataset, "tcell_overlap"))
    np.testing.assert_array_equal(found[OF_MASKS], tiny_dataset.table["tcell_overlap"])
    again = with_truth(with_truth(tiny_dataset, "overlap"), "overlap").table
    np.testing.assert_array_equal(again[OF_MASKS], tiny_dataset.table["overlap"])
    gone = replace(tiny_dataset, info=tiny_dataset.info | {"source": str(tmp_path / "gone")})
    own = with_truth(gone, "overlap").table
    assert OF_MASKS not in own
    np.testing.assert_array_equal(own["overlap"], tiny_dataset.table["overlap"])
