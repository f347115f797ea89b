"""The cases that other laboratories' plates went wrong with, each held to its right value."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from ck19ml.errors import PlateError
from ck19ml.files.names import safe_name
from ck19ml.plates.folder import Plate, find_plate, read_field
from ck19ml.plates.layouts.reading import read_layout
from ck19ml.plates.layouts.spreadsheet.reading import read_spreadsheet
from ck19ml.workflows.prepare import dataset_figures
from ck19ml.workflows.steps.layouts import plate_layout
from tests.places import REFERENCE
from tests.plates.prepared import prepare_dataset

CASES = REFERENCE.parent / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"the cases are not at {CASES}")

Case = Callable[[str], Path]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Write a case once; returns its folder."""
    root = tmp_path_factory.mktemp("cases")

    def written(name: str) -> Path:
        folder = root / name
        if not folder.is_dir():
            folder.mkdir()
            script = str(CASES / f"{name}.py")
            subprocess.run([sys.executable, "-B", script], cwd=folder, check=True)
        return folder

    return written


def error_of(folder: Path) -> str:
    """What is said of a plate that cannot be read."""
    with pytest.raises(PlateError) as caught:
        pixels(find_plate(folder))
    return str(caught.value)


def pixels(plate: Plate) -> list[np.ndarray]:
    return [read_field(field, plate.description) for field in plate.fields]


def described(folder: Path, line: str) -> Path:
    """Add a line to the folder's plate.yaml."""
    with (folder / "plate.yaml").open("a") as file:
        file.write(line + "\n")
    return folder


def test_each_file_of_a_multi_file_ome_tiff_gives_its_own_pixels(case: Case) -> None:
    full, binary = (pixels(find_plate(case("ome_multifile") / n)) for n in ("full", "binaryonly"))
    assert len(full) == len(binary) == 6
    for one, other in zip(full, binary, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len({image.tobytes() for image in full}) == 6


def test_appended_planes_are_asked_for_and_the_chosen_one_is_read(case: Case) -> None:
    plate = case("appended_planes") / "plate"
    assert "5 planes instead of one" in error_of(plate)
    described(plate, "z: 3")
    found = find_plate(plate)
    for image, field in zip(pixels(found), found.fields, strict=True):
        for channel, path in ((0, field.dc), (1, field.tcell)):
            with tifffile.TiffFile(path) as tiff:
                np.testing.assert_array_equal(image[..., channel], tiff.pages[2].asarray())


@pytest.mark.parametrize("name", ["zonly", "tonly"])
def test_focal_planes_and_times_are_no_channels(case: Case, name: str) -> None:
    message = error_of(case("zstack_as_channels") / name)
    assert "no channel 1 in an image" in message
    assert "which has 1 without names" in message


def test_a_plain_stack_is_asked_for(case: Case) -> None:
    message = error_of(case("zstack_as_channels") / "plain")
    assert "if its 6 planes are channels, add 'channel_axis: 0' to plate.yaml" in message


def test_a_hyperstack_is_read_with_z_and_refused_by_name_without(case: Case) -> None:
    plate = case("zstack_as_channels") / "hyper"
    assert "'z: max'" in error_of(plate)
    stack = tifffile.imread(plate / "A01.tif")
    for line, expected in (("z: max", stack.max(0)), ("z: 2", stack[1])):
        text = (plate / "plate.yaml").read_text()
        (image, *_) = pixels(find_plate(described(plate, line)))
        np.testing.assert_array_equal(np.moveaxis(image, -1, 0), expected)
        (plate / "plate.yaml").write_text(text)
    (image, *_) = pixels(find_plate(described(plate, "z: mean")))
    np.testing.assert_array_equal(np.moveaxis(image, -1, 0), np.rint(stack.mean(0)))


def test_endings_count_in_any_case(case: Case) -> None:
    folder = case("upper_suffix")
    assert find_plate(folder / "plate").wells == ["A01", "A02", "A03", "B01", "B02", "B03"]
    assert find_plate(folder / "all").wells == ["A01", "A02"]


def test_the_files_pixel_size_counts_where_plate_yaml_says_none(case: Case) -> None:
    for name in ("default", "given"):
        plate = find_plate(case("pixel_size") / name)
        assert plate.description.pixel_size_um == pytest.approx(0.325)
        assert plate.notes == ()


def test_a_pixel_size_that_the_files_deny_is_named(case: Case) -> None:
    folder = case("pixel_size") / "default"
    text = (folder / "plate.yaml").read_text()
    (note,) = find_plate(described(folder, "pixel_size_um: 1.34")).notes
    (folder / "plate.yaml").write_text(text)
    assert "plate.yaml says 1.34 um, the images say 0.325 um; 1.34 um is used" in note


def test_merged_cells_of_a_table_count_for_each_row(case: Case) -> None:
    layout = read_layout(case("merged_rows") / "layout.xlsx").set_index("well")
    assert len(layout) == 9
    for wells, compound, dose in (("B", "Drug X", 10.0), ("C", "Drug Y", 1.0)):
        for column in (1, 2, 3):
            row = layout.loc[f"{wells}{column:02d}"]
            assert (row["compound"], row["concentration_um"], row["control"]) == (
                compound,
                dose,
                "",
            )
    assert layout.loc[["A01", "A02", "A03"], "control"].tolist() == ["vehicle"] * 3


def test_a_blank_row_ends_no_table(case: Case) -> None:
    folder = case("blank_row")
    table, sheet = (read_layout(folder / f"layout.{ending}") for ending in ("csv", "xlsx"))
    assert table["well"].tolist() == ["A01", "A02", "A03", "B01", "B02", "B03"]
    pd.testing.assert_frame_equal(table, sheet)


def test_what_stands_below_a_table_is_named(case: Case, tmp_path: Path) -> None:
    from openpyxl import load_workbook

    book = load_workbook(case("blank_row") / "layout.xlsx")
    book.active["A10"] = "made by hand"
    book.save(tmp_path / "layout.xlsx")
    reading = read_spreadsheet(tmp_path / "layout.xlsx")
    assert "below the table and not used: row 10: 'made by hand'" in reading.notes


def test_the_vehicle_and_doses_are_the_same_however_they_are_written(case: Case) -> None:
    folder = case("vehicle_names")
    right, *others = (
        plate_layout(find_plate(folder / name), None) for name in ("right", "pct", "zero", "excel")
    )
    assert right["control"].value_counts().to_dict() == {"vehicle": 12, "": 12}
    assert set(right["concentration_um"].dropna()) == {0.3}
    for other in others:
        pd.testing.assert_frame_equal(other, right)


def test_labels_that_collide_when_made_safe_stay_three_classes_and_metrics(
    case: Case, tmp_path: Path
) -> None:
    plate = find_plate(case("labels_collide") / "plate")
    layout = plate_layout(plate, None)
    names = set(layout["stimulation"])
    assert names == {"OVA+", "OVA-", "OVA +/-"}
    dataset = prepare_dataset(plate, layout, tmp_path / "d.zarr", mask="otsu", patch_size=64)
    metrics = dataset_figures(dataset)
    means = dataset.table.groupby("stimulation")["overlap"].mean()
    assert len(means) == 3
    for name, value in means.items():
        assert metrics[f"dataset/mean_overlap_{safe_name(name)}"] == value
    assert sum(key.startswith("dataset/mean_overlap_") for key in metrics) == 3
