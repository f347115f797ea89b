"""What `examine` says of datasets that are no longer what was written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ck19ml.errors import PlateError
from ck19ml.plates.dataset.arrays import read_field_arrays, write_field
from ck19ml.plates.dataset.hashes import HASHES, SEAL, hash_file, seal
from ck19ml.plates.dataset.integrity import examine
from ck19ml.plates.dataset.store import open_dataset
from ck19ml.plates.folder import find_plate
from tests.plates.made_plates import labels, write_well
from tests.plates.prepared import prepare_dataset

WELLS = ["A01", "A02", "B01", "B03"]
PATCHES = 4
HIT = 2
"""The field that is damaged, of well B01."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of four wells; for reading only."""
    folder = tmp_path_factory.mktemp("sound")
    for well in WELLS:
        write_well(folder / "plate", well[0], int(well[1:]))
    plate = find_plate(folder / "plate")
    prepare_dataset(plate, labels(WELLS), folder / "d.zarr", mask="otsu", patch_size=16)
    return folder / "d.zarr"


@pytest.fixture
def dataset(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(whole, tmp_path / "d.zarr"))


def chunk(dataset: Path, name: str, index: int = HIT) -> Path:
    return dataset / name / "c" / str(index) / "0" / "0" / "0"


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def rewrite(dataset: Path, **changes: int) -> None:
    """Store other values of the field as if they had been written so: chunks decode."""
    patches, masks = read_field_arrays(dataset, HIT, PATCHES)
    patches, masks = patches.copy(), masks.copy()
    patches[0, 0, 0, 0] += changes.get("patches", 0)
    masks[0, 0, 0, 0] ^= bool(changes.get("masks", 0))
    write_field(dataset, HIT, patches, masks)


def edit_table(
    dataset: Path, column: str, value: object, *, name: str = "patches.parquet", honest: bool = True
) -> None:
    """Change the hit well's first row; `honest` leaves the hashes as they were."""
    table = pd.read_parquet(dataset / name)
    table.loc[table["well"] == WELLS[HIT], column] = value
    table.to_parquet(dataset / name, index=False)
    if not honest:
        reseal(dataset, name)


def reseal(dataset: Path, name: str) -> None:
    """Give a changed file its hash, as a defect of the program that wrote it would."""
    path = dataset / "dataset.json"
    content = json.loads(path.read_text())
    content[HASHES][name] = hash_file(dataset / name)
    path.write_text(json.dumps(content | {SEAL: seal(content)}))


def edit_info(dataset: Path) -> None:
    path = dataset / "dataset.json"
    path.write_text(path.read_text().replace('"bit_depth": 12', '"bit_depth": 14'))


def found(dataset: Path) -> set[tuple[str, str, str]]:
    damages = examine(dataset).damages
    return {(damage.well, damage.part, damage.what.partition(" (")[0]) for damage in damages}


def test_a_dataset_as_it_was_written_is_sound(whole: Path) -> None:
    findings = examine(whole)
    assert (findings.wells, findings.fields, findings.damages) == (4, 4, [])
    assert findings.hashed


