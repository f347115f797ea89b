"""Objects of a mask: how many, how large, and the shape of the largest one."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ck19ml.core.cells import pieces

NAMES = (
    "area_px",
    "area_share",
    "objects",
    "object_area_mean_px",
    "largest_area_px",
    "largest_major_axis_px",
    "largest_minor_axis_px",
    "largest_eccentricity",
    "largest_extent",
    "largest_solidity",
    "largest_perimeter_px",
    "largest_form_factor",
)
"""Measures of a mask, in the order that `shape` returns them."""


def shape(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Measure the objects of a mask: pieces whose pixels touch, also at a corner.

    The axes and the eccentricity are those of the ellipse with the object's second moments; the
    extent is the share of the bounding box; solidity and form factor, 4 pi area / perimeter^2, are
    of the outline through the centres of the rim's pixels, for which an object one pixel wide has
    no area: it counts as solid, with form factor 0.

    Parameters
    ----------
    mask : ndarray, (height, width), bool

    Returns
    -------
    ndarray, (measures,), float64
        See `NAMES`; sizes of objects are NaN where there is none.

    Examples
    --------
    >>> mask = np.zeros((8, 8), bool)
    >>> mask[1:5, 1:5] = mask[7, 7] = True
    >>> found = dict(zip(NAMES, shape(mask).tolist()))
    >>> found["objects"], found["largest_area_px"], found["largest_extent"]
    (2.0, 16.0, 1.0)
    """
    found = pieces(mask)
    total = int(found.areas.sum())
    values = [total, total / mask.size, len(found.areas)]
    if not total:
        return np.array([*values, *[np.nan] * (len(NAMES) - 3)], np.float64)
    largest = int(found.areas.argmax())
    left, top, width, height = found.boxes[largest]
    own = found.labels[top : top + height, left : left + width] == largest + 1
    area = int(found.areas[largest])
    values += [total / len(found.areas), area, *_ellipse(own), area / (width * height)]
    return np.array([*values, *_outline(own)], np.float64)


def _ellipse(own: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Major and minor axis in pixels and eccentricity, as scikit-image's `regionprops`."""
    moments = cv2.moments(own.view(np.uint8), binaryImage=True)
    a, b, c = (moments[name] / moments["m00"] for name in ("mu20", "mu11", "mu02"))
    spread = np.hypot((a - c) / 2, b)
    large, small = (a + c) / 2 + spread, max((a + c) / 2 - spread, 0.0)
    eccentricity = (1 - small / large) ** 0.5 if large > 0 else 0.0
    return 4 * float(large**0.5), 4 * float(small**0.5), float(eccentricity)


def _outline(own: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Solidity, perimeter in pixels and form factor of the outer outline."""
    lines, _ = cv2.findContours(own.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    line = max(lines, key=len)
    enclosed, hull = cv2.contourArea(line), cv2.contourArea(cv2.convexHull(line))
    perimeter = cv2.arcLength(line, closed=True)
    solidity = enclosed / hull if hull else 1.0
    return solidity, perimeter, 4 * np.pi * enclosed / perimeter**2 if perimeter else 0.0
