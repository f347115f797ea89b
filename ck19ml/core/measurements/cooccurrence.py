"""Grey-level co-occurrence (GLCM): how often neighbours have which pair of levels."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

LEVELS = 16
"""Few enough for the pairs of a small object to fill the matrix."""

NAMES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation", "entropy")

_LEVEL = np.arange(LEVELS, dtype=np.float64)
_STEP = np.abs(_LEVEL[:, None] - _LEVEL).reshape(-1)
_WEIGHTS = np.stack([_STEP**2, _STEP, 1 / (1 + _STEP**2)], axis=1)
"""Contrast, dissimilarity and homogeneity of each pair of levels."""

FLAT = 1e-12
"""Variances below are rounding."""


def pairs(levels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the pairs of neighbours inside the mask, outside it, and over all.

    Pairs are of pixels next to each other in a row or in a column, in both orders; a pair across
    the mask's rim counts for the whole image only.

    Parameters
    ----------
    levels : ndarray, (height, width), uint8
        Below `LEVELS`.
    mask : ndarray, (height, width), bool

    Returns
    -------
    ndarray, (3, LEVELS, LEVELS), int64
        Inside, background, all; symmetric.
    """
    # The mask is one more bit of the level: one count serves all regions.
    code = levels + np.uint8(LEVELS) * mask
    wide = code.astype(np.uint16) * np.uint16(2 * LEVELS)
    found = np.bincount((wide[:, :-1] + code[:, 1:]).reshape(-1), minlength=4 * LEVELS**2)
    found += np.bincount((wide[:-1] + code[1:]).reshape(-1), minlength=4 * LEVELS**2)
    by_region = found.reshape(2, LEVELS, 2, LEVELS)
    counts = np.stack([by_region[1, :, 1], by_region[0, :, 0], by_region.sum(axis=(0, 2))])
    return np.asarray(counts + counts.transpose(0, 2, 1))


def properties(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Measure the texture that co-occurrence matrices describe.

    The measures are scikit-image's `graycoprops` (Haralick's [1]_), and the entropy in bits;
    cp-measure's are Haralick's 13 of such a matrix.

    Parameters
    ----------
    counts : ndarray of int, (..., LEVELS, LEVELS)
        See `pairs`.

    Returns
    -------
    ndarray, (..., measures), float64
        See `NAMES`; NaN where there is no pair. Equal levels have correlation 1.

    References
    ----------
    .. [1] Haralick, Shanmugam and Dinstein, "Textural features for image classification",
       IEEE SMC 3 (1973).

    Examples
    --------
    >>> levels = np.array([[0, 0, 3, 3]], np.uint8)
    >>> counts = pairs(levels, levels > 0)
    >>> properties(counts)[:, 0].tolist()  # over all: one pair of three, with a squared step of 9
    [0.0, 0.0, 3.0]
    """
    total = counts.sum(axis=(-1, -2))
    p = counts / np.maximum(total, 1)[..., None, None]
    share = p.sum(axis=-1)
    centred = _LEVEL - (share @ _LEVEL)[..., None]
    variance = (share * centred**2).sum(axis=-1)
    covariance = np.einsum("...ij,...i,...j->...", p, centred, centred)
    weighted = p.reshape(*p.shape[:-2], -1) @ _WEIGHTS
    columns = [
        *np.moveaxis(weighted, -1, 0),
        np.sqrt((p**2).sum(axis=(-1, -2))),
        np.where(variance > FLAT, covariance / np.where(variance > FLAT, variance, 1), 1.0),
        -xlogy(p, p).sum(axis=(-1, -2)) / np.log(2),
    ]
    found = np.stack(columns, axis=-1)
    found[total == 0] = np.nan
    return found
