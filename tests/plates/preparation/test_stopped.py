"""A preparation that was stopped goes on where it was."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ck19ml.errors import PlateError
from ck19ml.files.writing import hold
from ck19ml.plates.dataset.store import Dataset, open_dataset
from ck19ml.plates.folder import find_plate
from ck19ml.plates.preparation import partial_dataset
from ck19ml.plates.preparation.prepare import prepare_plates
from ck19ml.plates.preparation.settings import Preparation, Source
from ck19ml.plates.problems import PlateProblems
from tests.places import ROOT
from tests.plates.made_plates import grey, labels, write_image, write_well

WELLS = [f"A{column:02d}" for column in range(1, 7)]
DONE = 3
SMALL = Preparation(patch_size=16)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Six wells of one field."""
    for well in WELLS:
        write_well(tmp_path / "plate", "A", int(well[1:]))
    return Source(find_plate(tmp_path / "plate"), labels(WELLS))


class Stop(BaseException):
    """What no code of the project catches."""


def stop(done: int, _: int) -> None:
    if done == DONE:
        raise Stop


@pytest.fixture
def stopped(source: Source, tmp_path: Path) -> Path:
    """The target of a preparation that was stopped after three of six fields."""
    with pytest.raises(Stop):
        prepare_plates([source], tmp_path / "d.zarr", SMALL, progress=stop)
    return tmp_path / "d.zarr"


def chunk(target: Path, index: int, name: str = "patches") -> Path:
    return target.with_name(target.name + ".partial") / name / "c" / str(index) / "0" / "0" / "0"


def written(target: Path, preparation: Preparation, source: Source) -> tuple[Dataset, list[int]]:
    """Go on, and tell which of the first fields were written again."""
    before = [chunk(target, index).stat().st_ino for index in range(DONE)]
    kept = [chunk(target, index).stat().st_mtime_ns for index in range(DONE)]
    dataset = prepare_plates([source], target, preparation)
    stats = [(target / "patches/c" / str(i) / "0/0/0").stat() for i in range(DONE)]
    again = [
        index
        for index, stat in enumerate(stats)
        if (stat.st_ino, stat.st_mtime_ns) != (before[index], kept[index])
    ]
    return dataset, again


def same(one: Dataset, two: Dataset) -> None:
    """Hold two datasets to be identical."""
    assert one.content_hash == two.content_hash
    pd.testing.assert_frame_equal(one.table, two.table)
    pd.testing.assert_frame_equal(one.fields, two.fields)
    every = np.arange(len(one.table))
    np.testing.assert_array_equal(one.read(every), two.read(every))
    np.testing.assert_array_equal(one.read_masks(every), two.read_masks(every))


def test_finished_fields_are_used_again(stopped: Path, source: Source, tmp_path: Path) -> None:
    dataset, again = written(stopped, SMALL, source)
    assert again == []
    same(dataset, prepare_plates([source], tmp_path / "whole.zarr", SMALL))
    assert sorted(path.name for path in stopped.iterdir()) == [
        "cells.parquet", "dataset.json", "fields.parquet", "instrument.csv", "masks",
        "measurements.parquet", "patches", "patches.parquet", "zarr.json",
    ]  # fmt: skip
    assert not stopped.with_name("d.zarr.partial").exists()


def test_it_says_how_much_was_done(stopped: Path, source: Source) -> None:
    said: list[str] = []
    prepare_plates([source], stopped, SMALL, say=said.append)
    assert said == [f"{stopped}.partial: resuming, 3 of 6 fields are done"]


@pytest.mark.parametrize("name", ["patches", "masks"])
@pytest.mark.parametrize("damage", ["cut", "exchanged", "gone", "record"])
def test_a_field_that_is_not_what_was_hashed_is_made_again(
    stopped: Path, source: Source, tmp_path: Path, name: str, damage: str
) -> None:
    place = chunk(stopped, 1, name)
    if damage == "cut":
        place.write_bytes(place.read_bytes()[:50])
    elif damage == "exchanged":
        place.write_bytes(chunk(stopped, 0, name).read_bytes())
    elif damage == "gone":
        place.unlink()
    else:
        (stopped.with_name("d.zarr.partial") / partial_dataset.PROGRESS / "1.json").write_text("{")
    same(
        prepare_plates([source], stopped, SMALL),
        prepare_plates([source], tmp_path / "whole.zarr", SMALL),
    )