NAMED: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a byte of patches": (lambda d: flip(chunk(d, "patches")), "patches", "cannot be decoded"),
    "a byte of masks": (lambda d: flip(chunk(d, "masks")), "masks", "cannot be decoded"),
    "patches cut short": (lambda d: cut(chunk(d, "patches")), "patches", "cannot be decoded"),
    "masks cut short": (lambda d: cut(chunk(d, "masks")), "masks", "cannot be decoded"),
    "patches empty": (
        lambda d: chunk(d, "patches").write_bytes(b""), "patches", "cannot be decoded",
    ),
    "patches deleted": (lambda d: chunk(d, "patches").unlink(), "patches", "missing"),
    "masks deleted": (lambda d: chunk(d, "masks").unlink(), "masks", "missing"),
    "another value": (
        lambda d: rewrite(d, patches=1), "patches", "values differ from those written",
    ),
    "another mask": (lambda d: rewrite(d, masks=1), "masks", "values differ from those written"),
    "an overlap of 1.5": (
        lambda d: edit_table(d, "tcell_overlap", 1.5, honest=False),
        "patches.parquet", "column tcell_overlap: must be 0 to 1, found '1.5'",
    ),
    "an overlap that is none": (
        lambda d: edit_table(d, "overlap_expected", np.nan, honest=False),
        "patches.parquet", "column overlap_expected: must be 0 to 1, found 'nan'",
    ),
    "an unknown control": (
        lambda d: edit_table(d, "control", "positive", honest=False),
        "patches.parquet", "column control: must be a control or none, found 'positive'",
    ),
    "areas of another mask": (
        lambda d: edit_table(d, "dc_area_px", 3, honest=False),
        "patches.parquet", "column dc_area_px is not that of its masks",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", NAMED)
def test_the_damaged_well_is_named_and_no_other(dataset: Path, damage: str) -> None:
    spoil, part, what = NAMED[damage]
    spoil(dataset)
    assert (WELLS[HIT], part, what) in found(dataset)
    assert {well for well, *_ in found(dataset)} == {WELLS[HIT]}


EVERYWHERE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "dataset.json edited": (edit_info, "dataset.json", "was changed after it was written"),
    "dataset.json cut": (lambda d: cut(d / "dataset.json"), "dataset.json", "cannot be read"),
    "dataset.json deleted": (
        lambda d: (d / "dataset.json").unlink(), "dataset.json", "missing",
    ),
    "a byte of the patches' table": (
        lambda d: flip(d / "patches.parquet"), "patches.parquet", "bytes differ from those written",
    ),
    "a byte of the fields' table": (
        lambda d: flip(d / "fields.parquet"), "fields.parquet", "bytes differ from those written",
    ),
    "the fields' table deleted": (
        lambda d: (d / "fields.parquet").unlink(), "fields.parquet", "missing",
    ),
    "a column lost": (
        lambda d: (
            pd.read_parquet(d / "patches.parquet").drop(columns="overlap")
            .to_parquet(d / "patches.parquet"),
            reseal(d, "patches.parquet"),
        ),
        "patches.parquet", "column overlap: missing",
    ),
    "areas as fractions": (
        lambda d: (
            pd.read_parquet(d / "patches.parquet").astype({"dc_area_px": float})
            .to_parquet(d / "patches.parquet"),
            reseal(d, "patches.parquet"),
        ),
        "patches.parquet", "column dc_area_px: must be 0 or more, found float64",
    ),
    "an array without its description": (
        lambda d: (d / "masks" / "zarr.json").unlink(), "masks", "cannot be opened",
    ),
    "a column of the instrument's table": (
        lambda d: (d / "instrument.csv").write_text("well\n"),
        "instrument.csv", "bytes differ from those written",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", EVERYWHERE)
def test_damage_to_the_whole_is_said_of_the_whole(dataset: Path, damage: str) -> None:
    spoil, part, what = EVERYWHERE[damage]
    spoil(dataset)
    assert ("", part, what) in found(dataset)


def test_half_a_dataset_names_all_that_is_gone(dataset: Path) -> None:
    (dataset / "dataset.json").unlink()
    (dataset / "fields.parquet").unlink()
    for index in (0, 1):
        shutil.rmtree(dataset / "patches" / "c" / str(index))
    said = found(dataset)
    assert {(WELLS[0], "patches", "missing"), (WELLS[1], "patches", "missing")} <= said
    assert {well for well, *_ in said} == {"", WELLS[0], WELLS[1]}


def test_several_damages_are_in_one_report(dataset: Path) -> None:
    flip(chunk(dataset, "patches", 0))
    chunk(dataset, "masks", 3).unlink()
    assert {well for well, *_ in found(dataset)} == {WELLS[0], WELLS[3]}


def as_written_before(dataset: Path) -> None:
    """Take away what older versions did not write."""
    fields = pd.read_parquet(dataset / "fields.parquet").drop(columns="masks_sha256")
    fields.to_parquet(dataset / "fields.parquet", index=False)
    path = dataset / "dataset.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in content.items() if k not in (HASHES, SEAL)}))


def test_an_older_dataset_opens_and_is_examined_as_far_as_it_goes(dataset: Path) -> None:
    as_written_before(dataset)
    assert len(open_dataset(dataset).table) == 4 * PATCHES
    findings = examine(dataset)
    assert (findings.damages, findings.hashed) == ([], False)
    rewrite(dataset, patches=1)  # these had hashes before, too
    assert found(dataset) == {(WELLS[HIT], "patches", "values differ from those written")}


def test_a_path_in_dataset_json_is_not_followed(dataset: Path) -> None:
    path = dataset / "dataset.json"
    content = json.loads(path.read_text())
    content[HASHES] |= {"../../secret": "0" * 64, "/dev/zero": "0" * 64}
    path.write_text(json.dumps(content | {SEAL: seal(content)}))
    assert found(dataset) == {("", "../../secret", "missing"), ("", "/dev/zero", "missing")}


@pytest.mark.parametrize("spoil", [edit_info, lambda d: edit_table(d, "stimulation", "ConA")])
def test_opening_notices_what_was_edited(dataset: Path, spoil: Callable[[Path], None]) -> None:
    spoil(dataset)
    with pytest.raises(
        PlateError, match=r"was changed\); 'ck19ml check .*d\.zarr' names the wells"
    ):
        open_dataset(dataset)


def test_reading_damaged_pixels_names_the_command_that_says_which(dataset: Path) -> None:
    flip(chunk(dataset, "patches"))
    with pytest.raises(PlateError, match=r"'ck19ml check .*d\.zarr' names the wells"):
        open_dataset(dataset).read(np.arange(4 * PATCHES))


def test_where_there_is_no_dataset_there_is_nothing_to_examine(tmp_path: Path) -> None:
    with pytest.raises(PlateError, match="there is no prepared dataset"):
        examine(tmp_path)
