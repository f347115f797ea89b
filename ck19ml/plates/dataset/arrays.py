"""The arrays of a dataset, written and read field by field."""

from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec

ARRAYS = ("patches", "masks")


def create_arrays(
    folder: Path, fields: int, patches: int, size: int, dtype: str, channels: int = 2
) -> None:
    """Create the group with its empty arrays; one chunk holds one field.

    Parameters
    ----------
    fields, patches, size, channels : int
        Number of fields, of patches a field, a patch's side in pixels, and number of channels.
    """
    group = zarr.create_group(folder)
    shape = (fields * patches, size, size, channels)
    for name, kind in zip(ARRAYS, (dtype, "bool"), strict=True):
        group.create_array(
            name,
            shape=shape,
            chunks=(patches, size, size, channels),
            dtype=kind,
            # As small here as zstd with bitshuffle, for most values are the background level, and
            # many times as fast. Blosc reads beyond the end of a chunk that was cut short; a
            # checksum tells.
            compressors=[BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"), Crc32cCodec()],
        )


def write_field(
    folder: Path,
    index: int,
    patches: NDArray[np.unsignedinteger],
    masks: NDArray[np.bool_],
) -> None:
    """Write the patches and masks of the field with this index as one chunk each.

    Parameters
    ----------
    patches : ndarray, (n, size, size, channels), of the array's dtype
    masks : ndarray, (n, size, size, channels), bool
    """
    rows = slice(index * len(patches), (index + 1) * len(patches))
    for name, values in zip(ARRAYS, (patches, masks), strict=True):
        array = zarr.open_array(folder / name, mode="r+")
        # An empty chunk is written too: `open_dataset` takes one that is not there for lost.
        array.with_config({"write_empty_chunks": True})[rows] = values


def read_field_arrays(
    folder: Path, index: int, patches: int
) -> tuple[NDArray[np.unsignedinteger], NDArray[np.bool_]]:
    """Read what `write_field` wrote: the patches and masks of the field with this index.

    Returns
    -------
    patches : ndarray, (patches, size, size, channels), unsigned integers
    masks : ndarray, (patches, size, size, channels), bool
    """
    rows = slice(index * patches, (index + 1) * patches)
    found = [np.asarray(zarr.open_array(folder / name, mode="r")[rows]) for name in ARRAYS]
    return found[0], found[1]


def keep_fields(folder: Path, indices: list[int], patches: int) -> None:
    """Leave only the fields with these indices (ascending), in their order, without gaps."""
    for place, index in enumerate(indices):
        if place != index:
            write_field(folder, place, *read_field_arrays(folder, index, patches))
    for name in ARRAYS:
        array = zarr.open_array(folder / name, mode="r+")
        array.resize((len(indices) * patches, *array.shape[1:]))


def has_arrays(
    folder: Path, fields: int, patches: int, size: int, dtype: str, channels: int = 2
) -> bool:
    """Return whether the arrays exist as `create_arrays` makes them."""
    try:
        found = [zarr.open_array(folder / name, mode="r") for name in ARRAYS]
    except (OSError, ValueError, KeyError):
        return False
    shape = (fields * patches, size, size, channels)
    kinds = [str(array.dtype) for array in found]
    return all(array.shape == shape for array in found) and kinds == [dtype, "bool"]
