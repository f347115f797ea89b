"""A full disk: one line, the old state intact, nothing half written."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ck19ml import tuning
from ck19ml.errors import Ck19Error, PlateError, TrackingError, is_full
from ck19ml.files.writing import replacing, write_csv
from ck19ml.networks.checkpoint import State, read_state, write_state
from ck19ml.plates.dataset.integrity import examine
from ck19ml.plates.dataset.store import Dataset, open_dataset
from ck19ml.plates.folder import find_plate
from ck19ml.plates.layouts.reading import read_layout
from ck19ml.plates.preparation.prepare import prepare_plates
from ck19ml.plates.preparation.runner import local
from ck19ml.plates.preparation.settings import Preparation, Source
from ck19ml.tracking import runs
from tests.command import ck19ml, in_one_line
from tests.conftest import tracking_store
from tests.disk.conftest import fill
from tests.plates.made_plates import contents

FULL = "no space left while writing"
BLOCK = 4096
PARTS = (0.0, 0.02, 0.5, 0.99)
"""Where it gets full: shares of the room that a command needs, from the first to the last file."""


def room(size: float) -> int:
    return int(size // BLOCK) * BLOCK


def size_of(folder: Path) -> int:
    """Room that a folder takes on a disk of blocks."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(BLOCK * -(-path.stat().st_size // BLOCK) for path in files)


def prepare(plate: Path, target: Path, workers: int = 1) -> Path:
    source = Source(find_plate(plate), read_layout(plate / "layout.csv"))
    return prepare_plates([source], target, Preparation(), run=local(workers)).path


class TestPrepare:
    @pytest.mark.parametrize("workers", [1, 2])
    @pytest.mark.parametrize("part", PARTS)
    def test_a_new_dataset_goes_on_when_there_is_room(
        self, small_disk: Path, tiny_plate: Path, tiny_dataset: Dataset, part: float, workers: int
    ) -> None:
        filler = fill(small_disk, room(part * size_of(tiny_dataset.path)))
        target = small_disk / "d.zarr"
        with pytest.raises(PlateError, match=f"{FULL} the dataset {target}"):
            prepare(tiny_plate, target, workers)
        # What is finished is kept in a folder of another name.
        assert {path.name for path in small_disk.iterdir()} == {"d.zarr.partial", "filler"}
        filler.unlink()
        prepare(tiny_plate, target, workers)
        assert examine(target).damages == []
        assert {path.name for path in small_disk.iterdir()} == {"d.zarr"}
        pd.testing.assert_frame_equal(open_dataset(target).table, tiny_dataset.table)

    @pytest.mark.parametrize("part", PARTS)
    def test_the_old_dataset_stands_as_it_was(
        self, small_disk: Path, tiny_plate: Path, tiny_dataset: Dataset, part: float
    ) -> None:
        old = shutil.copytree(tiny_dataset.path, small_disk / "d.zarr")
        before = contents(old)
        fill(small_disk, room(part * size_of(old)))
        with pytest.raises(PlateError, match=FULL):
            prepare(tiny_plate, old)
        assert contents(old) == before

    @pytest.mark.slow  # it makes an MLflow store
    def test_the_command_says_it_in_one_line(
        self, small_disk: Path, tiny_plate: Path, store: Path
    ) -> None:
        fill(small_disk)
        ended = ck19ml("prepare", tiny_plate, small_disk / "d.zarr")
        assert ended.code == 1
        in_one_line(
            ended, FULL, str(small_disk / "d.zarr"), "free some space and rerun the command"
        )


