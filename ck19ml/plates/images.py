"""Read the two channels of a field from its image files."""

import errno
import logging
import math
import struct
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from ck19ml.errors import Ck19Error, PlateError
from ck19ml.files.reading import require_file

# tifffile reports each broken tag of a damaged file on standard error; the error says it once.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


MOST_BYTES = 2**29
"""Of all planes of a file, 16,384 x 16,384 pixels: a few damaged bytes may claim any number."""

NOT_THE_FILE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE)
"""Reading failed for want of files, of memory or of a network share: the image may be sound."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

Shape = tuple[int, ...]


class ImageError(PlateError):
    """A file that is not what the plate needs; `kind` is one of `problems.KINDS`."""

    def __init__(self, path: Path, message: str, kind: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path, self.kind = path, kind


def probe_plane(path: Path, *, bit_depth: int) -> tuple[int, int]:
    """Read the height and width of a grey plane from the file's header, without its pixels.

    Raises
    ------
    ImageError
        If the header cannot be read, promises more than the file holds, describes no grey
        plane, or has another depth.
    """
    shape, dtype = _header(path)
    _check_plane(path, shape)
    _check_dtype(path, dtype, bit_depth)
    return shape[0], shape[1]


def probe_stack(
    path: Path, *, bit_depth: int, axis: int, indices: tuple[int, int]
) -> tuple[int, int]:
    """Read the height and width of a stack from the file's header, see `probe_plane`."""
    shape, dtype = _header(path)
    _check_stack(path, shape, axis, indices)
    _check_dtype(path, dtype, bit_depth)
    height, width = (size for index, size in enumerate(shape) if index != axis % 3)
    return height, width


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
    ImageError
        If the file cannot be read, is no grey plane, or has another depth.
    """
    plane = _read(path)
    _check_plane(path, plane.shape)
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
    ImageError
        If the file cannot be read, lacks a channel, or has another depth.
    """
    stack = _read(path)
    _check_stack(path, stack.shape, axis, indices)
    planes = np.take(stack, indices, axis=axis)
    return _check_depth(path, np.moveaxis(planes, axis, -1), bit_depth)


def _read(path: Path) -> NDArray[np.generic]:
    try:
        require_file(path)
        if path.suffix.lower() == ".png":
            from imagecodecs import imread

            _require_bounds(path, *_png_header(path))
            return np.asarray(imread(path))
        with tifffile.TiffFile(path) as tiff:
            _require_bounds(path, tiff.series[0].shape, np.dtype(tiff.series[0].dtype))
            return np.asarray(tiff.asarray()).squeeze()
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # readers of damaged files raise nearly anything
        raise _damaged(path, error) from error


def _header(path: Path) -> tuple[Shape, np.dtype[np.generic]]:
    """Return the shape without axes of length 1, as `_read` gives it, and the dtype."""
    try:
        require_file(path)
        shape, dtype = _png_header(path) if path.suffix.lower() == ".png" else _tiff_header(path)
    except Exception as error:  # readers of damaged files raise nearly anything
        raise _damaged(path, error) from error
    _require_bounds(path, shape, dtype)
    return shape, dtype


def _require_bounds(path: Path, shape: Shape, dtype: np.dtype[np.generic]) -> None:
    if math.prod(shape) * dtype.itemsize > MOST_BYTES:
        raise ImageError(
            path,
            f"expected an image of at most {MOST_BYTES // 2**20} MiB, found one of shape {shape} "
            f"in {dtype}; export it again",
            "wrong size",
        )


def _tiff_header(path: Path) -> tuple[Shape, np.dtype[np.generic]]:
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        ends = [
            offset + count
            for page in series.pages
            if page is not None
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
        ]
        size = tiff.filehandle.size
        if max(ends, default=0) > size:
            raise ValueError(f"its header promises {max(ends)} bytes, it has {size}")
        shape = tuple(int(length) for length in series.shape if length != 1)
        return shape, np.dtype(series.dtype)


def _png_header(path: Path) -> tuple[Shape, np.dtype[np.generic]]:
    with path.open("rb") as file:
        start = file.read(26)
    if len(start) < 26 or start[:8] != PNG_SIGNATURE or start[12:16] != b"IHDR":
        raise ValueError("not a PNG file")
    width, height, bits, colour = struct.unpack(">IIBB", start[16:26])
    samples = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}[colour]  # PNG specification, table 11.1
    shape = (height, width) if samples == 1 else (height, width, samples)
    return tuple(shape), np.dtype(np.uint16 if bits == 16 else np.uint8)


def _damaged(path: Path, error: Exception) -> ImageError:
    """Say that a file is damaged, unless its reading failed by no fault of the file."""
    if isinstance(error, OSError) and error.errno in NOT_THE_FILE:
        raise Ck19Error(
            f"expected to read {path}, found: {error.strerror}; the image may be sound: mend that "
            "and run the same command again"
        ) from error
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    reason = " ".join(text.split())[:120] or type(error).__name__
    return ImageError(
        path,
        f"expected a readable image, found a damaged one ({reason}); export it again",
        "unreadable",
    )


def _check_plane(path: Path, shape: Shape) -> None:
    if len(shape) != 2:
        raise ImageError(
            path,
            f"expected one grey plane, found an image of shape {shape}; "
            "describe stacks in plate.yaml (channels as indices)",
            "wrong size",
        )


def _check_stack(path: Path, shape: Shape, axis: int, indices: tuple[int, int]) -> None:
    if len(shape) != 3 or not -3 <= axis < 3 or shape[axis] <= max(indices):
        raise ImageError(
            path,
            f"expected channels {indices[0]} and {indices[1]} on axis {axis}, found an "
            f"image of shape {shape}; correct channels or channel_axis in plate.yaml",
            "wrong size",
        )


def _check_dtype(path: Path, found: np.dtype[np.generic], bit_depth: int) -> None:
    dtype = np.dtype(np.uint8 if bit_depth <= 8 else np.uint16)
    if found.newbyteorder("=") != dtype:
        raise ImageError(
            path,
            f"expected {dtype.itemsize * 8}-bit values as in the rest of the plate, found "
            f"{found.name}; export it again or set bit_depth in plate.yaml",
            "wrong bit depth",
        )


def _check_depth(path: Path, image: NDArray[np.generic], bit_depth: int) -> NDArray[np.uint16]:
    _check_dtype(path, image.dtype, bit_depth)
    if image.size and int(image.max()) >= 2**bit_depth:
        raise ImageError(
            path,
            f"expected grey values below {2**bit_depth} ({bit_depth} bits), found "
            f"{image.max()}; set bit_depth in plate.yaml",
            "wrong bit depth",
        )
    return image.astype(np.uint16, copy=False)
