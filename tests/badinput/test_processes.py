"""Bad input that only a whole process meets: libraries, the tracking store, permissions."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.badinput.spoiling import FITC_B01, cut_short, nothing, one_line
from tests.plates.made_plates import contents

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an MLflow store that all processes share: a new one takes seconds."""
    return tmp_path_factory.mktemp("store")


def process(
    work: Path, store: Path, arguments: str, wrapper: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    found = {
        **os.environ,
        "MLFLOW_TRACKING_URI": f"sqlite:///{store}/mlflow.db",
        "OMP_NUM_THREADS": "1",
        **environment,
    }
    # The folder that MLflow writes artifacts to stands in the current directory.
    arguments = arguments.replace("{work}", str(work))
    return subprocess.run(
        [*wrapper, sys.executable, "-m", "ck19ml", *arguments.split()],
        cwd=store, env=found, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture
def closed_port() -> int:
    """A port on which nothing answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("spoil", "arguments", "code", "says"),
    [
        pytest.param(
            lambda work: cut_short(work / "plate" / FITC_B01),
            "prepare {work}/plate {work}/new.zarr --patch-size 16",
            1,
            (FITC_B01, "damaged"),
            id="a TIFF is truncated",
        ),
        pytest.param(
            nothing,
            "prepare {work}/plate {work}/d.zarr --patch-size 32",
            2,
            ("d.zarr", "patch_size 16 not 32"),
            id="the dataset was made by other parameters",
        ),
        pytest.param(
            nothing,
            "classifier -c {work}/c.yaml -s dataset={work}/d.zarr -s classes=[OVA,LPS]",
            2,
            ("classes", "'LPS'", "d.zarr"),
            id="a class that the dataset lacks",
        ),
        pytest.param(
            nothing,
            "evaluate models:/nosuch@champion {work}/d.zarr",
            1,
            ("models:/nosuch@champion",),
            id="a model that the registry lacks",
        ),
        pytest.param(
            nothing,
            "evaluate models:/nosuch/1 {work}/nosuch.zarr",
            1,
            ("nosuch.zarr", "ck19ml prepare"),
            id="a dataset that is missing",
        ),
        pytest.param(
            lambda work: cut_short(work / "d.zarr" / "dataset.json"),
            "autoencoder -c {work}/c.yaml -s dataset={work}/d.zarr",
            1,
            ("d.zarr",),
            id="a dataset that is damaged",
        ),
        pytest.param(
            nothing,
            "predict models:/nosuch/1 {work}/plate --out {work}/scores.csv",
            1,
            ("scores.csv", "--overwrite"),
            id="scores that stand there",
        ),
    ],
)  # fmt: skip
def test_bad_input_of_a_process(
    work: Path,
    store: Path,
    spoil: Callable[[Path], object],
    arguments: str,
    code: int,
    says: tuple[str, ...],
) -> None:
    spoil(work)
    before = contents(work)
    found = process(work, store, arguments)
    assert (found.returncode, found.stdout) == (code, ""), found.stderr
    one_line(found.stderr, says)
    if arguments.startswith("prepare"):  # the networks' library says more when it loads
        assert found.stderr.count("\n") == 1
    assert contents(work) == before


def test_a_tracking_server_that_does_not_answer(work: Path, store: Path, closed_port: int) -> None:
    before = contents(work)
    uri = f"http://user:secret@127.0.0.1:{closed_port}"
    found = process(
        work, store, "prepare {work}/plate {work}/new.zarr --patch-size 16", MLFLOW_TRACKING_URI=uri
    )
    assert found.returncode == 1
    one_line(found.stderr, (f"http://127.0.0.1:{closed_port}", "MLFLOW_TRACKING_URI"))
    assert "secret" not in found.stderr
    assert contents(work) == before


def without_override() -> tuple[str, ...]:
    """What to start a process with so that a folder's permissions count for root too."""
    if os.geteuid() != 0:
        return ()
    wrapper = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    if shutil.which("setpriv") is None or subprocess.run([*wrapper, "true"]).returncode:
        pytest.skip("this is root, and setpriv cannot take its right to write anywhere away")
    return wrapper


@pytest.mark.parametrize(
    "arguments",
    [
        "prepare {work}/plate {work}/empty/new.zarr --patch-size 16",
        "simulate {work}/empty/new --layout {work}/plate/layout.csv --size 192",
    ],
)
def test_a_folder_without_the_permission_to_write(work: Path, store: Path, arguments: str) -> None:
    wrapper = without_override()
    (work / "empty").chmod(0o555)
    before = contents(work)
    found = process(work, store, arguments, wrapper=wrapper)
    (work / "empty").chmod(0o755)
    assert (found.returncode, found.stdout) == (1, ""), found.stderr
    one_line(found.stderr, ("empty/new",))
    assert contents(work) == before
