"""Draw simulated fields, and compare how uneven their background is with that of real images.

Run `python benchmarks/simulated_fields.py fields.png`. Unevenness: the 10th percentile of squares
of 64 pixels, from its 5th to its 95th percentile over the image, as a share of the signal (the 99th
percentile less the middle of the background). In ConA wells cells cover little more than 1 % of a
channel, so the 99th percentile is low there and the unevenness high.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from skimage.io import imread

from ck19ml.core.patches import cut
from ck19ml.core.simulation.field import simulate_field
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.core.simulation.rendering import FULL_SIZE

REFERENCE = Path(__file__).parents[2] / "shared" / "reference" / "images"

SIDE = 320
"""Side of the magnified part of a field, pixels."""


def unevenness(plane: NDArray[np.unsignedinteger]) -> float:
    """Return the spread of the background as a share of the signal."""
    squares = cut(plane[..., None], 64).reshape(-1, 64 * 64)
    low, middle, high = np.percentile(np.percentile(squares, 10, axis=1), (5, 50, 95))
    return float((high - low) / (np.percentile(plane, 99) - middle))


def main() -> None:
    """Print the unevenness of real and simulated images, and draw the simulated ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", type=Path)
    parser.add_argument("--reference", type=Path, default=REFERENCE)
    parser.add_argument("--fields", type=int, default=6, help="of each stimulation")
    options = parser.parse_args()
    for path in sorted(options.reference.rglob("*.[tp][in][fg]")):
        print(f"real       {path.name:28}{unevenness(imread(path)):.3f}")
    parameters = Parameters(droplet_share=0.0, blind_share=0.0)
    figure, axes = plt.subplots(3, 4, figsize=(10, 7.6), layout="constrained")
    for row, stimulation in zip(axes, parameters.conditions, strict=True):
        for kind, usual in (
            ("simulated", parameters),
            ("perfect", parameters.without_imperfections()),
        ):
            found = []
            for seed in range(options.fields):
                view = simulate_field(stimulation, usual, FULL_SIZE, np.random.default_rng(seed))
                found += [unevenness(view.dc), unevenness(view.tcell)]
                if seed == 1 and kind == "simulated":
                    _draw(row, stimulation, view.dc, view.tcell)
            low, middle, high = np.percentile(found, (0, 50, 100))
            print(f"{kind:11}{stimulation:28}{middle:.3f} ({low:.3f} to {high:.3f})")
    figure.savefig(options.figure, dpi=100)


def _draw(row: NDArray[np.object_], stimulation: str, *planes: NDArray[np.uint16]) -> None:
    """Draw whole fields, stretched to show the background, and a magnified part of each."""
    for index, (plane, name) in enumerate(zip(planes, ("DC", "T cell"), strict=True)):
        whole, part = row[2 * index], row[2 * index + 1]
        whole.imshow(plane[::4, ::4], cmap="gray", vmin=140, vmax=280)
        part.imshow(plane[:SIDE, :SIDE], cmap="gray", vmin=140, vmax=900)
        whole.set_title(f"{stimulation}, {name}", fontsize=9)
        part.set_title(f"part, {SIDE} pixels wide", fontsize=9)
    for axis in row:
        axis.set_axis_off()


if __name__ == "__main__":
    main()
