"""The built wheel does the main job outside the repository."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import mlflow
import pytest
import yaml

from tests.places import ROOT

pytestmark = pytest.mark.slow

CONFIG = {
    "plate": "plate",
    "dataset": "plate.zarr",
    "autoencoder": {"fit": {"epochs": 1, "batch_size": 32, "least_steps": 1}},
    "regressor_fit": {"epochs": 1, "batch_size": 64},
    "trials": 2,
    "epochs": 2,
    "space": {"units": [16], "depth": [1], "fine_tune": [False]},
}


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command that knows nothing of the repository."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PYTHON"))}
    environment = kept | {"MLFLOW_TRACKING_URI": f"sqlite:///{cwd}/mlflow.db"}
    made = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout[-1000:] + made.stderr[-3000:]
    return made.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of what it is built from: building writes beside it."""
    source, place = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("ck19ml", "pyproject.toml", "README.md", "LICENSE"):
        run("cp", "-r", ROOT / name, source, cwd=place)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
        "--wheel-dir", place, source, cwd=place)  # fmt: skip
    (made,) = place.glob("ck19ml-*.whl")
    return made


def test_all_files_of_the_package_are_in_the_wheel(wheel: Path) -> None:
    there = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "ck19ml").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("ck19ml/")}
    assert packed == there


def test_the_wheel_simulates_prepares_and_tunes_elsewhere(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    venv.create(tmp_path / "env", symlinks=True, with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    own = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "env")}))
    # The libraries are those that run this test; ck19ml is the wheel's.
    (own / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps",
        "--no-index", wheel, cwd=place)  # fmt: skip
    found = run(python, "-c", "import ck19ml; print(ck19ml.__file__)", cwd=place)
    assert Path(found.strip()).is_relative_to(own)

    command = own.parents[2] / "bin" / "ck19ml"
    (place / "tune.yaml").write_text(yaml.safe_dump(CONFIG))
    assert run(command, "--version", cwd=place).strip()
    run(command, "simulate", "plate", "--wells", "12", "--size", "400", cwd=place)
    run(command, "prepare", "plate", "plate.zarr", cwd=place)
    run(command, "tune", "-c", "tune.yaml", cwd=place)
    client = mlflow.MlflowClient(f"sqlite:///{place}/mlflow.db")
    assert int(client.get_model_version_by_alias("ck19-classifier", "champion").version) == 1
