"""A raw image of one channel on the scale that the mask network knows: noise and diameter are one.

The network sees standard deviations of the background's noise above the local background, on a
logarithmic scale, with cells of about the same diameter in pixels. So a constant that is added to
all grey values changes nothing, a gain changes nothing but rounding, and cells of other sizes look
alike.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

DIAMETER_PX = 9.4
"""Diameter that cells are brought to: between T cells (8.4) and DCs (10.4) of the CK plates."""

TOLERANCE = 1.3
"""Cells whose diameter differs by less than this factor are left at their own: resampling blurs."""

BLOCK = 20.0
"""Side of the blocks in which background and noise are measured, in cell diameters."""

SAMPLES = 900
"""Pixels of a block that these are measured on."""

LOW, MIDDLE = (0.02, 0.18), (0.2, 0.4)
"""Ranks, as shares, between which the grey values of a block are averaged: below the cells even
where they cover half of it. Means, because percentiles of whole grey values are too coarse where
the noise is of one or two."""

LOW_SD, MIDDLE_SD = 1.3375, 0.5317
"""SDs of a normal distribution below its mean at these ranks, on average."""

LEAST_NOISE = 0.3
"""Smallest SD of the noise in grey values: that of rounding to whole ones."""

KNEE = 4.0
"""SDs of the noise up to which the scale is linear."""


def scale_of(diameter_px: float) -> float:
    """Return the factor by which an image is resampled so that its cells have the usual size.

    Examples
    --------
    >>> scale_of(8.4), scale_of(18.8)
    (1.0, 0.5)
    """
    factor = DIAMETER_PX / diameter_px
    return 1.0 if 1 / TOLERANCE < factor < TOLERANCE else factor


def standardise(plane: NDArray[np.unsignedinteger], diameter_px: float) -> NDArray[np.float32]:
    """Bring an image to the scale that the mask network knows.

    Parameters
    ----------
    plane : ndarray, (height, width), unsigned integers
        Raw grey values of a whole field.
    diameter_px : float
        Diameter of a typical cell in pixels.

    Returns
    -------
    ndarray, (rows, columns), float32
        0 at the background, 0.22 where it exceeds it by `KNEE` SDs, about 1 in bright cells; of
        another size than the plane where `scale_of` is not 1.
    """
    grey = plane.astype(np.float32)
    grey -= grey.min()
    factor = scale_of(diameter_px)
    grey = resized(grey, [max(round(length * factor), 1) for length in plane.shape])
    background, noise = _levels(grey, BLOCK * diameter_px * factor)
    grey -= background
    grey /= noise * np.float32(KNEE)
    return np.asarray(np.arcsinh(grey, out=grey) / KNEE)


def resized(image: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.float32]:
    """Resample an image, (height, width): means of pixels, or cubic between them."""
    if image.shape == tuple(shape):
        return image
    how = cv2.INTER_AREA if shape[0] < image.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, tuple(shape[::-1]), interpolation=how), np.float32)


def sorted_blocks(image: NDArray[np.float32], block_px: float, samples: int) -> NDArray[np.float32]:
    """Sort the pixels of an image in blocks, at most about so many of each, on a regular grid.

    Parameters
    ----------
    image : ndarray, (height, width), float32
    block_px : float
        Side of a block in pixels, about.
    samples : int
        Pixels wanted of a block.

    Returns
    -------
    ndarray, (rows, columns, pixels), float32
        Of each block, ascending.
    """
    rows, columns = (max(round(length / block_px), 1) for length in image.shape)
    tall, wide = image.shape[0] // rows, image.shape[1] // columns
    step = max(int((tall * wide / samples) ** 0.5), 1)
    blocks = image[: rows * tall, : columns * wide].reshape(rows, tall, columns, wide)
    return np.sort(blocks[:, ::step, :, ::step].swapaxes(1, 2).reshape(rows, columns, -1), axis=-1)


def _levels(
    grey: NDArray[np.float32], block_px: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Measure the background and the SD of its noise in blocks, smooth in between, (rows, columns).

    No block's noise is further than a factor of two from that of the middle one: a block full of
    cells, or behind a droplet, says nothing of it.
    """
    samples = sorted_blocks(grey, block_px, SAMPLES)
    low, middle = (
        samples[..., int(first * samples.shape[-1]) : int(last * samples.shape[-1]) + 1].mean(-1)
        for first, last in (LOW, MIDDLE)
    )
    noise = (middle - low) / (LOW_SD - MIDDLE_SD)
    typical = max(float(np.median(noise)), LEAST_NOISE)
    background = middle + np.float32(MIDDLE_SD) * np.minimum(noise, typical * 2)
    noise = np.clip(noise, typical / 2, typical * 2)
    return _spread(background, grey.shape), _spread(noise, grey.shape)


def _spread(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Interpolate the values of blocks over an image; a block unlike its neighbours gives way."""
    even = cv2.medianBlur(values.astype(np.float32), 3)
    return np.asarray(cv2.resize(even, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
