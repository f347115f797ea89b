"""Patches as the camera took them, of a dataset whose plate is still there."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ck19ml.core.patches import raise_background
from ck19ml.errors import PlateError
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.unraised import unraised


def test_raised_they_are_those_of_the_dataset(tiny_dataset: Dataset) -> None:
    rows = np.array([7, 0, len(tiny_dataset.table) - 1, 1])
    raw = unraised(tiny_dataset).read(rows)
    assert raw.min() < 255
    np.testing.assert_array_equal(raise_background(raw, 255), tiny_dataset.read(rows))


def test_images_that_are_gone_corrected_or_changed_are_said(
    tiny_dataset: Dataset, tmp_path: Path
) -> None:
    info = tiny_dataset.info | {"source": "no/plate"}
    gone = replace(tiny_dataset, path=tmp_path / "d.zarr", info=info)
    with pytest.raises(PlateError, match="not found at no/plate, nor beside it; put the plate"):
        unraised(gone)
    even = replace(tiny_dataset, info=tiny_dataset.info | {"preparation": {"illumination": True}})
    with pytest.raises(PlateError, match="unraised pixels are not corrected"):
        unraised(even)
    # One well's images in place of another's.
    shutil.copytree(tiny_dataset.info["source"], tmp_path / "plate")
    first, *_, last = sorted((tmp_path / "plate").glob("*FITC*"))
    shutil.copyfile(last, first)
    changed = unraised(gone)
    with pytest.raises(PlateError, match="is not the image that"):
        changed.read(np.arange(len(changed.table)))
