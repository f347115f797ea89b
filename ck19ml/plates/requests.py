"""Raw fields of a request to a model: an array, or a table of encoded images."""

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.measurements.panel import PAIR, Panel
from ck19ml.core.patches import stored_dtype
from ck19ml.errors import PlateError
from ck19ml.plates.formats.encoded import decode

Image = NDArray[np.unsignedinteger]


def requested_fields(
    sent: Any, patch_size: int, bit_depth: int, panel: Panel = PAIR
) -> Iterator[Image]:
    """Read the fields of a request one by one, so that one image at a time is decoded.

    Parameters
    ----------
    sent : ndarray or DataFrame
        Raw grey values, (n, height, width, channels); or a row a field, with a column a channel,
        such as ``dc`` and ``tcell``, that holds files of one image (TIFF, PNG, NPY) as bytes or
        as base64 text.
    patch_size, bit_depth : int
        Of the model.
    panel : Panel
        The model's channels.

    Yields
    ------
    ndarray, (height, width, channels), uint8 or uint16

    Raises
    ------
    PlateError
        If the input has the wrong shape, or values that the camera cannot give.
    """
    if not isinstance(sent, pd.DataFrame):
        yield from _checked(np.asarray(sent), patch_size, bit_depth, panel)
        return
    if not set(panel.names) <= set(sent.columns) or sent.empty:
        raise PlateError(
            f"a table must have at least one row and the columns {', '.join(panel.names)}, found "
            f"{len(sent)} rows of {', '.join(map(str, sent.columns[:5])) or 'no columns'}; give a "
            "row a field"
        )
    for row, files in enumerate(zip(*(sent[name] for name in panel.names), strict=True), start=1):
        yield from _checked(
            _field(files, row, bit_depth, panel)[None], patch_size, bit_depth, panel
        )


def _field(files: tuple[Any, ...], row: int, bit_depth: int, panel: Panel) -> NDArray[np.generic]:
    images = [
        _image(content, f"row {row}, column {name}", bit_depth)
        for name, content in zip(panel.names, files, strict=True)
    ]
    if len({image.shape for image in images}) > 1:
        raise PlateError(
            f"row {row}: the images must have one size, found "
            f"{' and '.join(str(image.shape) for image in images)}; send the channels of one field"
        )
    return np.stack(images, axis=-1)


def _image(content: Any, place: str, bit_depth: int) -> NDArray[np.generic]:
    try:
        if isinstance(content, str):
            content = base64.b64decode(content)  # with line breaks or without, as MLflow does
        if not isinstance(content, bytes):
            raise TypeError(f"{type(content).__name__} instead of bytes or base64 text")
        image = decode(content)
    except Exception as error:  # readers of damaged files raise nearly anything
        # tifffile quotes the first bytes.
        reason = " ".join(str(error).partition(": header=")[0].split())[:120]
        raise PlateError(
            f"{place} must be a TIFF, PNG or NPY file of one grey image, found "
            f"{reason or type(error).__name__}; send the file's own bytes, or them in base64"
        ) from error
    if (image.dtype.itemsize == 1) != (bit_depth <= 8):
        raise PlateError(
            f"{place} must be an image of {8 if bit_depth <= 8 else 16}-bit values, found "
            f"{image.dtype}; pass raw camera values"
        )
    return image


def _checked(
    fields: NDArray[Any], patch_size: int, bit_depth: int, panel: Panel
) -> NDArray[np.unsignedinteger]:
    count = len(panel.names)
    whole = fields.ndim == 4 and fields.shape[3] == count and min(fields.shape[1:3]) >= patch_size
    if not whole or not len(fields):
        names = [panel.label(name).replace(" ", "-") for name in panel.names]
        raise PlateError(
            f"fields must have the shape (n, height, width, {count}) and be at least {patch_size} "
            f"pixels high and wide, found {fields.shape}; stack the "
            f"{' and the '.join(names)} image on the last axis"
        )
    if fields.dtype.kind not in "uif":
        raise PlateError(f"grey values must be numbers, found {fields.dtype}; pass whole numbers")
    largest = 2**bit_depth - 1
    low, high = fields.min(), fields.max()  # not a number if any is none
    if not (low >= 0 and high <= largest):
        raise PlateError(
            f"grey values must lie between 0 and {largest}, found {low} to {high}; pass raw "
            "camera values"
        )
    found: NDArray[np.unsignedinteger]
    found = fields.astype(stored_dtype(bit_depth), copy=False)
    if fields.dtype.kind == "f" and (found != fields).any():
        raise PlateError("grey values must be whole numbers, found fractions; pass camera values")
    return found
