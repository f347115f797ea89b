"""Masks of the stained cells in a patch."""

import math
from collections.abc import Callable

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
    return _above(patches, background, otsu_threshold)


def threshold(patches: NDArray[np.unsignedinteger], background: int) -> NDArray[np.bool_]:
    """Mask each patch and channel above its mean + 1 standard deviation.

    The study's alternative to 2-means (DOMAIN.md, the study's processing, step 4). In a patch that
    is mostly background it keeps fainter cells than 2-means does.

    Parameters
    ----------
    patches : ndarray, (n, height, width, channels), unsigned integers
        Grey values, raised to the background.
    background : int
        Grey values at or below it are never part of a mask.

    Returns
    -------
    ndarray, (n, height, width, channels), bool

    Examples
    --------
    >>> patches = np.array([255, 255, 255, 400], np.uint16).reshape(1, 2, 2, 1)
    >>> threshold(patches, 255).ravel().tolist()  # mean 291.25, deviation 62.8
    [False, False, False, True]
    """
    return _above(patches, background, mean_plus_deviation)


def _above(
    patches: NDArray[np.unsignedinteger],
    background: int,
    cut: Callable[[NDArray[np.unsignedinteger]], float],
) -> NDArray[np.bool_]:
    """Mask each patch and channel above its own cut, and never at or below the background."""
    masks = np.empty(patches.shape, bool)
    for index, channel in np.ndindex(patches.shape[0], patches.shape[3]):
        plane = patches[index, :, :, channel]
        level = max(math.floor(cut(plane)), background)
        np.greater(plane, level, out=masks[index, :, :, channel])
    return masks


def mean_plus_deviation(values: NDArray[np.unsignedinteger]) -> float:
    """Mean plus one standard deviation of grey values, (n,) or of any other shape.

    The sums are exact: the order of the values is no matter.
    """
    # Integers up to 16 bits, squared and summed over a field, stay within 64 bits.
    flat = np.ascontiguousarray(values).reshape(-1).astype(np.int64)
    total, squares, number = int(flat.sum()), int(np.dot(flat, flat)), flat.size
    return (total + math.sqrt(max(number * squares - total**2, 0))) / number


COHERENT = 0.3
"""Masks whose pixels keep together less than this are noise; pixels of one's own choice keep 0,
cells of 2 x 2 pixels 0.5."""


def is_noise(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which masks show noise, or single hot pixels, instead of cells.

    A threshold always finds something above it. The neighbour of a cell's pixel is mostly a pixel
    of the cell; in noise, which differs from pixel to pixel, it is in the mask no more often than
    any other pixel is. Told from how many neighbours of masked pixels are masked, beyond the
    mask's share of the patch, as a share of what could be beyond it.

    Parameters
    ----------
    masks : ndarray, (n, height, width, channels), bool

    Returns
    -------
    ndarray, (n, channels), bool
        False for empty masks.

    Examples
    --------
    >>> cell, speckles = np.zeros((2, 8, 8), bool)
    >>> cell[2:5, 2:5] = True
    >>> speckles[::3, ::3] = True
    >>> is_noise(np.stack([cell, speckles], axis=-1)[None]).tolist()
    [[False, True]]
    """
    noise = np.zeros((masks.shape[0], masks.shape[3]), bool)
    for index, channel in np.ndindex(noise.shape):
        mask = masks[index, :, :, channel]
        area = np.count_nonzero(mask)
        if area in (0, mask.size):
            continue
        # Each pair of neighbours is a neighbour of two; a pixel has four.
        pairs = np.count_nonzero(mask[1:] & mask[:-1])
        pairs += np.count_nonzero(mask[:, 1:] & mask[:, :-1])
        share = area / mask.size
        noise[index, channel] = pairs / (2 * area) - share < COHERENT * (1 - share)
    return noise
