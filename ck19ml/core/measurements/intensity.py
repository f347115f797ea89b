"""Grey values of a region: moments and quantiles, from its histogram."""

import numpy as np
from numpy.typing import NDArray

QUANTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)
"""In percent."""

NAMES = ("mean", "sd", "skewness", "min", *(f"q{q}" for q in QUANTILES), "max", "sum")
"""Measures of a region's grey values, in the order that `intensities` returns them."""


def histograms(
    plane: NDArray[np.unsignedinteger], mask: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], int]:
    """Count the grey values inside the mask, outside it, and of all pixels.

    Parameters
    ----------
    plane : ndarray, (height, width), unsigned integers
    mask : ndarray, (height, width), bool

    Returns
    -------
    counts : ndarray, (3, levels), int64
        Inside, background, all.
    lowest : int
        The grey value of the first level.
    """
    lowest = int(plane.min())
    above = plane - np.array(lowest, plane.dtype)
    every = np.bincount(above.reshape(-1))
    inside = np.bincount(above[mask], minlength=len(every))
    return np.stack([inside, every - inside, every]), lowest


def intensities(counts: NDArray[np.integer], lowest: int) -> NDArray[np.float64]:
    """Measure the grey values of regions.

    The standard deviation is the population's and the skewness Fisher's, 0 for equal values. A
    quantile is the smallest grey value that the share of the pixels does not exceed.

    Parameters
    ----------
    counts : ndarray of int, (regions, levels)
        See `histograms`.
    lowest : int
        The grey value of the first level.

    Returns
    -------
    ndarray, (regions, measures), float64
        The columns are `NAMES`; NaN for a region without pixels.

    Examples
    --------
    >>> values = intensities(np.array([[2, 0, 2]]), lowest=10)[0]
    >>> dict(zip(NAMES, values.tolist()))["mean"], dict(zip(NAMES, values.tolist()))["q90"]
    (11.0, 12.0)
    """
    pixels = counts.sum(axis=1)
    share = counts / np.maximum(pixels, 1)[:, None]
    levels = np.arange(counts.shape[1], dtype=np.float64)
    mean = share @ levels
    centred = levels - mean[:, None]
    squared = share * centred**2
    variance = squared.sum(axis=1)
    third = np.einsum("rl,rl->r", squared, centred)
    skewness = third / np.where(variance > 0, variance, 1) ** 1.5
    # The rank of each quantile, from 1; the least and the largest value are those of the ends.
    ranks = np.ceil(pixels[:, None] * np.array([0, *QUANTILES, 100]) / 100)
    up_to = np.cumsum(counts, axis=1)
    places = zip(up_to, np.maximum(ranks, 1), strict=True)
    ordered = lowest + np.stack([np.searchsorted(own, wanted) for own, wanted in places])
    mean += lowest
    found = np.column_stack([mean, np.sqrt(variance), skewness, ordered, pixels * mean])
    found[pixels == 0] = np.nan
    return found
