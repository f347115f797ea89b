"""Uneven illumination: estimated as one flat field from many fields, and divided out."""

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
"""Side in pixels of the blocks that a field is averaged over; light changes more slowly."""

FLOOR = 0.05
"""The flat field is at least this: no pixel is multiplied by more than 20."""


def block_means(plane: NDArray[np.integer], block: int = BLOCK) -> NDArray[np.float64]:
    """Average a plane over square blocks; what does not fill one at the end is left out.

    Parameters
    ----------
    plane : ndarray, (height, width)
        At least one block each way.

    Returns
    -------
    ndarray, (height // block, width // block), float64
    """
    rows, columns = plane.shape[0] // block, plane.shape[1] // block
    inner = plane[: rows * block, : columns * block].reshape(rows, block, columns, block)
    return np.asarray(inner.mean(axis=(1, 3), dtype=np.float64))


def estimate(
    means: NDArray[np.float64], shape: tuple[int, int], block: int = BLOCK
) -> NDArray[np.float64]:
    """Fit the light that all fields of a plate and channel share.

    Each field is divided by its own mean, so that a dense well does not weigh more; the mean of
    the middle half of the fields leaves out what is in one field only; and the surface of second
    order through it leaves out what is left of the cells. Averaging over a plate and smoothing is
    the correction that [1]_ found to hold for high-throughput screens.

    Parameters
    ----------
    means : ndarray, (fields, rows, columns), float64
        `block_means` of each field.
    shape : (int, int)
        Height and width of a field in pixels.

    Returns
    -------
    ndarray, (6,), float64
        Coefficients for `flat_field`.

    References
    ----------
    .. [1] Singh, Bray, Jones, Carpenter, "Pipeline for illumination correction of images for
       high-throughput microscopy", Journal of Microscopy 256 (2014).
    """
    levels = np.maximum(means.mean(axis=(1, 2), keepdims=True), 1e-9)
    typical = _middle_mean(means / levels)
    rows = (np.arange(typical.shape[0]) + 0.5) * block / shape[0]
    columns = (np.arange(typical.shape[1]) + 0.5) * block / shape[1]
    y, x = np.meshgrid(2 * rows - 1, 2 * columns - 1, indexing="ij")
    terms = np.stack([term.ravel() for term in _terms(y, x)], axis=1)
    return np.asarray(np.linalg.lstsq(terms, typical.ravel(), rcond=None)[0])


def flat_field(coefficients: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Evaluate a fit on every pixel.

    Returns
    -------
    ndarray, (height, width), float32
        Relative brightness; its mean is 1.
    """
    y = ((np.arange(shape[0]) + 0.5) / shape[0] * 2 - 1)[:, None]
    x = ((np.arange(shape[1]) + 0.5) / shape[1] * 2 - 1)[None, :]
    light = np.zeros(shape)
    for coefficient, term in zip(coefficients, _terms(y, x), strict=True):
        light += coefficient * term
    light /= max(float(light.mean()), 1e-9)
    light = np.maximum(light, FLOOR)
    return np.asarray(light / light.mean(), dtype=np.float32)


def correct(
    plane: NDArray[np.unsignedinteger], flat: NDArray[np.float32], maximum: int
) -> NDArray[np.unsignedinteger]:
    """Divide a plane by the flat field.

    Parameters
    ----------
    plane : ndarray, (height, width), unsigned integers
        Grey values.
    flat : ndarray, (height, width), float32
        See `flat_field`.
    maximum : int
        The camera's largest grey value: no corrected value is above it.

    Returns
    -------
    ndarray, (height, width), of the plane's dtype
        Rounded.
    """
    even = np.rint(plane / flat)
    return np.minimum(even, maximum, out=even).astype(plane.dtype)


def _middle_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the first axis without its lowest and highest quarter."""
    quarter = len(values) // 4
    return np.asarray(np.sort(values, axis=0)[quarter : len(values) - quarter].mean(axis=0))


def _terms(y: NDArray[np.float64], x: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    return (np.ones_like(y), y, x, y * y, y * x, x * x)
