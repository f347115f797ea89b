"""What TensorFlow prints while it starts does not reach the terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
    """What a process writes to standard error that has called `quiet` and then runs this."""
    known = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    found = subprocess.run(
        [sys.executable, "-c", f"from ck19ml.files.quiet import quiet\nquiet()\n{code}"],
        capture_output=True, text=True, check=False, cwd=folder,
        env=known | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"} | settings,
    )  # fmt: skip
    return found.stderr


@pytest.mark.slow
@pytest.mark.skipif(
    os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow", reason="another backend"
)
def test_a_training_starts_without_a_line(tmp_path: Path) -> None:
    assert said(TRAIN, tmp_path) == ""


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
