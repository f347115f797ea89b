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
    "trials": 2,
    "epochs": 2,
    "space": {"units": [16], "depth": [1], "fine_tune": [False]},
}


PROJECT = "ck19ml/workflows/project/"
"""Where the wheel holds the files that `ck19ml new` writes (`setup.py`)."""


def run(*command: str | Path, cwd: Path, first: Path | None = None) -> str:
    """Run a command that knows nothing of the repository; programs are looked for in `first`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PYTHON"))}
    environment = kept | {"MLFLOW_TRACKING_URI": f"sqlite:///{cwd}/mlflow.db"}
    if first is not None:
        environment["PATH"] = f"{first}{os.pathsep}{environment['PATH']}"
    made = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout[-1000:] + made.stderr[-3000:]
    return made.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of what it is built from: building writes beside it."""
    source, place = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("ck19ml", "experiments", "MLproject", "setup.py", "pyproject.toml", "README.md",
                 "LICENSE"):  # fmt: skip
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
        project = {name.removeprefix(PROJECT): archive.read(name) for name in packed - there}
    assert packed >= there
    of_new = [ROOT / "MLproject", *(ROOT / "experiments").glob("*.yaml")]
    assert project == {str(path.relative_to(ROOT)): path.read_bytes() for path in of_new}


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel; its libraries are those of this test."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place / "env", symlinks=True, with_pip=False)
    python = place / "env" / "bin" / "python"
    own = Path(sysconfig.get_path("purelib", vars={"base": str(place / "env")}))
    (own / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps",
        "--no-index", wheel, cwd=place)  # fmt: skip
    found = run(python, "-c", "import ck19ml; print(ck19ml.__file__)", cwd=place)
    assert Path(found.strip()).is_relative_to(own)
    return python.parent


def champion(place: Path) -> int:
    client = mlflow.MlflowClient(f"sqlite:///{place}/mlflow.db")
    return int(client.get_model_version_by_alias("ck19-classifier", "champion").version)


def test_the_wheel_simulates_prepares_and_tunes_elsewhere(programs: Path, tmp_path: Path) -> None:
    command = programs / "ck19ml"
    (tmp_path / "tune.yaml").write_text(yaml.safe_dump(CONFIG))
    assert run(command, "--version", cwd=tmp_path).strip()
    run(command, "simulate", "plate", "--wells", "12", "--size", "400", cwd=tmp_path)
    run(command, "prepare", "plate", "plate.zarr", cwd=tmp_path)
    run(command, "tune", "-c", "tune.yaml", cwd=tmp_path)
    assert champion(tmp_path) == 1


def test_the_wheel_starts_a_project_that_mlflow_runs(programs: Path, tmp_path: Path) -> None:
    run(programs / "ck19ml", "new", "project", cwd=tmp_path)
    place = tmp_path / "project"
    small = {
        "simulate.wells": 12, "simulate.size": 400, "autoencoder.fit.epochs": 1, "epochs": 2,
        "space.fine_tune": "[false]",
    }  # fmt: skip
    changes = "; ".join(f"{key}={value}" for key, value in small.items())
    run(programs / "python", "-m", "mlflow", "run", ".", "-e", "tune", "--env-manager", "local",
        "-P", "trials=2", "-P", f"set={changes}", cwd=place, first=programs)  # fmt: skip
    assert champion(place) == 1
