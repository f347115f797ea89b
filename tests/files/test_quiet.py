"""What TensorFlow prints while it starts does not reach the terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.plates.layouts.reading import choose_wells
from ck19ml.plates.simulation import simulate_plate
from tests.command import START_LINES
from tests.places import ROOT

TRAIN = """
import keras, numpy
network = keras.Sequential([keras.layers.Dense(2)])
network.compile("adam", "mse")
network.fit(numpy.zeros((4, 3)), numpy.zeros((4, 2)), verbose=0)
"""
FAILS = """
import os
os.write(2, b"why it fails\\n")
raise ImportError("broken")
"""


def said(code: str, folder: Path, **settings: str) -> str:
    """What a process writes to standard error that imports our networks and then runs this."""
    return run(folder, "-c", f"import ck19ml.networks\n{code}", **settings).stderr


def run(folder: Path, *arguments: object, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in a process that inherits no wish about TensorFlow's lines."""
    known = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=folder,
        env=known | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"} | settings,
    )  # fmt: skip


TRAINS = pytest.mark.skipif(
    os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow", reason="another backend"
)


@pytest.mark.slow
@TRAINS
def test_a_training_starts_without_a_line(tmp_path: Path) -> None:
    assert said(TRAIN, tmp_path) == ""


@pytest.mark.slow
@TRAINS
def test_a_command_that_loads_a_network_says_nothing_of_tensorflow(tmp_path: Path) -> None:
    simulate_plate(tmp_path / "plate", choose_wells(builtin_layout("ck19"), 3), size=256, seed=1)
    command = ("-m", "ck19ml", "prepare", "plate", "plate.zarr", "--mask", "unet")
    store = {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}
    found = run(tmp_path, *command, "--workers", 2, **store)
    assert found.returncode == 0, found.stderr
    assert "plate.zarr: 3 patches of 3 wells" in found.stdout
    shown = (found.stdout + found.stderr).splitlines()
    assert [line for line in shown if START_LINES.search(line)] == []


def test_lines_are_shown_where_they_are_asked_for_or_the_start_fails(tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text(FAILS)
    failed = said("import tensorflow", tmp_path)
    assert failed.startswith("why it fails\n")
    assert failed.endswith("ImportError: broken\n")
    (tmp_path / "tensorflow.py").write_text('import os\nos.write(2, b"a line\\n")')
    assert said("import tensorflow", tmp_path, TF_CPP_MIN_LOG_LEVEL="0") == "a line\n"


def test_what_follows_is_shown_again(tmp_path: Path) -> None:
    devices = "class config:\n    list_physical_devices = staticmethod(list)\n"
    (tmp_path / "tensorflow.py").write_text(f'import os\nos.write(2, b"a line\\n")\n{devices}')
    after = "import tensorflow, os\nos.write(2, b'mine\\n')"
    assert said(after, tmp_path) == "mine\n"
    assert said(f"import os\nos.close(2)\n{after.replace('2,', '1,')}", tmp_path) == ""
