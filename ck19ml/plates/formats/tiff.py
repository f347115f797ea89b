"""TIFF files: one plane, stacks, hyperstacks, OME-TIFF alone or as one of a set."""

import logging
import math
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ck19ml.files.xml_text import elements
from ck19ml.plates.formats.container import (
    UNKNOWN,
    Container,
    Header,
    Index,
    SeveralImages,
    micrometres,
)
from ck19ml.plates.formats.ome_xml import OmeImage, own_images

# tifffile reports each broken tag of a damaged file on standard error; the error says it once.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

TRUSTED = ("imagej", "lsm", "fluoview")
"""Kinds of TIFF whose names of axes say what they are; others leave them open."""

Pixels = NDArray[np.generic]


def tiff_container(tiff: tifffile.TiffFile) -> Container:
    """Describe an open TIFF.

    Raises
    ------
    SeveralImages
        If nothing says which of its images is meant.
    ValueError
        If the file is damaged; tifffile may raise nearly anything else.
    """
    images = own_images(tiff) if tiff.is_ome else []
    if len(images) > 1:
        names = ", ".join(repr(image.name) for image in images[:3])
        raise SeveralImages(f"{len(images)} images ({names})")
    return _of_ome(tiff, images[0]) if images else _of_series(tiff)


def _of_ome(tiff: tifffile.TiffFile, image: OmeImage) -> Container:
    places = sorted(image.pages)
    lengths = [len({place[axis] for place in places}) for axis in range(3)]
    if math.prod(lengths) != len(places):
        raise ValueError(f"its metadata names {len(places)} planes, no full set of {lengths}")
    pages = [tiff.pages[image.pages[place]] for place in places]
    require_whole(tiff, pages)
    kept = [axis for axis in range(3) if lengths[axis] > 1]
    first, stacked = pages[0], tuple(lengths[axis] for axis in kept)
    names = tuple(image.channels[n] for n in sorted({place[2] for place in places}))
    header = Header(
        "".join("TZC"[axis] for axis in kept) + first.axes,
        (*stacked, *first.shape),
        np.dtype(first.dtype),
        names if any(names) else (),
        image.pixel_size_um,
        image.bits,
    )
    numbers = np.arange(len(pages)).reshape(stacked)

    def read(index: Index) -> Pixels:
        chosen = np.asarray(numbers[index[: len(kept)]])
        planes = [pages[number].asarray()[index[len(kept) :]] for number in chosen.ravel()]
        return np.stack(planes).reshape(*chosen.shape, *planes[0].shape)

    return Container(header, read, whole=False)


def _of_series(tiff: tifffile.TiffFile) -> Container:
    # Reduced copies of the image, such as thumbnails, are no planes of it.
    series = [part for part in tiff.series if not part.keyframe.is_reduced] or list(tiff.series)
    first = series[0]
    if any((s.shape, s.dtype, s.axes) != (first.shape, first.dtype, first.axes) for s in series):
        sizes = " and ".join(" x ".join(map(str, part.shape)) for part in series[:3])
        raise SeveralImages(f"{len(series)} images of {sizes}")
    require_whole(tiff, [page for part in series for page in part.pages if page is not None])
    trusted = "YXSTZC" if first.kind in TRUSTED else "YXS"
    named = "".join(axis if axis in trusted else UNKNOWN for axis in first.axes)
    # Several images of one size, appended one after the other, are a stack too.
    axes, shape = UNKNOWN + named, (len(series), *first.shape)
    kept = [n for n, length in enumerate(shape) if length > 1 or axes[n] in "YX"]
    header = Header(
        "".join(axes[n] for n in kept),
        tuple(shape[n] for n in kept),
        np.dtype(first.dtype),
        pixel_size_um=_pixel_size(tiff),
    )

    def read(index: Index) -> Pixels:
        each = [np.asarray(part.asarray()) for part in series]
        stacked = each[0] if len(each) == 1 else np.stack(each)
        return stacked.reshape(header.shape)[index]

    return Container(header, read)


def require_whole(tiff: tifffile.TiffFile, pages: list[Any]) -> None:
    """Refuse a file that ends before the pixels of its pages, by `ValueError`."""
    ends = [
        offset + count
        for page in pages
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
    ]
    size = tiff.filehandle.size
    if max(ends, default=0) > size:
        raise ValueError(f"its header promises {max(ends)} bytes, it has {size}")


def _pixel_size(tiff: tifffile.TiffFile) -> float | None:
    """Return the pixel's size in micrometres that ImageJ or MetaXpress noted.

    The resolution of a plain TIFF is that of a printer.
    """
    page = tiff.pages.first
    if tiff.is_imagej and tiff.imagej_metadata and "XResolution" in page.tags:
        unit = tiff.imagej_metadata.get("unit")
        pixels, lengths = page.tags["XResolution"].value
        return micrometres(lengths / pixels, str(unit)) if unit and pixels else None
    if page.description.startswith("<MetaData>"):
        noted = {node.get("id"): node.get("value") for node in elements(page.description, {"prop"})}
        if str(noted.get("spatial-calibration-state")).lower() in ("on", "true", "1"):
            return micrometres(
                noted.get("spatial-calibration-x"), noted.get("spatial-calibration-units")
            )
    return None
