"""Cut a field into patches and bring their grey values to one scale."""

import numpy as np
from numpy.typing import NDArray

PATCH_SIZE = 192
"""Side of a patch in pixels (DOMAIN.md, the study's processing, step 1)."""

BACKGROUND = 255
"""Level that grey values of a 12-bit camera are raised to; unstained cells lie below it."""


def cut(field: NDArray[np.generic], patch_size: int = PATCH_SIZE) -> NDArray[np.generic]:
    """Cut a field into the patches of a regular grid.

    The margin that does not fill a patch is dropped on the left and at the bottom, as the
    study did (2048 -> 1920 pixels, 10 x 10 patches).

    Parameters
    ----------
    field : ndarray, (height, width, ...)
        Grey values or mask, any dtype.
    patch_size : int
        Side of a patch in pixels.

    Returns
    -------
    ndarray, (rows * columns, patch_size, patch_size, ...)
        Patches row by row, of the field's dtype.

    Raises
    ------
    ValueError
        If the field is smaller than one patch.

    Examples
    --------
    >>> cut(np.arange(20).reshape(4, 5), patch_size=2)[:, 0, 0].tolist()
    [1, 3, 11, 13]
    """
    rows, columns = grid_shape(field.shape[0], field.shape[1], patch_size)
    if rows == 0 or columns == 0:
        raise ValueError(
            f"a field of {field.shape[0]} x {field.shape[1]} pixels is smaller than a patch of "
            f"{patch_size} x {patch_size}"
        )
    left = field.shape[1] - columns * patch_size
    inner = field[: rows * patch_size, left:]
    split = inner.reshape(rows, patch_size, columns, patch_size, *field.shape[2:])
    return np.ascontiguousarray(split.swapaxes(1, 2)).reshape(
        rows * columns, patch_size, patch_size, *field.shape[2:]
    )


def grid_shape(height: int, width: int, patch_size: int = PATCH_SIZE) -> tuple[int, int]:
    """Rows and columns of patches that a field of this size in pixels yields."""
    return height // patch_size, width // patch_size


def origins(height: int, width: int, patch_size: int = PATCH_SIZE) -> NDArray[np.int32]:
    """Return the top left pixel (y, x) of each patch of `cut`, in the same order.

    Returns
    -------
    ndarray, (rows * columns, 2), int32
    """
    rows, columns = grid_shape(height, width, patch_size)
    left = width - columns * patch_size
    y, x = np.mgrid[0:rows, 0:columns]
    return np.stack([y.ravel() * patch_size, left + x.ravel() * patch_size], 1).astype(np.int32)


def count_points(
    yx: NDArray[np.floating], height: int, width: int, patch_size: int = PATCH_SIZE
) -> NDArray[np.int64]:
    """Count the points in each patch of `cut`; those in the margin are in none.

    Parameters
    ----------
    yx : ndarray, (n, 2), float
        Pixels from the top and from the left of the field.

    Returns
    -------
    ndarray, (rows * columns,), int64

    Examples
    --------
    >>> count_points(np.array([[0.5, 0.5], [0.5, 1.0], [3.9, 4.9]]), 4, 5, patch_size=2).tolist()
    [1, 0, 0, 1]
    """
    rows, columns = grid_shape(height, width, patch_size)
    left = width - columns * patch_size
    row, column = np.floor((yx - [0, left]) / patch_size).astype(np.intp).T
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    return np.bincount(row[inside] * columns + column[inside], minlength=rows * columns)


def stored_dtype(bit_depth: int) -> type[np.uint8] | type[np.uint16]:
    """Return the type in which grey values of a camera are stored.

    Examples
    --------
    >>> stored_dtype(12)
    <class 'numpy.uint16'>
    """
    return np.uint8 if bit_depth <= 8 else np.uint16


def raise_background(
    patches: NDArray[np.generic], background: int | tuple[int, ...] = BACKGROUND
) -> NDArray[np.generic]:
    """Raise grey values below the background level to that level.

    Parameters
    ----------
    patches : ndarray, (n, height, width, channels) or of any other shape
    background : int or tuple of int
        One level, or one for each channel of the last axis.

    Returns
    -------
    ndarray, of the same shape and dtype
    """
    return np.asarray(np.maximum(patches, np.asarray(background, patches.dtype)))


def is_faulty(
    patches: NDArray[np.generic], background: int | tuple[int, ...] = BACKGROUND
) -> NDArray[np.bool_]:
    """Return which patches have a channel with nothing above the background.

    Parameters
    ----------
    patches : ndarray, (n, height, width, channels)
    background : int or tuple of int
        One level, or one for each channel.

    Returns
    -------
    ndarray, (n,), bool
    """
    return np.asarray((patches.max(axis=(1, 2)) <= np.asarray(background)).any(axis=-1))


def rescale(patches: NDArray[np.generic]) -> NDArray[np.float32]:
    """Scale each patch and channel to [0, 1] by its own minimum and maximum.

    A constant channel becomes 0.

    Parameters
    ----------
    patches : ndarray, (n, height, width, channels)
        Grey values, raised to the background.

    Returns
    -------
    ndarray, (n, height, width, channels), float32 in [0, 1]
    """
    count, height, width, channels = patches.shape
    # Long rows instead of pairs of channels: numpy's inner loops run over the last axis.
    lines = patches.reshape(count, height, width * channels)
    low, high = (
        extreme(extreme(lines, axis=1).reshape(count, width, channels), axis=1).astype(np.float32)
        for extreme in (np.min, np.max)
    )
    span = np.maximum(high - low, 1e-6)
    scaled = lines.astype(np.float32)
    scaled -= np.tile(low, (1, width))[:, None]
    scaled /= np.tile(span, (1, width))[:, None]
    return scaled.reshape(patches.shape)


def crowded(masks: NDArray[np.bool_], side: int) -> tuple[slice, slice]:
    """Find a square with many pixels of both channels, among those of a grid.

    Parameters
    ----------
    masks : ndarray, (height, width, channels), bool
    side : int

    Returns
    -------
    tuple of slice
        Rows and columns of the square that only a tenth of the squares surpass: not the fullest,
        which is rarely like the others.
    """
    counts = np.array([part.sum(axis=(0, 1)).min() for part in cut(masks, side)])
    chosen = np.argsort(counts, kind="stable")[int(0.9 * (len(counts) - 1))]
    y, x = origins(masks.shape[0], masks.shape[1], side)[chosen]
    return slice(int(y), int(y) + side), slice(int(x), int(x) + side)
