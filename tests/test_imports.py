"""Each command imports what it uses, and nothing else that takes long."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

SLOW = (
    "keras", "tensorflow", "mlflow", "mlflow.server.handlers", "optuna", "distributed", "flask",
    "fastapi", "sqlalchemy", "sklearn", "matplotlib.figure", "bokeh", "umap", "numba", "zarr",
    "ome_zarr", "scipy.stats", "pandas",
)  # fmt: skip
"""Modules that take a good part of a second each, or bring others that do."""

USED = {
    "--help": set(),
    "simulate plate --wells 3 --size 256": {"pandas"},
    "layout plate": {"pandas"},
    "layout plate --figure plate.png": {"pandas", "matplotlib.figure"},
    "export plate plate.ome.zarr": {"pandas", "zarr", "ome_zarr", "distributed"},
    "prepare plate plate.zarr": {
        "pandas", "zarr", "matplotlib.figure", "mlflow", "sqlalchemy", "fastapi",
    },
    "check plate.zarr": {"pandas", "zarr"},
}  # fmt: skip
"""What each command may import of these, in the order in which one needs the other's output."""

RUN = f"""
import sys
from ck19ml.cli import main
try:
    main()
finally:
    print("imported", *[name for name in {SLOW!r} if name in sys.modules], file=sys.stderr)
"""


def imported(line: str, folder: Path) -> set[str]:
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": "sqlite:///m.db"}
    found = subprocess.run(
        [sys.executable, "-c", RUN, *line.split()],
        capture_output=True, text=True, cwd=folder, env=settings, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return set(found.stderr.splitlines()[-1].split()[1:])


@pytest.mark.slow
def test_a_command_imports_what_it_uses(tmp_path: Path) -> None:
    too_many = {line: imported(line, tmp_path) - known for line, known in USED.items()}
    assert {line: names for line, names in too_many.items() if names} == {}
