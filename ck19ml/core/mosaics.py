"""Fields from their patches, and the part of a field that is worth showing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.patches import cut, origins


def mosaic(patches: NDArray[Any]) -> NDArray[Any]:
    """Put the patches of a square field, (n * n, size, size, ...), together again."""
    side = round(len(patches) ** 0.5)
    size, more = patches.shape[1], patches.shape[3:]
    grid = patches.reshape(side, side, size, size, *more).swapaxes(1, 2)
    return grid.reshape(side * size, side * size, *more)


def crowded(masks: NDArray[np.bool_], side: int) -> tuple[slice, slice]:
    """Find a square with many pixels of both channels, among those of a grid.

    Parameters
    ----------
    masks : ndarray, (height, width, channels), bool
    side : int

    Returns
    -------
    tuple of slice
        Rows and columns of the square that only a tenth of the squares surpass: not the fullest,
        which is rarely like the others.
    """
    counts = np.array([part.sum(axis=(0, 1)).min() for part in cut(masks, side)])
    chosen = np.argsort(counts, kind="stable")[int(0.9 * (len(counts) - 1))]
    y, x = origins(masks.shape[0], masks.shape[1], side)[chosen]
    return slice(int(y), int(y) + side), slice(int(x), int(x) + side)
