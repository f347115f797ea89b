"""The work on fields on a real Dask cluster: a scheduler and two workers on this machine."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ck19ml.plates.dataset.store import open_dataset
from ck19ml.plates.folder import find_plate
from ck19ml.plates.preparation.prepare import prepare_plates
from ck19ml.plates.preparation.settings import Preparation, Source
from tests.places import ROOT
from tests.plates.made_plates import labels, write_well
from tests.ports import free_port

pytestmark = pytest.mark.slow

WELLS = [f"{row}{column:02d}" for row in "AB" for column in range(1, 13)]


class Cluster:
    """A scheduler and its workers; all of them end with `close`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.processes: list[subprocess.Popen[bytes]] = []
        port = self.address.rpartition(":")[2]
        self._start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
        self.workers = [self.start_worker(), self.start_worker()]

    def start_worker(self) -> "subprocess.Popen[bytes]":
        return self._start(
            "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
            "--host", "127.0.0.1", "--local-directory", str(self.folder), "--death-timeout", "60",
        )  # fmt: skip

    def _start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        log = (self.folder / "cluster.log").open("ab")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments],
                cwd=self.folder, env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in reversed(self.processes):
            process.kill()
        for process in self.processes:
            process.wait(timeout=20)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that is gone after the test, whatever came of it."""
    (tmp_path / "cluster").mkdir()
    started = Cluster(tmp_path / "cluster")
    try:
        yield started
    finally:
        started.close()


@pytest.fixture
def source(tmp_path: Path) -> Source:
    for well in WELLS:
        write_well(tmp_path / "plate", well[0], int(well[1:]))
    return Source(find_plate(tmp_path / "plate"), labels(WELLS))


CHILD = """
import sys, time
from pathlib import Path
from ck19ml.distributed import cluster
from ck19ml.plates.folder import find_plate
from ck19ml.plates.preparation.settings import Preparation, Source
from ck19ml.plates.preparation.prepare import prepare_plates
from tests.plates.made_plates import labels
from tests.test_distributed import WELLS, slowly

folder, address = Path(sys.argv[1]), sys.argv[2]

def run(work, tasks):
    return cluster(address)(slowly if sys.argv[3] == "slowly" else work, tasks)

source = Source(find_plate(folder / "plate"), labels(WELLS))
prepare_plates([source], folder / "d.zarr", Preparation(patch_size=16), run=run,
               progress=lambda done, total: print(done, flush=True))
"""


def slowly(task: object) -> object:
    """Prepare a field in a second, so that there is time to kill a worker at work."""
    from ck19ml.plates.preparation.field import prepare_field

    time.sleep(0.5)
    return prepare_field(task)  # type: ignore[arg-type]


def start(folder: Path, address: str, pace: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), address, pace],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def require_same_as_here(source: Source, folder: Path) -> None:
    found = open_dataset(folder / "d.zarr")
    here = prepare_plates([source], folder / "here.zarr", Preparation(patch_size=16))
    assert found.content_hash == here.content_hash
    pd.testing.assert_frame_equal(found.table, here.table)
    pd.testing.assert_frame_equal(found.fields, here.fields)
    every = np.arange(len(here.table))
    np.testing.assert_array_equal(found.read_masks(every), here.read_masks(every))


def test_a_cluster_makes_what_this_machine_makes(
    cluster: Cluster, source: Source, tmp_path: Path
) -> None:
    child = start(tmp_path, cluster.address, "at once")
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    assert out.split()[-1] == str(len(WELLS))
    require_same_as_here(source, tmp_path)


def test_a_worker_that_is_killed_costs_nothing_but_time(
    cluster: Cluster, source: Source, tmp_path: Path
) -> None:
    child = start(tmp_path, cluster.address, "slowly")
    assert child.stdout is not None
    for line in child.stdout:
        if line == "4\n":
            break
    cluster.workers[0].kill()
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    assert out.split()[-1] == str(len(WELLS))
    assert cluster.workers[0].poll() is not None
    require_same_as_here(source, tmp_path)


def test_the_command_says_where_it_found_no_scheduler(source: Source, tmp_path: Path) -> None:
    from ck19ml.plates.layouts.reading import write_layout

    write_layout(source.layout, tmp_path / "plate" / "layout.csv")
    address = f"tcp://127.0.0.1:{free_port()}"
    code = (
        "from pathlib import Path\n"
        "from ck19ml.cli import _guard\n"
        "from ck19ml.config import PrepareConfig\n"
        "from ck19ml.plates.folder import find_plate\n"
        "from ck19ml.workflows.prepare import prepare\n"
        f"config = PrepareConfig(patch_size=16, scheduler={address!r})\n"
        "plate = find_plate(Path('plate'))\n"
        "raise SystemExit(_guard(lambda: prepare([plate], Path('d.zarr'), config), False))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert found.returncode == 2, found.stderr
    assert f"error: no Dask scheduler answers at {address}" in found.stderr
    assert not (tmp_path / "d.zarr").exists()
