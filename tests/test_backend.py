"""The models train and score under another backend of Keras: nothing asks for TensorFlow."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.places import ROOT

MODEL_PART = ("test_architectures", "test_training", "test_heads", "test_scorer")

WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None  # importing it fails, as where it is not installed
import numpy as np
from ck19ml.networks import architectures, training
from ck19ml.networks.batches import Batches, Patches
from ck19ml.networks.settings import FitSettings
from ck19ml.networks.training import fit, predict
training.seed_everything(1)
raw = np.random.default_rng(1).integers(255, 4096, (12, 16, 16, 2)).astype(np.uint16)
network = architectures.build_autoencoder("compact", 16)
batches = Batches(Patches(raw), None, 4, np.random.default_rng(1))
result = fit(network, batches, Batches(Patches(raw), None, 4), FitSettings(epochs=2, batch_size=4),
             loss="binary_crossentropy")
assert predict(network, Patches(raw)).shape == (12, 16, 16, 2)
assert len(result.history) == 2
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("jax") is None, reason="jax is not installed (pip install 'ck19ml[jax]')"
    ),
]


def under_jax() -> dict[str, str]:
    return os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": "1"}


def test_training_needs_no_tensorflow() -> None:
    made = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW], cwd=ROOT, env=under_jax(),
        capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-3000:]


def test_the_model_part_of_the_suite_passes_under_jax() -> None:
    files = [f"tests/networks/{name}.py" for name in MODEL_PART]
    made = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        cwd=ROOT, env=under_jax(), capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout[-6000:]
    assert "passed" in made.stdout
