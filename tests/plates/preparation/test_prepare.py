import hashlib
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from ck19ml.core.instrument_masks import CellKinds
from ck19ml.core.mask_methods import MaskSettings, segment
from ck19ml.core.overlap import DC, TCELL, score
from ck19ml.core.patches import cut, is_faulty, raise_background
from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.folder import Plate, find_plate, read_field
from ck19ml.plates.layouts.reading import read_layout
from ck19ml.plates.preparation.prepare import open_prepared
from ck19ml.plates.preparation.settings import Preparation, Source
from tests.places import REFERENCE
from tests.plates.made_plates import SIDE, grey, labels, write_image, write_well
from tests.plates.prepared import prepare_dataset

TRANSLOCATION = REFERENCE / "images" / "translocation"
COLUMNS = [
    "plate", "well", "row", "column", "field", "patch", "y", "x",
    "stimulation", "compound", "concentration_um", "control",
    "faulty", "tcell_area_px", "dc_area_px", "overlap_area_px", "overlap", "tcell_overlap",
    "dc_overlap", "overlap_expected", "overlap_excess",
    "tcell_count", "tcells_in_contact", "tcell_contact",
]  # fmt: skip


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    """Two wells, one of two fields; 2 x 2 patches of 16 pixels a field."""
    write_well(tmp_path / "plate", "A", 3)
    write_well(tmp_path / "plate", "A", 3, field=2)
    write_well(tmp_path / "plate", "B", 11)
    return find_plate(tmp_path / "plate")


LAYOUT = labels(["A03", "B11", "C01"])


def prepared(plate: Plate, target: Path, layout: pd.DataFrame = LAYOUT, **changes: int) -> Dataset:
    return prepare_dataset(
        plate, layout, target, **({"mask": "instrument", "patch_size": 16} | changes)
    )


def found(plate: Plate, target: Path, layout: pd.DataFrame = LAYOUT, size: int = 16) -> str:
    """What `open_prepared` says: the path of the dataset, nothing, or why it refuses."""
    dataset = open_prepared([Source(plate, layout)], target, Preparation(patch_size=size))
    return str(dataset.path) if dataset else "nothing"


