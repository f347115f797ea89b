"""All measurements of an image in one row, and their names."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ck19ml.core.measurements import binary_patterns, cooccurrence, granularity, intensity, shape
from ck19ml.core.measurements.panel import PAIR, Panel
from ck19ml.core.overlap import score

VERSION = 1
"""Of what is measured and how: a dataset of another version is prepared again."""

REGIONS = ("inside", "background", "all")
"""Of the channel's own mask."""

OF_PAIR = ("overlap", "tcell_overlap", "dc_overlap")
"""Measures of two cell types, see `core.overlap.score`."""

_OF_CHANNEL = [
    *(f"{region}_intensity_{name}" for region in REGIONS for name in intensity.NAMES),
    *(f"{region}_{name}" for region in REGIONS for name in granularity.NAMES),
    *(f"{region}_glcm_{name}" for region in REGIONS for name in cooccurrence.NAMES),
    *(f"{region}_lbp{scale}_{name}" for scale in (1, 2) for region in REGIONS
      for name in binary_patterns.NAMES),
]  # fmt: skip


def names(panel: Panel = PAIR) -> list[str]:
    """Name the columns of `measure`.

    Returns
    -------
    list of str
        ``pixels``; per channel ``CHANNEL_MEASURE``, of the shape if it is stained, and
        ``CHANNEL_REGION_MEASURE``; last, for DCs and T cells, those of `OF_PAIR`. The texture
        ``glcm`` is of the means of 2 x 2 pixels, in which less noise is left; ``lbp1`` is of the
        pixels, ``lbp2`` of these means.
    """
    own = [
        f"{channel}_{name}"
        for channel in panel.names
        for name in (*(shape.NAMES if channel in panel.stained else ()), *_OF_CHANNEL)
    ]
    return ["pixels", *own, *(OF_PAIR if panel.pair else ())]


def seen(source: str, panel: Panel = PAIR) -> NDArray[np.intp]:
    """Return the columns of `measure`, (columns,), that a head sees.

    Parameters
    ----------
    source : str
        ``cells`` for the measures of cells and of what lies inside of their masks; what is measured
        between the cells, or over all, changes with the camera's noise. All columns otherwise.
    panel : Panel
    """
    outside = ("_background_", "_all_") if source == "cells" else ()
    chosen = [not any(part in name for part in outside) for name in names(panel)]
    return np.flatnonzero(chosen)


def measure(
    images: NDArray[np.unsignedinteger],
    masks: NDArray[np.bool_],
    maximum: int,
    panel: Panel = PAIR,
) -> NDArray[np.float64]:
    """Measure images of one size, of any size and with any number of channels.

    Parameters
    ----------
    images : ndarray, (n, height, width, channels), unsigned integers
        Raw grey values.
    masks : ndarray, (n, height, width, channels), bool
    maximum : int
        The camera's largest grey value.
    panel : Panel
        The channels.

    Returns
    -------
    ndarray, (n, measures), float64
        See `names`; NaN for what an image does not have, such as an object.
    """
    number, height, width = images.shape[:3]
    parts = [np.full((number, 1), float(height * width))]
    for channel, name in enumerate(panel.names):
        planes = np.ascontiguousarray(images[..., channel])
        found = _channel(planes, np.ascontiguousarray(masks[..., channel]), maximum)
        parts.append(found if name in panel.stained else found[:, len(shape.NAMES) :])
    if panel.pair:
        both = score(masks[..., :2])
        parts.append(np.stack([getattr(both, name) for name in OF_PAIR], axis=1))
    return np.concatenate(parts, axis=1)


def _channel(
    planes: NDArray[np.unsignedinteger], masks: NDArray[np.bool_], maximum: int
) -> NDArray[np.float64]:
    rows, pairs, patterns = [], [], []
    for plane, mask in zip(planes, masks, strict=True):
        values = intensity.intensities(*intensity.histograms(plane, mask))
        spectrum = granularity.granularity(plane, mask)
        rows.append(np.concatenate([shape.shape(mask), values.reshape(-1), spectrum.reshape(-1)]))
        small, inside = _halve(plane, mask)
        pairs.append(cooccurrence.pairs(_levels(maximum)[small], inside))
        patterns += [
            binary_patterns.pattern_counts(*each) for each in ((plane, mask), (small, inside))
        ]
    # What follows from counts is worked out for all images at once: a tenth of the time.
    texture = cooccurrence.properties(np.stack(pairs)), binary_patterns.shares(np.stack(patterns))
    return np.concatenate([np.stack(rows), *(part.reshape(len(planes), -1) for part in texture)], 1)


def _halve(
    plane: NDArray[np.unsignedinteger], mask: NDArray[np.bool_]
) -> tuple[NDArray[np.unsignedinteger], NDArray[np.bool_]]:
    """Average squares of 2 x 2 pixels; the mask has the squares that are mostly inside."""
    height, width = (max(1, side // 2) for side in plane.shape)
    share = cv2.resize(mask.view(np.uint8) * np.uint8(200), (width, height),
                       interpolation=cv2.INTER_AREA)  # fmt: skip
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA), share > 100


@lru_cache(maxsize=4)
def _levels(maximum: int) -> NDArray[np.uint8]:
    """Level of each grey value for `cooccurrence`, evenly spaced in the square root.

    There the noise of photons has one width at all brightnesses (Anscombe, Biometrika 35, 1948), so
    that the texture of dim cells is not lost in the lowest level.
    """
    share = np.sqrt(np.arange(maximum + 1) / maximum)
    top = cooccurrence.LEVELS
    return np.asarray(np.minimum(share * top, top - 1), np.uint8)