FOLDERS = {
    "simulate": "simulate {out} --wells 4 --size 448 --overwrite",
    "export": "export {plate} {out} --overwrite",
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("command", FOLDERS)
def test_a_folder_is_written_whole_or_not_at_all(
    small_disk: Path, tiny_plate: Path, tmp_path: Path, command: str, part: float
) -> None:
    def run(out: Path) -> list[str]:
        return FOLDERS[command].format(out=out, plate=plate).split()

    plate = few_wells(tiny_plate, tmp_path / "few")
    assert ck19ml(*run(tmp_path / "out")).code == 0
    needed = size_of(tmp_path / "out")
    old = shutil.copytree(tmp_path / "out", small_disk / "out")
    before = contents(old)
    fill(small_disk, room(part * needed))
    ended = ck19ml(*run(old))
    assert ended.code == 1
    in_one_line(ended, FULL, str(old))
    assert contents(old) == before
    assert {path.name for path in small_disk.iterdir()} == {"out", "filler"}


def few_wells(plate: Path, target: Path) -> Path:
    """Copy a plate's layout and the images of its first well."""
    target.mkdir()
    shutil.copy(plate / "layout.csv", target)
    for path in sorted(plate.glob("*.tif"))[:2]:
        shutil.copy(path, target)
    return target


FILES = {
    "layout.csv": "layout {plate}/layout.csv --out {out} --overwrite",
    "plate.png": "layout {plate}/layout.csv --figure {out} --overwrite",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_written_whole_or_not_at_all(
    small_disk: Path, tiny_plate: Path, name: str
) -> None:
    old = small_disk / name
    old.write_text("earlier work")
    fill(small_disk)
    ended = ck19ml(*FILES[name].format(plate=tiny_plate, out=old).split())
    assert ended.code == 1
    in_one_line(ended, FULL, str(old))
    assert old.read_text() == "earlier work"
    assert {path.name for path in small_disk.iterdir()} == {name, "filler"}


def test_every_output_of_a_model_goes_through_one_door(small_disk: Path) -> None:
    """Scores, profiles, reports and figures are written by `writing.replacing`."""
    table = pd.DataFrame({"compound": ["DMSO"] * 5000})
    old = small_disk / "scores.csv"
    old.write_text("earlier work")
    fill(small_disk)
    for write in (write_csv, write_parquet):
        with pytest.raises(PlateError, match=f"{FULL} {old}"):
            write(table, old)
        assert {path.name for path in small_disk.iterdir()} == {"scores.csv", "filler"}
        assert old.read_text() == "earlier work"


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    with replacing(path) as made:
        table.assign(n=np.random.default_rng(0).random(len(table))).to_parquet(made)


def test_the_state_of_a_training(small_disk: Path) -> None:
    """The state before stays, and the next start goes on from it."""
    path = small_disk / "network.npz"
    state = State([np.ones(300_000)], None, False, [{"loss": 1.0}], {}, {})
    write_state(path, state)
    before = contents(small_disk)
    fill(small_disk, 40 * BLOCK)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - which of them, the next line says
        write_state(path, replace(state, variables=[np.zeros(300_000)]))
    assert is_full(caught.value)
    assert {name: contents(small_disk)[name] for name in before} == before
    assert {path.name for path in small_disk.iterdir()} == {"network.npz", "filler"}
    kept = read_state(path)
    assert kept is not None
    assert kept.variables[0].sum() == 300_000


def test_the_journal_of_a_study(small_disk: Path) -> None:
    """What was told stays; half a line is cut off by who comes next."""
    journal = small_disk / "study" / "optuna.journal"
    space: tuning.Space = {"units": [1, 2]}

    class Nothing:
        def __getattr__(self, name: str) -> Any:
            return lambda *_, **__: None

    def run(trials: int) -> int:
        with (
            tuning.lost_in_one_line(journal),
            tuning.open_study(journal, "s", seed=0, first={}) as study,
        ):
            study.run(trials, lambda *_: (1.0, {}), space, Nothing(), failures=0)
            return int(study.done)

    assert run(2) == 2
    filler = fill(small_disk)
    with pytest.raises(Ck19Error, match="no space left while writing"):
        run(60)
    filler.unlink()
    assert run(3) >= 3


@pytest.mark.slow  # it makes an MLflow store
def test_a_disk_that_fills_up_during_a_run_is_said_in_one_line(
    small_disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def log_until_full() -> None:
        with runs.start("a", "kind", {}) as run:
            fill(small_disk)
            run.metrics({f"metric {number}": 1.0 for number in range(1000)})

    with tracking_store(small_disk):
        with pytest.raises(TrackingError, match="disk"):
            log_until_full()
        assert "Traceback" not in "".join(capfd.readouterr())
        (small_disk / "filler").unlink()
        with runs.start("b", "kind", {}) as run:
            run.metrics({"loss": 1.0})
        assert run.logged == {"loss": 1.0}