class TestTheDataset:
    def test_one_row_a_patch_with_these_columns(self, plate: Plate, tmp_path: Path) -> None:
        table = prepared(plate, tmp_path / "d.zarr").table
        assert list(table.columns) == COLUMNS
        assert table["well"].tolist() == ["A03"] * 8 + ["B11"] * 4
        assert table["row"].tolist() == ["A"] * 8 + ["B"] * 4
        assert table["column"].tolist() == [3] * 8 + [11] * 4
        assert table["field"].tolist() == [1] * 4 + [2] * 4 + [1] * 4
        assert table["patch"].tolist() == [0, 1, 2, 3] * 3
        assert set(table["plate"]) == {"CK19"}

    def test_patches_are_the_fields_pixels_at_their_places(
        self, plate: Plate, tmp_path: Path
    ) -> None:
        dataset = prepared(plate, tmp_path / "d.zarr")
        patches = dataset.read(np.arange(12))
        assert patches.dtype == np.uint16
        for index, row in dataset.table.iterrows():
            field = plate.fields[index // 4]
            image = np.maximum(read_field(field, plate.description), 255)
            there = image[row["y"] : row["y"] + 16, row["x"] : row["x"] + 16]
            np.testing.assert_array_equal(patches[index], there)
        assert sorted(set(dataset.table["x"])) == [SIDE % 16, SIDE % 16 + 16]
        assert sorted(set(dataset.table["y"])) == [0, 16]

    def test_labels_come_from_the_layout(self, plate: Plate, tmp_path: Path) -> None:
        layout = LAYOUT.assign(
            stimulation=["LPS", "OVA", "ConA"],
            compound=["", "17", ""],
            concentration_um=[np.nan, 0.3, np.nan],
            control=["vehicle", "", "untreated"],
        )
        table = prepared(plate, tmp_path / "d.zarr", layout).table
        first = table.groupby("well").first()
        assert first["stimulation"].to_dict() == {"A03": "LPS", "B11": "OVA"}
        assert first.loc["B11", ["compound", "concentration_um", "control"]].tolist() == [
            "17",
            0.3,
            "",
        ]
        assert first.loc["A03", "control"] == "vehicle"
        assert np.isnan(first.loc["A03", "concentration_um"])

    def test_fields_carry_the_hash_of_their_patches(self, plate: Plate, tmp_path: Path) -> None:
        dataset = prepared(plate, tmp_path / "d.zarr")
        for index, field in dataset.fields.iterrows():
            patches = dataset.read(np.arange(4 * index, 4 * index + 4))
            assert field["sha256"] == hashlib.sha256(patches.tobytes()).hexdigest()
        assert dataset.fields["well"].tolist() == ["A03", "A03", "B11"]

    def test_dataset_json_says_where_it_comes_from(self, plate: Plate, tmp_path: Path) -> None:
        info = prepared(plate, tmp_path / "d.zarr").info
        assert info["source"] == str(plate.folder)
        assert info["plate"] == "CK19"
        assert info["parameters"] == {
            "mask": "instrument",
            "patch_size": 16,
            "background": 255,
            "bit_depth": 12,
            "cells": CellKinds().model_dump(),
            "pixel_size_um": 1.34,
        }
        assert info["software"].startswith("ck19ml ")

    @pytest.mark.parametrize("mask", ["instrument", "otsu", "threshold-field"])
    def test_masks_are_cut_from_the_mask_of_the_whole_field(
        self, tiny_plate: Path, tmp_path: Path, mask: str
    ) -> None:
        plate = find_plate(tiny_plate)
        plate = replace(plate, fields=plate.fields[:1])
        layout = read_layout(tiny_plate / "layout.csv")
        dataset = prepare_dataset(plate, layout, tmp_path / "d.zarr", mask=mask, patch_size=192)
        found = segment(read_field(plate.fields[0], plate.description), MaskSettings(mask))
        np.testing.assert_array_equal(
            dataset.read_masks(np.arange(4)), cut(np.moveaxis(found.masks, 0, -1))
        )
        field = dataset.fields.iloc[0]
        assert field["cells_tcell"] == found.labels[1].max() > 0
        assert field["covered_dc"] == np.count_nonzero(found.masks[0]) / found.pixels
        both = np.count_nonzero(found.masks.all(axis=0)) * 1.34**2
        assert field["cell_overlap_um2"] == pytest.approx(both)
        assert set(pd.read_csv(dataset.path / "instrument.csv")["mask"]) == {mask}

    def test_another_cell_size_is_another_dataset(self, plate: Plate, tmp_path: Path) -> None:
        target = prepared(plate, tmp_path / "d.zarr").path
        (plate.folder / "plate.yaml").write_text("cells: {tcell: {diameter_um: 20}}")
        with pytest.raises(ConfigError, match=r"cells .*11\.3.* not .*20"):
            found(find_plate(plate.folder), target)

    def test_faulty_and_overlap_follow_from_what_is_stored(self, tiny_dataset: Dataset) -> None:
        every = np.arange(len(tiny_dataset.table))
        patches, masks = tiny_dataset.read(every), tiny_dataset.read_masks(every)
        for name, values in asdict(score(masks)).items():
            np.testing.assert_array_equal(tiny_dataset.table[name], values)
        np.testing.assert_array_equal(tiny_dataset.table["faulty"], is_faulty(patches))
        assert (tiny_dataset.table.loc[tiny_dataset.table["faulty"], "overlap"] == 0).all()
        shares = tiny_dataset.table.groupby("well", sort=False)["faulty"].mean()
        assert tiny_dataset.fields["faulty_share"].tolist() == shares.tolist()

    def test_the_tiny_dataset_holds_the_tiny_plate(
        self, tiny_plate: Path, tiny_dataset: Dataset
    ) -> None:
        plate = find_plate(tiny_plate)
        raw = cut(read_field(plate.fields[7], plate.description))
        np.testing.assert_array_equal(tiny_dataset.read(np.arange(28, 32)), raise_background(raw))
        assert tiny_dataset.wells["stimulation"].value_counts().to_dict() == {
            "Unstimulated": 10,
            "OVA": 10,
            "ConA": 10,
        }

    def test_progress_is_told_for_each_field(self, plate: Plate, tmp_path: Path) -> None:
        told: list[tuple[int, int]] = []
        prepare_dataset(
            plate, LAYOUT, tmp_path / "d.zarr", mask="otsu", patch_size=16,
            progress=lambda done, total: told.append((done, total)),
        )  # fmt: skip
        assert told == [(1, 3), (2, 3), (3, 3)]


class TestOtherFormats:
    def test_compressed_files_make_the_same_dataset(self, plate: Plate, tmp_path: Path) -> None:
        shutil.copytree(plate.folder, tmp_path / "compressed")
        for number, path in enumerate(sorted((tmp_path / "compressed").iterdir())):
            pixels = tifffile.imread(path)
            write_image(path, pixels, compression=["lzw", "zstd", "deflate"][number % 3])
        other = prepared(find_plate(tmp_path / "compressed"), tmp_path / "other.zarr")
        one = prepared(plate, tmp_path / "one.zarr")
        assert other.content_hash == one.content_hash
        assert other.wells.equals(one.wells)

    def test_a_plate_of_8_bit_stacks_makes_8_bit_patches(self, tmp_path: Path) -> None:
        folder = tmp_path / "stacks"
        folder.mkdir()
        (folder / "plate.yaml").write_text(
            r"files: '(?P<row>[A-H])(?P<column>\d+)\.ome\.tif'"
            "\nchannels: {dc: 1, tcell: 0}\nbit_depth: 8\n"
        )
        for number, well in enumerate(("A1", "H12")):
            planes = np.stack([grey(2 * number, bits=8), grey(2 * number + 1, bits=8)])
            tifffile.imwrite(folder / f"{well}.ome.tif", planes, metadata={"axes": "CYX"})
        dataset = prepared(find_plate(folder), tmp_path / "d.zarr", labels(["A01", "H12"]))
        patches = dataset.read(np.arange(8))
        assert patches.dtype == np.uint8
        assert patches.min() >= 15
        np.testing.assert_array_equal(
            patches[4:, ..., TCELL], cut(np.maximum(grey(2, bits=8), 15), 16)
        )
        np.testing.assert_array_equal(
            patches[4:, ..., DC], cut(np.maximum(grey(3, bits=8), 15), 16)
        )

    @pytest.mark.skipif(
        not TRANSLOCATION.is_dir(), reason=f"the reference images are not at {TRANSLOCATION}"
    )
    def test_real_images_of_another_instrument(self, tmp_path: Path) -> None:
        folder = tmp_path / "translocation"
        shutil.copytree(TRANSLOCATION, folder)
        (folder / "plate.yaml").write_text(
            "name: BBBC014\n"
            r"files: 'Channel (?P<channel>\d)-\d+-(?P<row>[A-H])-(?P<column>\d+)-\d+\.tif'"
            "\nchannels: {dc: '2', tcell: '1'}\nbit_depth: 8\n"
            "layout: wells.csv\nlayout_columns: {well: place, stimulation: treatment}\n"
        )
        (folder / "wells.csv").write_text("place,treatment\nA1,none\nA12,TNF\n")
        plate = find_plate(folder)
        layout = read_layout(folder / "wells.csv", plate.description.layout_columns)
        dataset = prepare_dataset(plate, layout, tmp_path / "d.zarr", mask="otsu", patch_size=192)
        assert dataset.wells[["plate", "well", "stimulation"]].to_numpy().tolist() == [
            ["BBBC014", "A01", "none"],
            ["BBBC014", "A12", "TNF"],
        ]
        height, width = tifffile.imread(folder / "Channel 1-01-A-01-00.tif").shape
        assert len(dataset.table) == 2 * (height // 192) * (width // 192)
        assert dataset.table["overlap"].between(0, 1).all()
        assert not dataset.table["faulty"].all()
        raw = tifffile.imread(folder / "Channel 2-12-A-12-00.tif")
        half = len(dataset.table) // 2
        np.testing.assert_array_equal(
            dataset.read(np.arange(half, 2 * half))[..., DC], np.maximum(cut(raw), 15)
        )


class TestWhatIsDone:
    def test_nothing_there_is_not_done(self, plate: Plate, tmp_path: Path) -> None:
        assert found(plate, tmp_path / "d.zarr") == "nothing"
        (tmp_path / "d.zarr").mkdir()
        assert found(plate, tmp_path / "d.zarr") == "nothing"

    def test_the_same_again_is_done(self, plate: Plate, tmp_path: Path) -> None:
        target = prepared(plate, tmp_path / "d.zarr").path
        assert found(plate, target) == str(target)
        assert found(find_plate(plate.folder), target, LAYOUT.copy()) == str(target)

    def test_a_label_of_a_well_without_images_does_not_count(
        self, plate: Plate, tmp_path: Path
    ) -> None:
        target = prepared(plate, tmp_path / "d.zarr").path
        assert found(plate, target, labels(["A03", "B11"])) == str(target)

    def test_other_parameters_are_refused_by_name(self, plate: Plate, tmp_path: Path) -> None:
        target = prepared(plate, tmp_path / "d.zarr").path
        with pytest.raises(ConfigError, match=r"patch_size 16 not 32; .*--overwrite") as caught:
            found(plate, target, size=32)
        assert str(target) in str(caught.value)

    def test_another_layout_is_refused(self, plate: Plate, tmp_path: Path) -> None:
        target = prepared(plate, tmp_path / "d.zarr").path
        with pytest.raises(ConfigError, match="other images or another layout"):
            found(plate, target, labels(["A03", "B11"], "ConA"))

    def test_a_copied_or_touched_plate_is_the_same(self, plate: Plate, tmp_path: Path) -> None:
        target = prepared(plate, tmp_path / "d.zarr").path
        copy = tmp_path / "copy"
        shutil.copytree(plate.folder, copy, copy_function=shutil.copyfile)
        for path in plate.folder.iterdir():
            os.utime(path, ns=(1, 1))
        assert found(find_plate(plate.folder), target) == str(target)
        assert found(find_plate(copy), target) == str(target)

    def test_other_images_are_refused(self, plate: Plate, tmp_path: Path) -> None:
        target = prepared(plate, tmp_path / "d.zarr").path
        write_image(plate.fields[0].dc, grey(99))
        os.utime(plate.fields[0].dc, ns=(1, 1))
        with pytest.raises(ConfigError, match="other images or another layout"):
            found(plate, target)

    def test_another_description_is_refused(self, plate: Plate, tmp_path: Path) -> None:
        target = prepared(plate, tmp_path / "d.zarr").path
        (plate.folder / "plate.yaml").write_text("background: 300")
        with pytest.raises(ConfigError, match="background 255 not 300"):
            found(find_plate(plate.folder), target)

    def test_an_incomplete_dataset_is_not_taken_for_done(
        self, plate: Plate, tmp_path: Path
    ) -> None:
        target = prepared(plate, tmp_path / "d.zarr").path
        (target / "dataset.json").unlink()
        with pytest.raises(
            PlateError, match=r"incomplete dataset \(no dataset.json\); .*--overwrite"
        ):
            found(plate, target)


class TestTheContentHash:
    def test_it_is_the_same_wherever_the_dataset_stands(self, plate: Plate, tmp_path: Path) -> None:
        one = prepared(plate, tmp_path / "one.zarr").content_hash
        assert prepared(plate, tmp_path / "deep" / "er" / "two.zarr").content_hash == one

    def test_labels_pixels_and_parameters_count(self, plate: Plate, tmp_path: Path) -> None:
        hashes = [
            prepared(plate, tmp_path / "one.zarr").content_hash,
            prepared(plate, tmp_path / "two.zarr", patch_size=32).content_hash,
            prepared(plate, tmp_path / "three.zarr", labels(["A03", "B11"], "x")).content_hash,
        ]
        write_image(plate.fields[0].dc, grey(99))
        hashes.append(prepared(plate, tmp_path / "four.zarr").content_hash)
        assert len(set(hashes)) == 4

    @pytest.mark.slow
    @pytest.mark.parametrize("workers", [2, 3])
    def test_it_does_not_depend_on_the_number_of_processes(
        self, plate: Plate, tmp_path: Path, workers: int
    ) -> None:
        one = prepared(plate, tmp_path / "one.zarr")
        many = prepared(plate, tmp_path / "many.zarr", workers=workers)
        assert many.content_hash == one.content_hash
        pd.testing.assert_frame_equal(many.table, one.table)
        every = np.arange(12)
        np.testing.assert_array_equal(many.read_masks(every), one.read_masks(every))
