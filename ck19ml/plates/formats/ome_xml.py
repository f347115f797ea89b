"""OME-XML in a TIFF: which of the planes are in this very file, and what they are."""

from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import tifffile

from ck19ml.files.xml_text import Node, elements
from ck19ml.plates.formats.container import micrometres

MOST_PLANES = 1_000_000
"""Planes that one image may claim to have."""

Place = tuple[int, int, int]
"""Time, focal plane and channel of a plane, counted from 0."""


@dataclass(frozen=True)
class OmeImage:
    """The part of an image that lies in one file [1]_.

    Attributes
    ----------
    name : str
    pages : dict of (time, z, channel) to int
        The file's page of each plane.
    channels : tuple of str
        Names of all channels of the image; "" for one without a name.
    pixel_size_um : float, optional
    bits : int, optional
        Significant bits.

    References
    ----------
    .. [1] https://www.openmicroscopy.org/Schemas/OME/2016-06
    """

    name: str
    pages: dict[Place, int] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    pixel_size_um: float | None = None
    bits: int | None = None


def own_images(tiff: tifffile.TiffFile) -> list[OmeImage]:
    """List the images of which planes lie in this file; none where its metadata names no such.

    In a set of several files each holds the metadata of all, or names the one that does.

    Raises
    ------
    ValueError, OSError
        If the metadata cannot be read.
    """
    path = Path(tiff.filehandle.path)
    root = _root(tiff)
    own = root.get("UUID")
    if (other := root.child("BinaryOnly")) is not None:
        root = _companion(path, other.get("MetadataFile")) or root
    found = [_image(node, own, path.name) for node in root.all("Image")]
    return [image for image in found if image.pages]


def _root(tiff: tifffile.TiffFile) -> Node:
    root = next(elements(tiff.pages.first.description.strip(), {"OME"}), None)
    if root is None:
        raise ValueError("OME-XML without its root")
    return root


def _companion(path: Path, name: str | None) -> Node | None:
    """Read the metadata that another file of the same folder holds; None where it is not there."""
    if not name or Path(name).name != name or not (path.parent / name).is_file():
        return None
    place = path.parent / name
    if place.suffix.lower() in (".tif", ".tiff"):
        with tifffile.TiffFile(place) as tiff:
            return _root(tiff)
    return next(elements(place, {"OME"}), None)


def _image(node: Node, own: str | None, name: str) -> OmeImage:
    label = node.get("Name") or node.get("ID") or ""
    pixels = node.child("Pixels")
    if pixels is None:
        return OmeImage(label)
    places = _places(pixels)
    pages: dict[Place, int] = {}
    for data in pixels.all("TiffData"):
        uuid = data.child("UUID")
        if uuid is not None and uuid.text.strip() != own and uuid.get("FileName") != name:
            continue
        first = places.index((_int(data, "FirstT"), _int(data, "FirstZ"), _int(data, "FirstC")))
        # Without a number of planes a page is one plane, and no page at all is every plane.
        every = len(places) if data.get("IFD") is None else 1
        count = _int(data, "PlaneCount", every)
        for index, place in enumerate(places[first : first + count]):
            pages[place] = _int(data, "IFD") + index
    channels = pixels.all("Channel")
    return OmeImage(
        label,
        pages,
        tuple(c.get("Name") or "" for c in channels) + ("",) * (_int(pixels, "SizeC") or 1),
        micrometres(pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit")),
        _int(pixels, "SignificantBits") or None,
    )


def _places(pixels: Node) -> list[Place]:
    """List the planes in the order in which the file counts them."""
    order = (pixels.get("DimensionOrder") or "XYCZT")[2:]
    sizes = {axis: max(1, _int(pixels, f"Size{axis}", 1)) for axis in "TZC"}
    if sorted(order) != sorted(sizes) or sizes["T"] * sizes["Z"] * sizes["C"] > MOST_PLANES:
        raise ValueError(f"OME-XML with the order {order[:9]!r} and the sizes {sizes}")
    # The first axis of the order runs fastest, the last of a product does.
    slow = order[::-1]
    t, z, c = (slow.index(axis) for axis in "TZC")
    every = product(*(range(sizes[axis]) for axis in slow))
    return [(place[t], place[z], place[c]) for place in every]


def _int(node: Node, name: str, otherwise: int = 0) -> int:
    text = node.get(name)
    return otherwise if text is None else int(text)
