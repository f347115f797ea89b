"""All measurements of an image in one row, and their names."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ck19ml.core.measurements import binary_patterns, cooccurrence, granularity, intensity, shape
from ck19ml.core.overlap import DC, TCELL, score

VERSION = 1
"""Of what is measured and how: a dataset of another version is prepared again."""

REGIONS = ("inside", "background", "all")
"""Of the channel's own mask."""

PAIR = ("overlap", "tcell_overlap", "dc_overlap")
"""Measures of two cell types, see `core.overlap.score`."""

CELLS = {"dc": DC, "tcell": TCELL}
"""Names of the channels that have measures of two cell types where both are there, in order."""


_OF_CHANNEL = [
    *shape.NAMES,
    *(f"{region}_intensity_{name}" for region in REGIONS for name in intensity.NAMES),
    *(f"{region}_{name}" for region in REGIONS for name in granularity.NAMES),
    *(f"{region}_glcm_{name}" for region in REGIONS for name in cooccurrence.NAMES),
    *(f"{region}_lbp{scale}_{name}" for scale in (1, 2) for region in REGIONS
      for name in binary_patterns.NAMES),
]  # fmt: skip


def names(channels: Sequence[str]) -> list[str]:
    """Name the columns of `measure`.

    Parameters
    ----------
    channels : sequence of str
        Names of the image's channels, in order.

    Returns
    -------
    list of str
        ``pixels``; per channel ``CHANNEL_MEASURE`` or ``CHANNEL_REGION_MEASURE``; last, for the
        channels dc and tcell, those of `PAIR`. The texture ``glcm`` is of the means of 2 x 2
        pixels, in which less noise is left; ``lbp1`` is of the pixels, ``lbp2`` of these means.
    """
    own = [f"{channel}_{name}" for channel in channels for name in _OF_CHANNEL]
    return ["pixels", *own, *(PAIR if has_pair(channels) else ())]


def has_pair(channels: Sequence[str]) -> bool:
    """Return whether these channels start with both cell types."""
    return list(channels[:2]) == list(CELLS)


def measure(
    images: NDArray[np.unsignedinteger],
    masks: NDArray[np.bool_],
    channels: Sequence[str],
    maximum: int,
) -> NDArray[np.float64]:
    """Measure images of one size, of any size and with any number of channels.

    Parameters
    ----------
    images : ndarray, (n, height, width, channels), unsigned integers
        Raw grey values.
    masks : ndarray, (n, height, width, channels), bool
    channels : sequence of str
        Names of the channels.
    maximum : int
        The camera's largest grey value.

    Returns
    -------
    ndarray, (n, measures), float64
        See `names`; NaN for what an image does not have, such as an object.
    """
    number, height, width = images.shape[:3]
    parts = [np.full((number, 1), float(height * width))]
    for channel in range(len(channels)):
        planes = np.ascontiguousarray(images[..., channel])
        parts.append(_channel(planes, np.ascontiguousarray(masks[..., channel]), maximum))
    if has_pair(channels):
        found = score(masks[..., :2])
        parts.append(np.stack([getattr(found, name) for name in PAIR], axis=1))
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
