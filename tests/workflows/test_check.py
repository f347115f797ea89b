"""`ck19ml check`: one report, and an exit code for scripts."""

import json
import shutil
from pathlib import Path

import pytest

from ck19ml.plates.dataset.store import Dataset
from tests.command import ck19ml, in_one_line


@pytest.fixture
def damaged(tiny_dataset: Dataset, tmp_path: Path) -> tuple[Path, list[str]]:
    """A dataset with a chunk deleted and one cut short, and the names of their wells."""
    folder = Path(shutil.copytree(tiny_dataset.path, tmp_path / "d.zarr"))
    (folder / "patches" / "c" / "3" / "0" / "0" / "0").unlink()
    (folder / "masks" / "c" / "5" / "0" / "0" / "0").write_bytes(b"short")
    fields = tiny_dataset.fields.iloc[[3, 5]]
    return folder, [f"{row.plate} {row.well}" for row in fields.itertuples()]


def test_a_sound_dataset_ends_with_0(tiny_dataset: Dataset) -> None:
    ended = ck19ml("check", tiny_dataset.path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{tiny_dataset.path}: 30 fields of 30 wells, all sound\n"


def test_damage_ends_with_1_and_names_the_wells(damaged: tuple[Path, list[str]]) -> None:
    folder, wells = damaged
    ended = ck19ml("check", folder)
    assert ended.code == 1
    report = ended.out.splitlines()
    assert report[1:] == [
        f"  {wells[0]} field 1: patches: missing",
        *[line for line in report if line.startswith(f"  {wells[1]} field 1: masks: cannot be de")],
    ]
    in_one_line(ended, str(folder), *wells, "prepare the plate again with --overwrite")


def test_json_is_printed_of_a_damaged_dataset_too(damaged: tuple[Path, list[str]]) -> None:
    folder, wells = damaged
    ended = ck19ml("check", folder, "--json")
    assert ended.code == 1
    found = json.loads(ended.out.splitlines()[-1])
    assert (found["sound"], found["damaged_wells"], found["wells"]) == (False, wells, 30)
    assert [damage["part"] for damage in found["damages"]] == ["patches", "masks"]


def test_it_neither_writes_nor_tracks(damaged: tuple[Path, list[str]], workplace: Path) -> None:
    before = sorted(workplace.rglob("*"))
    ck19ml("check", damaged[0])
    assert sorted(workplace.rglob("*")) == before


def test_nothing_to_check_is_an_error(tmp_path: Path) -> None:
    ended = ck19ml("check", tmp_path / "nosuch.zarr")
    assert ended.code == 1
    in_one_line(ended, "there is no prepared dataset", "nosuch.zarr")
