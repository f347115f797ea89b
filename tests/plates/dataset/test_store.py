import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr

from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.dataset.arrays import create_arrays, write_field
from ck19ml.plates.dataset.hashes import HASHES, SEAL
from ck19ml.plates.dataset.store import (
    FORMAT,
    Dataset,
    open_dataset,
    require_replaceable,
    write_tables,
)

SIZE, FIELDS, PATCHES = 16, 3, 2
ROWS = FIELDS * PATCHES
PARAMETERS = {"mask": "otsu", "patch_size": SIZE, "background": 255, "bit_depth": 12}
INFO = {"parameters": PARAMETERS, "source_fingerprint": "a", "content_hash": "b"}


def pixels(field: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(field)
    patches = rng.integers(255, 4096, (PATCHES, SIZE, SIZE, 2)).astype(np.uint16)
    return patches, rng.random(patches.shape) < 0.1


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    wells = ["A01", "A01", "B02"]  # two fields, then one
    table = pd.DataFrame(
        {
            "plate": "CK19",
            "well": np.repeat(wells, PATCHES),
            "row": np.repeat(["A", "A", "B"], PATCHES),
            "column": np.repeat([1, 1, 2], PATCHES),
            "field": np.repeat([1, 2, 1], PATCHES),
            "patch": np.tile(np.arange(PATCHES), FIELDS),
            "stimulation": np.repeat(["OVA", "OVA", "ConA"], PATCHES),
            "compound": "",
            "concentration_um": np.nan,
            "control": "",
            "faulty": False,
            **dict.fromkeys(("y", "x", "tcell_area_px", "dc_area_px", "overlap_area_px"), 0),
            **dict.fromkeys(("overlap", "tcell_overlap"), 0.0),
        }
    )
    fields = pd.DataFrame(
        {"plate": "CK19", "well": wells, "field": [1, 2, 1], "sha256": ["x", "y", "z"]}
    )
    return table, fields


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A dataset of three fields."""
    folder = tmp_path / "plate.zarr"
    create_arrays(folder, FIELDS, PATCHES, SIZE, "uint16")
    for field in range(FIELDS):
        write_field(folder, field, *pixels(field))
    write_tables(folder, *tables(), INFO)
    return folder


def test_what_was_written_is_read_back(written: Path) -> None:
    dataset = open_dataset(written)
    every = np.arange(ROWS)
    patches, masks = dataset.read(every), dataset.read_masks(every)
    assert (patches.dtype, masks.dtype) == (np.uint16, bool)
    for field in range(FIELDS):
        rows = slice(field * PATCHES, (field + 1) * PATCHES)
        np.testing.assert_array_equal(patches[rows], pixels(field)[0])
        np.testing.assert_array_equal(masks[rows], pixels(field)[1])
    pd.testing.assert_frame_equal(dataset.table, tables()[0])
    pd.testing.assert_frame_equal(dataset.fields, tables()[1])
    assert {key: dataset.info[key] for key in INFO} == INFO
    assert set(dataset.info) - set(INFO) == {"format", HASHES, SEAL}
    assert (dataset.name, dataset.content_hash) == ("plate", "b")
    assert dataset.parameters == PARAMETERS


@pytest.mark.parametrize("rows", [[4, 0, 3], [1, 1, 5], [2], []], ids=str)
def test_rows_are_read_in_the_order_asked_for(written: Path, rows: list[int]) -> None:
    dataset = open_dataset(written)
    chosen = np.array(rows, dtype=int)
    np.testing.assert_array_equal(dataset.read(chosen), dataset.read(np.arange(ROWS))[chosen])
    np.testing.assert_array_equal(
        dataset.read_masks(chosen), dataset.read_masks(np.arange(ROWS))[chosen]
    )


def test_patches_of_8_bits_stay_of_8_bits(tmp_path: Path) -> None:
    create_arrays(tmp_path / "d.zarr", 1, PATCHES, SIZE, "uint8")
    assert zarr.open_array(tmp_path / "d.zarr" / "patches", mode="r").dtype == np.uint8


def test_a_well_s_hash_covers_all_its_fields(written: Path) -> None:
    wells = open_dataset(written).wells
    assert wells.to_dict("list") == {
        "plate": ["CK19", "CK19"],
        "well": ["A01", "B02"],
        "stimulation": ["OVA", "ConA"],
        "sha256": ["x+y", "z"],
    }


def test_the_arrays_are_a_zarr_v3_group(written: Path) -> None:
    group = zarr.open_group(written, mode="r")
    assert group.metadata.zarr_format == 3
    assert group["patches"].shape == (ROWS, SIZE, SIZE, 2)
    assert group["patches"].chunks == (PATCHES, SIZE, SIZE, 2)  # one chunk a field


def test_a_field_without_any_cell_is_stored_too(tmp_path: Path) -> None:
    folder = tmp_path / "d.zarr"
    create_arrays(folder, FIELDS, PATCHES, SIZE, "uint16")
    for field in range(FIELDS):
        write_field(folder, field, *(np.zeros_like(part) for part in pixels(field)))
    write_tables(folder, *tables(), INFO)
    assert not open_dataset(folder).read_masks(np.arange(ROWS)).any()


def edit_json(folder: Path, **changes: object) -> None:
    path = folder / "dataset.json"
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def cut(path: Path, share: float = 0.5) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def chunk(folder: Path, name: str) -> Path:
    """The file that holds the second field of an array."""
    return folder / name / "c" / "1" / "0" / "0" / "0"


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no dataset.json": lambda d: (d / "dataset.json").unlink(),
    "another format": lambda d: edit_json(d, format=FORMAT + 1),
    "no format": lambda d: edit_json(d, format=None),
    "no parameters": lambda d: edit_json(d, parameters=None),
    "dataset.json cut": lambda d: cut(d / "dataset.json"),
    "dataset.json a list": lambda d: (d / "dataset.json").write_text("[1]"),
    "dataset.json in another encoding": lambda d: (d / "dataset.json").write_bytes(b"\xff\xfe{}"),
    "patches.parquet cut": lambda d: cut(d / "patches.parquet"),
    "no patches.parquet": lambda d: (d / "patches.parquet").unlink(),
    "no fields.parquet": lambda d: (d / "fields.parquet").unlink(),
    "fewer rows": lambda d: tables()[0][:-1].to_parquet(d / "patches.parquet"),
    "no patches": lambda d: shutil.rmtree(d / "patches"),
    "no masks": lambda d: shutil.rmtree(d / "masks"),
    "a field of patches is lost": lambda d: chunk(d, "patches").unlink(),
    "a field of masks is lost": lambda d: chunk(d, "masks").unlink(),
    "array description cut": lambda d: cut(d / "patches" / "zarr.json"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_dataset_that_is_not_whole_is_refused(written: Path, damage: str) -> None:
    DAMAGES[damage](written)
    with pytest.raises(PlateError) as caught:
        open_dataset(written)
    message = str(caught.value)
    assert str(written) in message
    assert "prepare the plate again with --overwrite" in message
    assert "\n" not in message


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [cut, flip_a_bit])
@pytest.mark.parametrize("name", ["patches", "masks"])
def test_damaged_pixels_are_refused_when_they_are_read(
    written: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(chunk(written, name))
    dataset = open_dataset(written)
    read = dataset.read if name == "patches" else dataset.read_masks
    with pytest.raises(PlateError, match=r"plate\.zarr is a damaged or incomplete dataset"):
        read(np.arange(ROWS))


@pytest.mark.parametrize("name", ["nosuch.zarr", "file", "empty"])
def test_where_there_is_no_dataset_the_command_that_makes_one_is_named(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PlateError, match=r"'ck19ml prepare PLATE .*'") as caught:
        open_dataset(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


class TestReplacing:
    def test_datasets_and_empty_folders_may_be_replaced(self, written: Path) -> None:
        (written.parent / "empty").mkdir()
        for name in ("empty", "nosuch", written.name):
            require_replaceable(written.parent / name)
        (written / "dataset.json").unlink()  # left incomplete
        require_replaceable(written)

    @pytest.mark.parametrize("name", ["file", "folder"])
    def test_anything_else_may_not(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "file").write_text("x")
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "plate.tif").write_text("x")
        with pytest.raises(ConfigError, match=r"is a .* and not a ck19ml dataset"):
            require_replaceable(tmp_path / name)


def test_the_tiny_dataset_opens_again_equal(tiny_dataset: Dataset) -> None:
    again = open_dataset(tiny_dataset.path)
    pd.testing.assert_frame_equal(again.table, tiny_dataset.table)
    assert again.info == tiny_dataset.info
