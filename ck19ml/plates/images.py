"""Read the two channels of a field from its image files."""

import logging
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from ck19ml.errors import PlateError

# tifffile reports each broken tag of a damaged file on standard error; the error says it once.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def read_plane(path: Path, *, bit_depth: int) -> NDArray[np.uint16]:
    """Read a file that holds one grey plane.

    Parameters
    ----------
    path : Path
        TIFF (8 or 16 bit, compressed or not), OME-TIFF or PNG.
    bit_depth : int
        Bits that the camera uses.

    Returns
    -------
    ndarray, (height, width), uint16

    Raises
    ------
    PlateError
        If the file cannot be read, is no grey plane, or has another depth.
    """
    plane = _read(path)
    if plane.ndim != 2:
        raise PlateError(
            f"{path}: expected one grey plane, found an image of shape {plane.shape}; "
            "describe stacks in plate.yaml (channels as indices)"
        )
    return _check_depth(path, plane, bit_depth)


def read_stack(
    path: Path, *, bit_depth: int, axis: int, indices: tuple[int, int]
) -> NDArray[np.uint16]:
    """Read two channels of a file that holds a stack.

    Returns
    -------
    ndarray, (height, width, 2), uint16

    Raises
    ------
    PlateError
        If the file cannot be read, lacks a channel, or has another depth.
    """
    stack = _read(path)
    if stack.ndim != 3 or not -3 <= axis < 3 or stack.shape[axis] <= max(indices):
        raise PlateError(
            f"{path}: expected channels {indices[0]} and {indices[1]} on axis {axis}, found an "
            f"image of shape {stack.shape}; correct channels or channel_axis in plate.yaml"
        )
    planes = np.take(stack, indices, axis=axis)
    return _check_depth(path, np.moveaxis(planes, axis, -1), bit_depth)


def _read(path: Path) -> NDArray[np.generic]:
    try:
        if path.suffix.lower() == ".png":
            from imagecodecs import imread

            return np.asarray(imread(path))
        return np.asarray(tifffile.imread(path)).squeeze()
    except Exception as error:  # readers of damaged files raise nearly anything
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise PlateError(
            f"{path}: expected a readable image, found a damaged one ({reason}); export it again"
        ) from error


def _check_depth(path: Path, image: NDArray[np.generic], bit_depth: int) -> NDArray[np.uint16]:
    dtype = np.dtype(np.uint8 if bit_depth <= 8 else np.uint16)
    if image.dtype.newbyteorder("=") != dtype:
        raise PlateError(
            f"{path}: expected {dtype.itemsize * 8}-bit values as in the rest of the plate, found "
            f"{image.dtype.name}; export it again or set bit_depth in plate.yaml"
        )
    if image.size and int(image.max()) >= 2**bit_depth:
        raise PlateError(
            f"{path}: expected grey values below {2**bit_depth} ({bit_depth} bits), found "
            f"{image.max()}; set bit_depth in plate.yaml"
        )
    return image.astype(np.uint16)