@pytest.mark.parametrize("what", ["size of patches", "thresholds", "images", "labels"])
def test_with_anything_else_it_starts_afresh(
    stopped: Path, source: Source, tmp_path: Path, what: str
) -> None:
    preparation = SMALL
    if what == "size of patches":
        preparation = Preparation(patch_size=32)
    elif what == "thresholds":
        preparation = Preparation(patch_size=16, saturated_limit=0.5)
    elif what == "images":
        write_image(source.plate.fields[5].dc, grey(99))
        os.utime(source.plate.fields[5].dc, ns=(1, 1))
    else:
        source = Source(source.plate, labels(WELLS, "ConA"))
    said: list[str] = []
    dataset = prepare_plates([source], stopped, preparation, say=said.append)
    assert said == []
    same(dataset, prepare_plates([source], tmp_path / "whole.zarr", preparation))


def test_a_target_that_was_stopped_is_no_dataset(stopped: Path) -> None:
    with pytest.raises(PlateError, match="no prepared dataset"):
        open_dataset(stopped)
    with pytest.raises(PlateError, match="damaged or incomplete dataset"):
        open_dataset(stopped.with_name("d.zarr.partial"))


def test_what_is_wrong_with_the_plate_leaves_nothing_of_the_stopped_work(
    stopped: Path, source: Source
) -> None:
    # Another image is another fingerprint, so the work starts afresh and fails.
    write_image(source.plate.fields[5].dc, np.full((40, 40), 4096, np.uint16))
    with pytest.raises(PlateProblems):
        prepare_plates([source], stopped, SMALL)
    assert [path.name for path in stopped.parent.iterdir()] == ["plate"]


def test_two_at_work_on_one_dataset_are_told_apart(source: Source, tmp_path: Path) -> None:
    with (
        hold(tmp_path / "d.zarr.partial"),
        pytest.raises(PlateError, match="another process is writing"),
    ):
        prepare_plates([source], tmp_path / "d.zarr", SMALL)
    assert (tmp_path / "d.zarr.partial").is_dir()


CHILD = """
import sys, time
from pathlib import Path
from ck19ml.plates.folder import find_plate
from ck19ml.plates.preparation.settings import Preparation, Source
from ck19ml.plates.preparation.prepare import prepare_plates
from ck19ml.plates.preparation.runner import local
from tests.plates.made_plates import labels

def wait(done, total):
    if done == 3:
        print("three are done", flush=True)
        time.sleep(600)

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    wells = [f"A{column:02d}" for column in range(1, 7)]
    source = Source(find_plate(folder / "plate"), labels(wells))
    preparation = Preparation(patch_size=16, illumination=True)
    run = local(int(sys.argv[2]))
    prepare_plates([source], folder / "d.zarr", preparation, run=run, progress=wait)
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_was_killed_costs_only_what_it_had_not_finished(
    source: Source, tmp_path: Path, workers: int
) -> None:
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    child = subprocess.Popen(
        [sys.executable, script, tmp_path, str(workers)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "three are done\n"
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "d.zarr").exists()
    said: list[str] = []
    preparation = Preparation(patch_size=16, illumination=True)
    start = time.time_ns()
    dataset = prepare_plates([source], tmp_path / "d.zarr", preparation, say=said.append)
    assert [line.split(": ")[1][:9] for line in said] == ["resuming,"]
    old = [
        p for p in (tmp_path / "d.zarr/patches/c").glob("*/0/0/0") if p.stat().st_mtime_ns < start
    ]
    assert len(old) >= 3
    same(dataset, prepare_plates([source], tmp_path / "whole.zarr", preparation))
