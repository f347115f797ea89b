"""What stops a preparation is named, and leaves everything as it was."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.folder import Plate, find_plate
from ck19ml.plates.preparation.prepare import open_prepared
from ck19ml.plates.preparation.settings import Preparation, Source
from tests.plates.made_plates import SIDE, contents, grey, labels, write_image, write_well
from tests.plates.prepared import prepare_dataset

LAYOUT = labels(["A03", "B11"])


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    """Two wells, one of two fields; 2 x 2 patches of 16 pixels a field."""
    write_well(tmp_path / "plate", "A", 3)
    write_well(tmp_path / "plate", "A", 3, field=2)
    write_well(tmp_path / "plate", "B", 11)
    return find_plate(tmp_path / "plate")


def prepared(plate: Plate, target: Path, layout: pd.DataFrame = LAYOUT, **changes: int) -> Dataset:
    return prepare_dataset(plate, layout, target, **({"mask": "otsu", "patch_size": 16} | changes))


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:700])


BAD_FILES = {
    "truncated": cut_short,
    "two sizes": lambda path: write_image(path, grey(0, (SIDE, SIDE + 1))),
    "8 bits": lambda path: write_image(path, grey(0, bits=8)),
    "too bright": lambda path: write_image(path, np.full((SIDE, SIDE), 4096, np.uint16)),
}


@pytest.mark.parametrize("file", [0, 2])  # the first is read before anything is made
@pytest.mark.parametrize("bad", BAD_FILES)
def test_a_bad_file_is_named_and_nothing_is_left(
    plate: Plate, tmp_path: Path, bad: str, file: int
) -> None:
    BAD_FILES[bad](plate.fields[file].tcell)
    before = contents(tmp_path)
    with pytest.raises(PlateError) as caught:
        prepared(plate, tmp_path / "d.zarr")
    assert str(plate.fields[file].tcell) in str(caught.value)
    assert contents(tmp_path) == before


def test_another_size_of_field_is_named(plate: Plate, tmp_path: Path) -> None:
    for path in (plate.fields[1].dc, plate.fields[1].tcell):
        write_image(path, grey(0, (SIDE, SIDE + 1)))
    before = contents(tmp_path)
    with pytest.raises(PlateError, match=r"has 40 x 41 pixels, the rest of the plate 40 x 40") as e:
        prepared(plate, tmp_path / "d.zarr")
    assert str(plate.fields[1].dc) in str(e.value)
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_a_bad_file_leaves_nothing_with_several_processes_either(
    plate: Plate, tmp_path: Path
) -> None:
    cut_short(plate.fields[1].dc)
    before = contents(tmp_path)
    with pytest.raises(PlateError) as caught:
        prepared(plate, tmp_path / "d.zarr", workers=2)
    assert str(plate.fields[1].dc) in str(caught.value)
    assert contents(tmp_path) == before


def test_a_dataset_that_stood_there_stays_when_its_successor_fails(
    plate: Plate, tmp_path: Path
) -> None:
    prepared(plate, tmp_path / "d.zarr")
    cut_short(plate.fields[2].dc)
    before = contents(tmp_path)
    with pytest.raises(PlateError):
        prepared(plate, tmp_path / "d.zarr", patch_size=32)
    assert contents(tmp_path) == before


def test_a_dataset_that_stood_there_goes_when_its_successor_is_whole(
    plate: Plate, tmp_path: Path
) -> None:
    prepared(plate, tmp_path / "d.zarr")
    assert prepared(plate, tmp_path / "d.zarr", patch_size=32).parameters["patch_size"] == 32
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.zarr", "plate"]


def test_wells_that_the_layout_lacks_are_named(plate: Plate, tmp_path: Path) -> None:
    before = contents(tmp_path)
    with pytest.raises(PlateError, match="the layout lacks B11, which have images; add"):
        prepared(plate, tmp_path / "d.zarr", labels(["A03"]))
    assert contents(tmp_path) == before


def test_a_field_smaller_than_any_patch_is_refused(tmp_path: Path) -> None:
    for plane in write_well(tmp_path / "plate", "A", 3):
        write_image(plane, grey(1, (40, 12)))
    before = contents(tmp_path)
    with pytest.raises(PlateError, match="40 x 12 pixels, smaller than the smallest patch of 16"):
        prepared(find_plate(tmp_path / "plate"), tmp_path / "d.zarr")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("target", ["plate", "file", "folder"])
def test_nothing_but_a_dataset_is_ever_replaced(plate: Plate, tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("x")
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match="not a ck19ml dataset"):
        prepared(plate, tmp_path / target)
    with pytest.raises(ConfigError, match="not a ck19ml dataset"):
        open_prepared([Source(plate, LAYOUT)], tmp_path / target, Preparation(patch_size=16))
    assert contents(tmp_path) == before


def test_a_place_below_a_file_is_refused(plate: Plate, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    before = contents(tmp_path)
    with pytest.raises(PlateError, match=r"cannot write the dataset .*d\.zarr"):
        prepared(plate, tmp_path / "file" / "d.zarr")
    assert contents(tmp_path) == before
