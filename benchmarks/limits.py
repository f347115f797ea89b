"""What no program can go below: its arithmetic at the speed of a matrix product, its bytes read.

Both are measured on the machine at hand, in the run whose figures they stand beside. Keras is
imported where it is needed: what starts processes must stay small, for the system counts the memory
of the process that starts another as that one's own.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ck19ml.networks.architectures import Network

SIDE = 2048
"""Rows of the matrices that are multiplied: large enough that starting threads costs nothing."""


@dataclass(frozen=True)
class Speed:
    """Operations a second: of all cores by the clock, and of one core by its own seconds."""

    wall: float
    cpu: float


def matmul() -> Speed:
    """Measure a product of float32 matrices, the best of five."""
    matrix = np.random.default_rng(1).random((SIDE, SIDE), dtype=np.float32)
    best = [float("inf"), float("inf")]
    for _ in range(5):
        cpu, wall = time.process_time(), time.perf_counter()
        matrix @ matrix
        took = time.perf_counter() - wall, time.process_time() - cpu
        best = [min(pair) for pair in zip(best, took, strict=True)]
    return Speed(*(2.0 * SIDE**3 / seconds for seconds in best))


def reading(places: Iterable[Path]) -> float:
    """Seconds of CPU to read files, and all files of folders, from the system's cache."""
    files = [
        file
        for place in places
        for file in ([place] if place.is_file() else place.rglob("*"))
        if file.is_file()
    ]
    took = []
    for _ in range(2):  # the first time they may come from the disk
        start = time.process_time()
        for file in files:
            file.read_bytes()
        took.append(time.process_time() - start)
    return took[-1]


def forward_operations(network: "Network", size: int) -> float:
    """Count what an image's forward pass multiplies and adds, in convolutions and dense layers.

    A multiplication and an addition are two operations; training is three times the forward pass.
    Networks that take images of any size are counted for sides of `size`.
    """
    import keras

    if None in network.input_shape[1:]:
        image = keras.Input((size, size, network.input_shape[-1]))
        network = keras.models.clone_model(network, input_tensors=image)
    total = 0.0
    for layer in _leaves(network):
        if isinstance(layer, keras.layers.Conv2DTranspose):
            places = np.prod(layer.input.shape[1:3])  # each input place is spread by the kernel
            total += 2.0 * np.prod(layer.kernel.shape) * places
        elif isinstance(layer, keras.layers.Conv2D):
            total += 2.0 * np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:3])
        elif isinstance(layer, keras.layers.Dense):
            total += 2.0 * np.prod(layer.kernel.shape)
    return float(total)


def _leaves(network: "Network") -> Iterator[Any]:
    import keras

    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer
