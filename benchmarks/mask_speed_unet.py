"""How fast the mask networks are beside OpenCV's k-means and the study's U-Net.

    python benchmarks/mask_speed_unet.py [PATCHES]

The network's speed does not depend on what it has learnt, so an untrained one is timed. CPU seconds
are what the study gives; both are scaled to 1,000 patches of 192 x 192 with two channels.
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
from ck19ml.core.patches import BACKGROUND, raise_background
from ck19ml.core.simulation.degradation import Degradation
from ck19ml.core.simulation.mask_examples import simulate_well
from ck19ml.networks import unet

STUDY_CPU_S = 183.0
"""The study's U-Net, 1,000 patches (DOMAIN.md, the study's results)."""

SEED = 2211


def main(count: int = 300) -> None:
    """Print one line a method, and last one line of JSON."""
    patches = simulated(count)
    kmeans_wall, kmeans = timed(lambda p: mask_methods.kmeans(p, BACKGROUND), patches[: count // 6])
    print(f"opencv k-means {kmeans:7.1f} s of CPU, {kmeans_wall:6.1f} s a 1,000 patches")
    rows, speed = [], matmul().cpu
    for architecture in unet.ARCHITECTURES:
        network = unet.build_unet(architecture)
        some = patches if architecture == "compact" else patches[: count // 6]
        wall, cpu = timed(lambda p, n=network: unet.find_cells(n, p, BACKGROUND), some)
        print(
            f"unet {architecture:9} {cpu:7.1f} s of CPU, {wall:6.1f} s a 1,000 patches; "
            f"{STUDY_CPU_S / cpu:5.1f} x the study's U-Net, {kmeans / cpu:5.2f} x k-means here"
        )
        rows.append({"subject": f"masks of 1,000 patches, U-Net {architecture}",
                     "unit": "s of CPU", "ours": cpu, "peer": STUDY_CPU_S,
                     "limit": 2 * 1000 * forward_operations(network, 192) / speed})  # fmt: skip
    print(json.dumps({"rows": rows}))


def simulated(count: int) -> NDArray[np.uint16]:
    """Patches of simulated wells, raised to the background, (count, 192, 192, 2)."""
    wells = -(-count // 25)
    made = [
        simulate_well(index, 960, np.random.default_rng([SEED, index]), Degradation()).patches
        for index in range(wells)
    ]
    raised = raise_background(np.concatenate(made)[:count])
    return np.ascontiguousarray(raised, dtype=np.uint16)


def timed(
    masks: Callable[[NDArray[np.uint16]], object], patches: NDArray[np.uint16]
) -> tuple[float, float]:
    """Seconds, by the wall clock and of CPU, for 1,000 patches; what is built once is not timed."""
    masks(patches[:8])
    wall, cpu = time.perf_counter(), time.process_time()
    masks(patches)
    scale = 1000 / len(patches)
    return (time.perf_counter() - wall) * scale, (time.process_time() - cpu) * scale


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
