"""Masks of the stained cells in a patch."""

import numpy as np
from numpy.typing import NDArray


def otsu_threshold(values: NDArray[np.integer]) -> int:
    """Find the grey value that splits the values into the two classes of least variance.

    The best split of one-dimensional data into two means is Otsu's, found exactly on the
    histogram [1]_; 2-means from random starts only approaches it.

    Parameters
    ----------
    values : ndarray of unsigned integers, any shape

    Returns
    -------
    int
        The largest grey value of the lower class; constant input gives that constant.

    References
    ----------
    .. [1] Otsu, "A threshold selection method from gray-level histograms", IEEE SMC 9 (1979).

    Examples
    --------
    >>> otsu_threshold(np.array([1, 1, 2, 9, 9, 10], dtype=np.uint16))
    2
    """
    low = int(values.min())
    # Most pixels of a patch that was raised to the background have its lowest value: they are
    # counted without being listed.
    above = values[values > low]
    counts = np.bincount(above - np.array(low, above.dtype))
    if above.size == 0:
        return low
    counts[0] = values.size - above.size
    levels = np.flatnonzero(counts)
    weights = counts[levels].astype(np.float64)
    below = np.cumsum(weights)[:-1]
    moment = np.cumsum(weights * levels)
    total, total_moment = below[-1] + weights[-1], moment[-1]
    # Between-class variance times total squared: no division until the last step.
    separation = (total_moment * below - moment[:-1] * total) ** 2 / (below * (total - below))
    return low + int(levels[np.argmax(separation)])


def otsu(patches: NDArray[np.unsignedinteger], background: int) -> NDArray[np.bool_]:
    """Mask each patch and channel above its own Otsu threshold.

    Parameters
    ----------
    patches : ndarray, (n, height, width, channels), unsigned integers
        Grey values, raised to the background.
    background : int
        Grey values at or below it are never part of a mask, so a cell-free patch has an
        empty mask and not a mask of noise.

    Returns
    -------
    ndarray, (n, height, width, channels), bool
    """
    masks = np.zeros(patches.shape, bool)
    for index in range(patches.shape[0]):
        for channel in range(patches.shape[3]):
            plane = patches[index, :, :, channel]
            np.greater(
                plane, max(otsu_threshold(plane), background), out=masks[index, :, :, channel]
            )
    return masks
