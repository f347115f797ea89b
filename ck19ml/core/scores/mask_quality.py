"""Scores of masks against the true masks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MaskScore:
    """Agreement of masks with the truth; arrays of shape (n, channels), fractions.

    Attributes
    ----------
    iou : ndarray of float64
        Intersection over union (Jaccard); 1 where both masks are empty.
    dice : ndarray of float64
        Twice the intersection over the sum of the areas; 1 where both masks are empty.
    """

    iou: NDArray[np.float64]
    dice: NDArray[np.float64]


def score_masks(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> MaskScore:
    """Compare masks with the true masks, each patch and channel for itself.

    Parameters
    ----------
    found, true : ndarray, (n, height, width, channels), bool

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> true = np.array([True, True, False, False]).reshape(1, 1, 4, 1)
    >>> found = np.array([False, True, True, False]).reshape(1, 1, 4, 1)
    >>> score = score_masks(found, true)
    >>> round(float(score.iou[0, 0]), 3), float(score.dice[0, 0])
    (0.333, 0.5)
    """
    if found.shape != true.shape:
        raise ValueError(f"expected masks of one shape, found {found.shape} and {true.shape}")
    both = np.count_nonzero(found & true, axis=(1, 2))
    areas = np.count_nonzero(found, axis=(1, 2)) + np.count_nonzero(true, axis=(1, 2))
    union = areas - both
    return MaskScore(
        iou=np.where(union, both / np.maximum(union, 1), 1.0),
        dice=np.where(areas, 2 * both / np.maximum(areas, 1), 1.0),
    )
