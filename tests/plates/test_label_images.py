"""Label images of other programs, as files, and a plate's own through an export."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from numpy.typing import NDArray

from ck19ml.config import PrepareConfig
from ck19ml.core.instrument_masks import label_field
from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.dataset.store import Dataset, open_dataset
from ck19ml.plates.export import export_plate
from ck19ml.plates.folder import Plate, find_plate, read_field
from ck19ml.plates.images import ImageError
from ck19ml.plates.label_images import find_labels, read_labels
from ck19ml.plates.layouts.reading import write_layout
from ck19ml.plates.preparation.prepare import prepare_plates
from ck19ml.plates.preparation.settings import Preparation, Source
from ck19ml.workflows.prepare import prepare, prepared
from tests.plates.made_plates import SIDE, labels, write_well

WELLS = ["A03", "B11"]
CONFIG = PrepareConfig(patch_size=16)
SAME = ("patches.parquet", "fields.parquet", "cells.parquet", "measurements.parquet")


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    folder = tmp_path / "plate"
    write_well(folder, "A", 3)
    write_well(folder, "B", 11)
    write_layout(labels(WELLS), folder / "layout.csv")
    return find_plate(folder)


def cells_of(plate: Plate) -> dict[Path, NDArray[np.int32]]:
    """The cells of each image by the default mask method."""
    found = {}
    for field in plate.fields:
        image = read_field(field, plate.description)
        own = label_field(image, plate.description.cells, plate.description.pixel_size_um)
        found |= dict(zip((field.dc, field.tcell), own, strict=True))
    return found


@pytest.fixture
def made(plate: Plate, tmp_path: Path) -> Path:
    """A folder of label images as Cellpose names them, numbered with gaps."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for path, cells in cells_of(plate).items():
        numbers = (5 * cells).astype(np.uint16)
        tifffile.imwrite(folder / f"{path.stem}_cp_masks.tif", numbers)
    return folder


def tables(dataset: Dataset) -> list[pd.DataFrame]:
    read = [pd.read_parquet(dataset.path / name) for name in SAME]
    instrument = pd.read_csv(dataset.path / "instrument.csv").drop(columns="mask")
    return [*read, instrument]


def same(one: Dataset, two: Dataset) -> None:
    for mine, other in zip(tables(one), tables(two), strict=True):
        pd.testing.assert_frame_equal(mine, other)
    every = np.arange(len(one.table))
    np.testing.assert_array_equal(one.read_masks(every), two.read_masks(every))


def test_own_cells_as_label_images_come_back_with_the_same_numbers(
    plate: Plate, made: Path, tmp_path: Path
) -> None:
    own = prepare(plate, tmp_path / "own.zarr", CONFIG)
    config = CONFIG.model_copy(update={"labels": made})
    again = prepare(plate, tmp_path / "again.zarr", config)
    same(own, again)
    assert again.parameters["mask"] == "labels"
    # The files are part of what a dataset was made from.
    assert prepared(plate, tmp_path / "again.zarr", config) is not None
    first = min(made.iterdir())
    tifffile.imwrite(first, np.where(tifffile.imread(first) == 5, 0, tifffile.imread(first)))
    with pytest.raises(ConfigError, match="other images"):
        prepared(plate, tmp_path / "again.zarr", config)


def test_an_export_carries_its_cells(plate: Plate, tmp_path: Path) -> None:
    target = export_plate(plate, tmp_path / "p.ome.zarr", layout=labels(WELLS))
    own = prepare(plate, tmp_path / "own.zarr", CONFIG)
    for source, name in ((plate, "mixed.zarr"), (find_plate(target), "again.zarr")):
        found = find_labels(source, target)
        assert not found.problems
        sources = [Source(source, labels(WELLS), found)]
        prepare_plates(sources, tmp_path / name, Preparation(patch_size=16))
        same(own, open_dataset(tmp_path / name))
    bare = export_plate(plate, tmp_path / "bare.ome.zarr", labels=False)
    assert len(find_labels(plate, bare).problems) == 4


def test_patterns_of_plate_yaml_name_them(plate: Plate, tmp_path: Path) -> None:
    folder = tmp_path / "qupath"
    for path, cells in cells_of(plate).items():
        field = next(f for f in plate.fields if path in (f.dc, f.tcell))
        kind = "red" if path == field.dc else "green"
        (folder / kind).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / kind / f"{field.well}-labels.tif", cells)
    name = r"(?P<row>[A-P])(?P<column>\d+)-labels\.tif"
    (plate.folder / "plate.yaml").write_text(
        f"labels:\n  dc: 'red/{name}'\n  tcell: 'green/{name}'\n", encoding="utf-8"
    )
    found = find_labels(find_plate(plate.folder), folder)
    assert {f.well: [p.parent.name for p in pair] for f, pair in found.files.items()} == {
        well: ["red", "green"] for well in WELLS
    }


def test_what_is_missing_or_there_twice_is_named(plate: Plate, made: Path) -> None:
    first, second, *_ = sorted(made.iterdir())
    first.with_name(first.name.replace("_cp_masks", ".stardist")).write_bytes(first.read_bytes())
    second.rename(made / second.name.replace("_cp_masks.tif", "_seg.npy"))
    problems = find_labels(plate, made).problems
    assert sorted(problem.kind for problem in problems) == ["duplicate file", "missing labels"]
    told = " ".join(problem.message for problem in problems)
    assert "2 label images" in told
    assert "loading a pickle runs code; save label images with 'cellpose --save_tif'" in told


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a_seg.npy"], "loading a pickle runs code"),
        ([], "holds no label images"),
    ],
)
def test_folders_without_label_images_are_refused(
    plate: Plate, tmp_path: Path, names: list[str], text: str
) -> None:
    folder = tmp_path / "none"
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    with pytest.raises(PlateError, match=text):
        find_labels(plate, folder)


def two_places() -> NDArray[np.uint16]:
    values = np.zeros((SIDE, SIDE), np.uint16)
    values[2:5, 2:5], values[10:12, 10:12], values[20:22, 2:4] = 7, 3, 7
    return values


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (np.zeros((SIDE, SIDE - 1), np.uint16), "expected labels of 40 x 40 pixels as the image"),
        (np.zeros((SIDE, SIDE), np.float32), "expected whole numbers, found float32"),
        (np.full((SIDE, SIDE), -1, np.int32), "expected numbers from 0, found -1"),
        (two_places(), "label 7 lies in 2 places far apart"),
        ((two_places() > 0).astype(np.uint8) * 255, "one value, 255, in 3 places: a binary mask"),
        (np.zeros((3, SIDE, SIDE), np.uint16), "instead of one plane"),
    ],
)
def test_images_that_are_no_labels_are_refused(
    tmp_path: Path, values: NDArray[np.generic], text: str
) -> None:
    tifffile.imwrite(tmp_path / "l.tif", values, photometric="minisblack")
    with pytest.raises(ImageError, match=text):
        read_labels((tmp_path / "l.tif", tmp_path / "l.tif"), (SIDE, SIDE))


def test_cells_are_numbered_without_gaps(tmp_path: Path) -> None:
    values = np.where(two_places() == 7, 0, two_places())
    values[0, :2] = 9
    tifffile.imwrite(tmp_path / "l.tif", values)
    found = read_labels((tmp_path / "l.tif", tmp_path / "l.tif"), (SIDE, SIDE))
    assert np.bincount(found.labels[0].ravel())[1:].tolist() == [4, 2]
    assert found.masks[1].sum() == 6
    assert found.pixels == SIDE**2
