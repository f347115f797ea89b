"""Local binary patterns (LBP): which neighbours of a pixel are at least as bright."""

import cv2
import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
"""Row and column of the eight neighbours, around the centre (1, 1) in order."""

PATTERNS = len(NEIGHBOURS) + 2
"""Uniform patterns by their number of bright neighbours, 0 to 8, and all others."""

NAMES = tuple(f"pattern_{index}" for index in range(PATTERNS))


def _uniform(code: int) -> int:
    bits = [code >> i & 1 for i in range(8)]
    changes = sum(bits[i] != bits[i - 1] for i in range(8))
    return sum(bits) if changes <= 2 else PATTERNS - 1


_TABLE = np.array([_uniform(code) for code in range(256)], np.uint8)


def pattern_counts(
    plane: NDArray[np.unsignedinteger], mask: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Count the local binary patterns inside the mask, outside it, and over all.

    Uniform patterns, with at most two changes around the circle, count by their number of bright
    neighbours, whatever the direction; all others count as one more [1]_: the method ``uniform``
    of scikit-image with eight neighbours, here those of the pixel grid, without interpolation.
    Pixels at the border of the image have no pattern.

    Parameters
    ----------
    plane : ndarray, (height, width), unsigned integers
    mask : ndarray, (height, width), bool

    Returns
    -------
    ndarray, (3, patterns), int64
        Rows: inside, background, all; columns: `NAMES`.

    References
    ----------
    .. [1] Ojala, Pietikainen and Maenpaa, "Multiresolution gray-scale and rotation invariant
       texture classification with local binary patterns", IEEE PAMI 24 (2002).

    Examples
    --------
    >>> plane = np.array([[0, 0, 0], [0, 9, 0], [0, 0, 0]], np.uint8)  # no neighbour is as bright
    >>> pattern_counts(plane, plane > 0)[0, :2].tolist()
    [1, 0]
    """
    height, width = plane.shape[0] - 2, plane.shape[1] - 2
    if min(height, width) < 1:
        return np.zeros((3, PATTERNS), np.int64)
    centre = plane[1:-1, 1:-1]
    code = np.zeros((height, width), np.uint8)
    for bit, (row, column) in enumerate(NEIGHBOURS):
        near = plane[row : row + height, column : column + width]
        code |= cv2.compare(near, centre, cv2.CMP_GE) & np.uint8(1 << bit)
    found = cv2.LUT(code, _TABLE) + np.uint8(PATTERNS) * mask[1:-1, 1:-1]
    outside, inside = np.bincount(found.reshape(-1), minlength=2 * PATTERNS).reshape(2, PATTERNS)
    return np.stack([inside, outside, inside + outside])


def shares(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Share of each pattern, (..., patterns), of the counts, (..., patterns); NaN without any."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), np.nan)
