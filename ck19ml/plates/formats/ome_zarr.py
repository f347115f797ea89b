"""Images of OME-Zarr 0.4 and 0.5."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ck19ml.files.reading import read_json
from ck19ml.plates.formats.container import UNKNOWN, Container, Header, Index, micrometres

PATH = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*")
"""A path inside a group, which leads nowhere else."""

COMPRESSORS = ("blosc", "zlib", "gzip", "zstd", "lz4", "bz2", "lzma")


def attributes_of(folder: Path) -> dict[str, Any]:
    """Read the attributes of a Zarr group: 0.5 in ``zarr.json``, 0.4 in ``.zattrs`` [1]_.

    Returns
    -------
    dict
        Those of OME (``multiscales``, ``plate`` ...) beside the others.

    Raises
    ------
    OSError, ValueError
        If there are none, or they cannot be read.

    References
    ----------
    .. [1] https://ngff.openmicroscopy.org
    """
    if not (folder / "zarr.json").is_file():
        return read_json(folder / ".zattrs")
    found = read_json(folder / "zarr.json").get("attributes", {})
    return dict(found | found.get("ome", {}))


def zarr_container(folder: Path) -> Container:
    """Describe the full resolution of an image.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        If it is damaged.
    """
    import zarr

    attributes = attributes_of(folder)
    scales = attributes["multiscales"][0]
    full = scales["datasets"][0]
    if not PATH.fullmatch(str(full["path"])):
        raise ValueError(f"an array at {str(full['path'])[:80]!r}")
    _require_plain(folder / str(full["path"]))
    array = zarr.open_array(folder / str(full["path"]), mode="r")
    names = [axis["name"] if isinstance(axis, dict) else axis for axis in scales["axes"]]
    letters = [str(n).upper() if str(n).lower() in tuple("tczyx") else UNKNOWN for n in names]
    kept = [n for n, length in enumerate(array.shape) if length > 1 or letters[n] in "YX"]
    shown = attributes.get("omero", {}).get("channels", [])
    header = Header(
        "".join(letters[n] for n in kept),
        tuple(array.shape[n] for n in kept),
        np.dtype(array.dtype),
        tuple(str(channel.get("label", "")) for channel in shown),
        _pixel_size(scales["axes"], full),
    )

    def read(index: Index) -> NDArray[np.generic]:
        whole: list[int | slice] = [0] * array.ndim
        for place, part in zip(kept, index, strict=True):
            whole[place] = part
        return np.asarray(array[tuple(whole)])

    return Container(header, read, whole=False)


def _require_plain(folder: Path) -> None:
    """Refuse filters and compressors of version 2 that are not known: one of them is pickle."""
    if not (folder / ".zarray").is_file():
        return
    content = read_json(folder / ".zarray")
    compressor = content.get("compressor") or {}
    if content.get("filters") or compressor.get("id", "blosc") not in COMPRESSORS:
        raise ValueError("an array with filters or a compressor that are not read")


def _pixel_size(axes: list[Any], full: dict[str, Any]) -> float | None:
    unit = axes[-1].get("unit") if isinstance(axes[-1], dict) else None
    for change in full.get("coordinateTransformations", []):
        if change.get("type") == "scale" and unit:
            return micrometres(change["scale"][-1], str(unit))
    return None
