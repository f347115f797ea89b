import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset
import pytest
import tifffile
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from ck19ml.errors import PlateError
from ck19ml.plates.export import export_plate
from ck19ml.plates.folder import Plate, find_plate, read_field
from ck19ml.plates.layouts.zarr_plate import zarr_layout
from tests.plates.made_plates import grey, labels, write_image

WELLS = ("B02", "B11", "C03")
SIZE = 600


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    """Three wells with two fields each."""
    folder = tmp_path / "CK01"
    folder.mkdir()
    names = [
        f"CK01 - {well[0]} - {well[1:]}(fld {field} wv {wave} - {wave}).tif"
        for well in WELLS
        for field in (1, 2)
        for wave in ("FITC", "TexasRed")
    ]
    for seed, name in enumerate(names):
        write_image(folder / name, grey(seed, (SIZE, SIZE)))
    return find_plate(folder)


def test_every_field_is_there_bit_for_bit(plate: Plate, tmp_path: Path) -> None:
    root = zarr.open_group(export_plate(plate, tmp_path / "p.ome.zarr"), mode="r")
    for field in plate.fields:
        path = f"{field.well[0]}/{int(field.well[1:])}/{field.field - 1}/s0"
        stored = np.moveaxis(np.asarray(root[path]), 0, -1)
        np.testing.assert_array_equal(stored, read_field(field, plate.description))


def test_ngff_s_own_reader_shows_the_plate(plate: Plate, tmp_path: Path) -> None:
    target = export_plate(plate, tmp_path / "p.ome.zarr")
    location = parse_url(target)
    assert location is not None
    (node,) = list(Reader(location)())
    # Rows A-H and columns 1-12 of the first field of each well, side by side.
    assert node.data[0].shape == (2, 8 * SIZE, 12 * SIZE)
    assert node.metadata["channel_names"] == ["DC", "T cell"]
    shown = np.asarray(node.data[0][0, SIZE : 2 * SIZE, SIZE : 2 * SIZE])
    np.testing.assert_array_equal(shown, tifffile.imread(plate.fields[0].dc))


def test_a_field_says_its_pixel_size_and_its_pyramid(plate: Plate, tmp_path: Path) -> None:
    target = export_plate(plate, tmp_path / "p.ome.zarr")
    ome = json.loads((target / "B" / "2" / "0" / "zarr.json").read_text())["attributes"]["ome"]
    (multiscale,) = ome["multiscales"]
    assert [(axis["name"], axis.get("unit")) for axis in multiscale["axes"]] == [
        ("c", None), ("y", "micrometer"), ("x", "micrometer"),
    ]  # fmt: skip
    scales = [level["coordinateTransformations"][0]["scale"] for level in multiscale["datasets"]]
    pixel = plate.description.pixel_size_um
    assert scales[0] == [1.0, pixel, pixel]
    assert scales[1][1] == pytest.approx(2 * pixel)
    assert len(scales) == 3  # 600, 300, 150
    assert [channel["color"] for channel in ome["omero"]["channels"]] == ["FF0000", "00FF00"]


def test_wells_carry_their_rows_of_the_layout(plate: Plate, tmp_path: Path) -> None:
    target = export_plate(plate, tmp_path / "p.ome.zarr", layout=labels(WELLS))
    attributes = zarr.open_group(target, mode="r")["B/2"].attrs
    assert attributes["ck19ml"]["well"] == "B02"
    assert "stimulation" in attributes["ck19ml"]


def navigator_wells(folder: Path, column: str, value: str) -> list[str]:
    """Filter wells as napari-ome-zarr-navigator 0.4 does, through ngio's table format.

    Source: `condition_filter.py` and `well_utils.py` there; `_tables_container.py` and
    `_py_arrow_backends.py` in ngio 0.5.
    """
    plate = zarr.open_group(folder, mode="r")
    names = [
        name for name in plate["tables"].attrs["tables"]
        if plate[f"tables/{name}"].attrs["type"] == "condition_table"
    ]  # fmt: skip
    (name,) = names
    assert plate[f"tables/{name}"].attrs["backend"] == "csv"
    place = folder / "tables" / name / "table.csv"
    table = pyarrow.dataset.dataset(place, format="csv").to_table().to_pandas()
    table = table.rename(columns={"column": "col"})
    chosen = table[table[column] == value]
    pairs = {(row, int(number)) for row, number in zip(chosen["row"], chosen["col"], strict=True)}
    paths = [well["path"] for well in plate.attrs["ome"]["plate"]["wells"]]
    split = [path.split("/") for path in paths]
    return [f"{row}{number}" for row, number in split if (row, int(number)) in pairs]


def test_a_viewer_filters_wells_by_their_conditions(plate: Plate, tmp_path: Path) -> None:
    layout = labels((*WELLS, "D07")).assign(compound=["DMSO", "36", "DMSO", "36"])
    target = export_plate(plate, tmp_path / "p.ome.zarr", layout=layout)
    assert navigator_wells(target, "compound", "DMSO") == ["B2", "C3"]
    for stimulation, own in layout[:3].groupby("stimulation"):
        wells = [f"{well[0]}{int(well[1:])}" for well in own["well"]]
        assert navigator_wells(target, "stimulation", str(stimulation)) == wells
    held = zarr_layout(target, None, ["CK01"])
    assert held is not None
    pd.testing.assert_frame_equal(held.layout, layout[:3], check_like=True)


def test_nothing_is_overwritten_unasked(plate: Plate, tmp_path: Path) -> None:
    target = export_plate(plate, tmp_path / "p.ome.zarr")
    before = (target / "zarr.json").stat().st_mtime_ns
    with pytest.raises(PlateError, match="already exists; use --overwrite"):
        export_plate(plate, target)
    assert (target / "zarr.json").stat().st_mtime_ns == before
    export_plate(plate, target, overwrite=True)


def test_a_folder_of_other_things_is_never_replaced(plate: Plate) -> None:
    with pytest.raises(PlateError, match="exists and is no OME-Zarr plate"):
        export_plate(plate, plate.folder, overwrite=True)
    assert find_plate(plate.folder).fields == plate.fields


def test_a_damaged_file_leaves_nothing_half_written(plate: Plate, tmp_path: Path) -> None:
    damaged = plate.fields[-1].tcell
    damaged.write_bytes(damaged.read_bytes()[:5000])
    with pytest.raises(PlateError, match=damaged.name[:12]):
        export_plate(plate, tmp_path / "p.ome.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["CK01"]
