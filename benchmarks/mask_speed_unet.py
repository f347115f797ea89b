"""How fast the mask networks are beside OpenCV's k-means and the study's U-Net.

    python benchmarks/mask_speed_unet.py [PATCHES]

The network's speed does not depend on what it has learnt, so an untrained one is timed, on fields
of 960 x 960 at their own size. CPU seconds are what the study gives; all are scaled to the pixels
of 1,000 patches of 192 x 192 with two channels.
"""

import json
import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from limits import forward_operations, matmul
from numpy.typing import NDArray

from ck19ml.core import mask_methods
from ck19ml.core.normalisation import DIAMETER_PX
from ck19ml.core.patches import BACKGROUND, cut, raise_background
from ck19ml.core.simulation.degradation import Degradation
from ck19ml.core.simulation.mask_examples import simulate_well
from ck19ml.networks import unet
from ck19ml.networks.architectures import Network

STUDY_CPU_S = 183.0
"""The study's U-Net, 1,000 patches (DOMAIN.md, the study's results)."""

SEED = 2211

SIDE, PATCHES = 960, 25
"""Side of a field in pixels, and the patches that cover it."""


def main(count: int = 300) -> None:
    """Print one line a method, and last one line of JSON."""
    fields = simulated(count)
    patches = np.asarray(raise_background(cut(fields[0])), np.uint16)[: max(count // 6, 2)]
    kmeans_wall, kmeans = timed(lambda: mask_methods.kmeans(patches, BACKGROUND), len(patches))
    print(f"opencv k-means {kmeans:7.1f} s of CPU, {kmeans_wall:6.1f} s a 1,000 patches")
    rows, speed = [], matmul().cpu
    for architecture in unet.ARCHITECTURES:
        network = unet.build_unet(architecture)
        some = fields if architecture == "compact" else fields[:1]
        wall, cpu = timed(lambda n=network, f=some: find(n, f), len(some) * PATCHES)
        print(
            f"unet {architecture:9} {cpu:7.1f} s of CPU, {wall:6.1f} s a 1,000 patches; "
            f"{STUDY_CPU_S / cpu:5.1f} x the study's U-Net, {kmeans / cpu:5.2f} x k-means here"
        )
        rows.append({"subject": f"masks of 1,000 patches, U-Net {architecture}",
                     "unit": "s of CPU", "ours": cpu, "peer": STUDY_CPU_S,
                     "limit": 2 * 1000 * forward_operations(network, 192) / speed})  # fmt: skip
    print(json.dumps({"rows": rows}))


def find(network: Network, fields: list[NDArray[np.uint16]]) -> None:
    """Mask both channels of each field."""
    for field in fields:
        for channel in (0, 1):
            unet.find_cells(network, np.ascontiguousarray(field[..., channel]), DIAMETER_PX)


def simulated(count: int) -> list[NDArray[np.uint16]]:
    """Raw simulated fields, (960, 960, 2), of so many patches or more."""
    wells = (
        simulate_well(index, SIDE, np.random.default_rng([SEED, index]), Degradation())
        for index in range(-(-count // PATCHES))
    )
    return [np.moveaxis(well.image, 0, -1) for well in wells]


def timed(work: Callable[[], object], patches: int) -> tuple[float, float]:
    """Seconds, by the wall clock and of CPU, for 1,000 patches; what is built once is not timed."""
    work()
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    scale = 1000 / patches
    return (time.perf_counter() - wall) * scale, (time.process_time() - cpu) * scale


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
