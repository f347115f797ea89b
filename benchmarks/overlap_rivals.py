"""Estimate the true overlap of a simulated plate's test patches without any network.

Usage: python benchmarks/overlap_rivals.py DATASET.zarr
"""

import sys
from pathlib import Path

import numpy as np

from ck19ml.config import SplitConfig
from ck19ml.core.overlap import score
from ck19ml.plates.dataset.store import open_dataset
from ck19ml.plates.dataset.truth import OF_MASKS, with_truth
from ck19ml.workflows.steps.split import split_dataset

CUTS = (185, 200, 215, 230, 255, 275, 300, 350)
"""Grey values: one threshold for all patches and both channels."""


def main() -> None:
    """Print R2 of the masks' measure, of a line through it, and of the best single threshold."""
    dataset = with_truth(open_dataset(Path(sys.argv[1])), "overlap")
    split = split_dataset(dataset, SplitConfig(validation=0.2, test=0.25, seed=2211))
    fitted, test = split.rows("train"), split.rows("test")
    truth, masks = (dataset.table[name].to_numpy() for name in ("overlap", OF_MASKS))

    def r2(found: np.ndarray) -> float:
        return float(1 - np.mean((truth[test] - found) ** 2) / truth[test].var())

    slope, start = np.polyfit(masks[fitted], truth[fitted], 1)
    print(f"masks {r2(masks[test]):.3f}")
    print(f"{start:.3f} + {slope:.3f} x masks {r2(start + slope * masks[test]):.3f}")
    patches = dataset.read(test)
    print({cut: round(r2(score(patches > cut).overlap), 3) for cut in CUTS})


if __name__ == "__main__":
    main()
