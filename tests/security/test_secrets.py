"""A password in a URL is in nothing that a command says or leaves behind.

That of a tuning that succeeds, with workers and a real PostgreSQL, is looked for in
`tests/faults/test_real_tune.py`.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.faults.postgres import free_port
from tests.places import ROOT

pytestmark = pytest.mark.slow

WORD = "hunter2-not-to-be-seen"
CONFIG = """\
plate: plate
simulate: {layout: ck19, wells: 12, size: 192, seed: 1}
dataset: d.zarr
prepare: {patch_size: 64}
"""
NOBODY = f"postgresql://keeper:{WORD}@127.0.0.1:1/studies"


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    return subprocess.run(
        [sys.executable, "-m", "ck19ml", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
        env=clean | {"PYTHONPATH": str(ROOT), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"} | environment,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tune.yaml").write_text(CONFIG)
    return tmp_path


def require_no_secret(ended: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert WORD not in ended.stdout
    assert WORD not in ended.stderr
    for path in folder.rglob("*"):
        if path.is_file():
            assert WORD.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["plain", "debug"])
@pytest.mark.parametrize(
    ("storage", "said"),
    [
        (NOBODY, "postgresql://127.0.0.1:1/studies"),
        (f"postgresql://127.0.0.1:1/studies?user=keeper&password={WORD}", "127.0.0.1:1/studies"),
        (f"mysql://keeper:{WORD}@127.0.0.1/studies", "mysql://127.0.0.1/studies"),
        (f"postgresql://keeper:{WORD}@127.0.0.1:port/studies", "postgresql://"),
    ],
    ids=["nobody answers", "as an option", "another database", "no URL"],
)
def test_of_a_storage(folder: Path, storage: str, said: str, debug: tuple[str, ...]) -> None:
    ended = run(folder, "tune", "-c", "tune.yaml", "--storage", storage, *debug)
    assert ended.returncode != 0
    assert said in ended.stderr
    assert not (folder / "plate").exists(), "said before anything is done"
    require_no_secret(ended, folder)


@pytest.mark.parametrize(
    "setting",
    [f"storage={NOBODY}", f"dataset={NOBODY}", f"scheduler=tcp://keeper:{WORD}@127.0.0.1:1",
     f"trials={NOBODY}", NOBODY],
    ids=["an unknown key", "another key", "a cluster", "a value that is wrong", "no key"],
)  # fmt: skip
def test_of_a_setting(folder: Path, setting: str) -> None:
    ended = run(folder, "tune", "-c", "tune.yaml", "--set", setting)
    assert ended.returncode != 0
    assert "error: " in ended.stderr
    require_no_secret(ended, folder)


@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["plain", "debug"])
@pytest.mark.parametrize(
    "uri",
    [f"http://keeper:{WORD}@127.0.0.1:1", f"postgresql://keeper:{WORD}@127.0.0.1:1/mlflow"],
    ids=["a server", "a database"],
)
def test_of_a_tracking_store(folder: Path, uri: str, debug: tuple[str, ...]) -> None:
    ended = run(
        folder, "tune", "-c", "tune.yaml", *debug,
        MLFLOW_TRACKING_URI=uri, MLFLOW_SQLALCHEMYSTORE_POOL_RECYCLE="1",
    )  # fmt: skip
    assert ended.returncode == 1
    assert "127.0.0.1:1" in ended.stderr
    require_no_secret(ended, folder)


def test_of_a_store_that_the_ui_shows(folder: Path) -> None:
    """The command lines of the processes, which all users of a machine can read, do not show it."""
    uri = f"sqlite:///{folder}/mlflow.db?password={WORD}"
    port = free_port()
    process = psutil.Popen(
        [sys.executable, "-m", "ck19ml", "ui", "--port", str(port)], cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": uri},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        children: list[psutil.Process] = []
        for _ in range(240):
            children = process.children(recursive=True)
            if any("mlflow" in " ".join(child.cmdline()) for child in children):
                break
            time.sleep(0.25)
        lines = [" ".join(child.cmdline()) for child in children]
        assert any("mlflow" in line for line in lines), lines
        assert not any(WORD in line for line in lines), lines
    finally:
        for each in [*process.children(recursive=True), process]:
            each.terminate()
        process.wait(timeout=30)
