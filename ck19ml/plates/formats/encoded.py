"""One image as bytes, from a client that need not be trusted: TIFF, PNG or NPY."""

import math
import struct
from io import BytesIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from ck19ml.plates.formats.container import Header
from ck19ml.plates.formats.tiff import require_whole

MOST_BYTES = 2**26
"""Largest image in bytes, 5,792 x 5,792 pixels of 16 bits: a few bytes may claim any size."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_START = 26
"""Bytes of a PNG file that `png_header` reads."""

NPY_SIGNATURE = b"\x93NUMPY"

SIZED = (1, 5, 8, 32773, 32946, 50000)
"""TIFF compressions (none, LZW, Deflate, PackBits, Zstandard) that expand to a size known before.

A JPEG in a TIFF has a size of its own.
"""

Pixels = NDArray[np.generic]


def decode(content: bytes) -> Pixels:
    """Decode the bytes of a file of one grey image.

    Parameters
    ----------
    content : bytes
        TIFF of one page, PNG or NPY. Nothing in it is executed; no size that it claims is
        believed beyond `MOST_BYTES`.

    Returns
    -------
    ndarray, (height, width), uint8 or uint16

    Raises
    ------
    ValueError
        If it is another file, larger, or no grey image of 8 or 16 bits; readers of damaged files
        raise nearly anything else too.
    """
    if content.startswith(PNG_SIGNATURE):
        header = png_header(content[:PNG_START])
        _require_plain(header.shape, header.dtype)
        from imagecodecs import png_decode

        return np.asarray(png_decode(content))
    if content.startswith(NPY_SIGNATURE):
        return _npy(content)
    if content[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return _tiff(content)
    raise ValueError("neither TIFF, PNG nor NPY")


def png_header(start: bytes) -> Header:
    """Read what a PNG file says of itself in its first `PNG_START` bytes.

    Raises
    ------
    ValueError
        If it is not a PNG file.
    """
    if len(start) < PNG_START or not start.startswith(PNG_SIGNATURE) or start[12:16] != b"IHDR":
        raise ValueError("not a PNG file")
    width, height, bits, colour = struct.unpack(">IIBB", start[16:26])
    samples = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}[colour]  # PNG specification, table 11.1
    axes, shape = ("YX", (height, width)) if samples == 1 else ("YXS", (height, width, samples))
    return Header(axes, shape, np.dtype(np.uint16 if bits == 16 else np.uint8))


def _npy(content: bytes) -> Pixels:
    file = BytesIO(content)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    shape, _, dtype = readers[np.lib.format.read_magic(file)](file)
    _require_plain(shape, dtype)
    file.seek(0)
    return np.asarray(np.load(file, allow_pickle=False))


def _tiff(content: bytes) -> Pixels:
    with tifffile.TiffFile(BytesIO(content)) as tiff:
        if (pages := len(tiff.pages)) != 1:
            raise ValueError(f"{pages} pages instead of one")
        page = tiff.pages.first
        if page.dtype is None:
            raise ValueError("pixels of an unknown type")
        _require_plain(page.shape, page.dtype)
        if page.is_tiled:
            _require_plain((page.tilelength, page.tilewidth), page.dtype)
        if page.compression not in SIZED:
            raise ValueError(f"TIFF compression {page.compression}")
        require_whole(tiff, [page])
        return np.asarray(page.asarray(maxworkers=1))


def _require_plain(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    if len(shape) != 2 or dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        raise ValueError(f"shape {shape} of {dtype}, not one grey image of 8 or 16 bits")
    if (size := math.prod(shape) * dtype.itemsize) > MOST_BYTES:
        raise ValueError(f"{size} bytes, more than {MOST_BYTES}")
