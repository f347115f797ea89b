"""Operetta and Opera Phenix: Harmony's ``Index.idx.xml``, often in a folder ``Images``.

Each ``Image`` has its file in ``URL``, ``Row``, ``Col``, ``FieldID``, ``PlaneID``, ``TimepointID``
(from 0), ``ChannelID`` and, in Harmony's versions from 5, ``ChannelName``; versions 6 keep the
channels' names and the pixel's size in ``Maps`` by ``ChannelID``.
"""

from pathlib import Path

from ck19ml.files.xml_text import Node, elements
from ck19ml.plates.formats.container import micrometres
from ck19ml.plates.metadata.record import ImageFile, InstrumentPlate, inside, usual_size


def read(path: Path) -> InstrumentPlate:
    """Read an ``Index.idx.xml``.

    Raises
    ------
    OSError, ValueError
        If it cannot be read or names no images.
    """
    raw: list[tuple[Node, str]] = []
    names: dict[str, str] = {}
    plate: dict[str, str | None] = {}
    size = largest = None
    # A map's entries and a plate's list of images have the elements' names too.
    for node in elements(path, {"Plate", "Entry", "Image"}):
        if node.name == "Plate":
            plate = {name: node.value(name) for name in ("Name", "PlateRows", "PlateColumns")}
        elif node.value("URL"):
            raw.append((node, node.value("ChannelID") or ""))
        if (channel := node.value("ChannelName")) is not None:
            names[node.get("ChannelID") or node.value("ChannelID") or ""] = channel
        if (length := node.child("ImageResolutionX")) is not None:
            size = micrometres(length.text.strip(), length.get("Unit"))
        largest = node.value("MaxIntensity") or largest
    if not raw:
        raise ValueError("it names no images")
    wells = int(plate.get("PlateRows") or 0) * int(plate.get("PlateColumns") or 0)
    found = tuple(sorted(_image(path.parent, node, names.get(c, c)) for node, c in raw))
    return InstrumentPlate(
        path,
        found,
        {
            "pixel_size_um": size,
            "bit_depth": max(int(float(largest)) - 1, 1).bit_length() if largest else None,
            "wells": usual_size(wells),
            "name": plate.get("Name"),
        },
        tuple(sorted({str(image.channel) for image in found})),
    )


def _image(folder: Path, node: Node, channel: str) -> ImageFile:
    return ImageFile(
        inside(folder, node.value("URL")),
        node.value("Row") or "",
        node.value("Col") or "",
        field=node.value("FieldID"),
        channel=channel,
        z=node.value("PlaneID"),
        time=str(int(node.value("TimepointID") or 0) + 1),
    )
