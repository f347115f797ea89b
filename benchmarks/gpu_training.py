"""How many patches a second one GPU trains on, and what share of its peak that is.

    KERAS_BACKEND=jax   python benchmarks/gpu_training.py
    KERAS_BACKEND=torch python benchmarks/gpu_training.py
    python benchmarks/gpu_training.py --short      on a processor, a minute

Needs no TensorFlow, and takes it where JAX is not installed. The patches lie on the device as the
camera gave them (12 bits in 16) and are drawn and scaled there; a batch costs the host a list of
row numbers. Random patches: the time does not depend on what they show. Operations are counted from
the layers' shapes, a multiplication and an addition being two; training is three times the forward
pass. The peak is the maker's where the device is known, and on a processor that of a product of
float32 matrices.
"""

import argparse
import json
import os
import platform
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax" if find_spec("jax") else "tensorflow")

import keras
import numpy as np
from keras import ops
from limits import forward_operations, matmul

from ck19ml.networks import architectures
from ck19ml.networks.training import has_accelerator, mixed_precision, seed_everything

SIZE = 192
STUDY = {"slides classifier": 560.0}
"""Patches a second that the study trained on, on one Colab GPU (DOMAIN.md)."""

PEAKS = {"H200": 989, "H100": 989, "A100": 312, "L40S": 362, "L4": 121, "V100": 125, "T4": 65}
"""Dense 16-bit TFLOP/s by a part of the device's name, from the makers' data sheets."""


def device_name() -> str:
    """Name of the device that the backend computes on."""
    if keras.backend.backend() == "jax":
        import jax

        return str(jax.devices()[0].device_kind)
    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else platform.machine()
    return platform.machine()


def build(kind: str, architecture: str) -> architectures.Network:
    """Build and compile an autoencoder, or a classifier whose encoder is trained too."""
    seed_everything(1)
    if kind == "autoencoder":
        network = architectures.build_autoencoder(architecture, SIZE)
        network.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
        return network
    encoder = architectures.build_encoder(architecture, SIZE)
    head = architectures.build_classifier_head(
        architectures.feature_shape(encoder), classes=3, units=128, depth=1, dropout=0.0,
        normalise=False, pooled=False,
    )  # fmt: skip
    network = architectures.join(encoder, head)
    network.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    return network


def batch_of(raw: Any, rows: Any) -> Any:
    """Draw patches on the device and scale them to [0, 1], as `core.patches.rescale` does."""
    grey = ops.cast(ops.take(raw, rows, axis=0), "float32")
    low = ops.min(grey, axis=(1, 2), keepdims=True)
    span = ops.maximum(ops.max(grey, axis=(1, 2), keepdims=True) - low, 1e-6)
    return (grey - low) / span


def measure(kind: str, architecture: str, raw: Any, labels: Any, batch: int, steps: int) -> float:
    """Patches a second over some steps, after three that build and warm up."""
    network = build(kind, architecture)
    rng = np.random.default_rng(1)
    start = 0.0
    with mixed_precision(network, "auto"):
        for step in range(steps + 3):
            if step == 3:
                start = time.perf_counter()
            rows = ops.convert_to_tensor(rng.integers(len(labels), size=batch).astype("int32"))
            x = batch_of(raw, rows)
            y = x if kind == "autoencoder" else ops.take(labels, rows, axis=0)
            network.train_on_batch(x, y)  # gives the loss as a number: it waits for the device
    return steps * batch / (time.perf_counter() - start)


def main() -> None:
    """Measure each network; prints a table and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="few patches and steps")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--patches", type=int, default=8192, help="on the device; 147 kB each")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--peak", type=float, help="the device's peak in TFLOP/s, if not known")
    options = parser.parse_args()
    batch, patches, steps = options.batch, options.patches, options.steps
    if options.short:
        batch, patches, steps = 8, 32, 2
    name = device_name()
    known = [peak for part, peak in PEAKS.items() if part in name]
    peak = options.peak or (known[0] if known else None)
    if peak is None and not has_accelerator():
        peak = matmul().wall / 1e12
    rng = np.random.default_rng(1)
    raw = ops.convert_to_tensor(
        rng.integers(255, 4096, (patches, SIZE, SIZE, 2), dtype=np.int16)
    )  # int16, for not all backends index uint16
    labels = ops.convert_to_tensor(rng.integers(3, size=patches).astype("int32"))
    print(f"{name}, {keras.backend.backend()} backend, Keras {keras.__version__}, batch {batch}, "
          f"{'bfloat16' if has_accelerator() else 'float32'}")  # fmt: skip
    found: list[dict[str, Any]] = []
    for architecture in ("compact", "slides"):
        for kind in ("autoencoder", "classifier"):
            operations = 3 * forward_operations(build(kind, architecture), SIZE)
            speed = measure(kind, architecture, raw, labels, batch, steps)
            reached = speed * operations / 1e12
            share = None if peak is None else reached / peak
            found.append({"network": f"{architecture} {kind}", "patches_per_second": speed,
                          "gflop_per_patch": operations / 1e9, "tflops": reached,
                          "share_of_peak": share})  # fmt: skip
            print(f"{architecture} {kind:12s} {speed:10.1f} patches/s {operations / 1e9:7.2f} "
                  f"GFLOP/patch {reached:8.3f} TFLOP/s, share of the peak: "
                  f"{'unknown' if share is None else f'{share:.1%}'}")  # fmt: skip
    about = {"device": name, "backend": keras.backend.backend(), "batch": batch,
             "date": datetime.now(UTC).date().isoformat()}  # fmt: skip
    rows = [row_of(each, peak) for each in found]
    print(json.dumps(about | {"networks": found, "rows": rows}))


def row_of(found: dict[str, Any], peak: float | None) -> dict[str, Any]:
    """Make a row of `benchmarks/table.py`."""
    name = found["network"]
    row = {"subject": f"training on 1,000 patches, {name}", "unit": "s",
           "ours": 1000 / found["patches_per_second"]}  # fmt: skip
    if name in STUDY and has_accelerator():
        row["peer"] = 1000 / STUDY[name]
    if peak is not None:
        row["limit"] = found["gflop_per_patch"] / peak  # 1,000 patches, 1e9 over 1e12
    return row


if __name__ == "__main__":
    main()
