"""INCell Analyzer: ``*.xdce`` beside the images.

The structure is that which Bio-Formats' ``InCellReader`` reads: ``Image`` elements with the file's
name, its well, and an ``Identifier`` that counts field, wavelength, plane and time from 0.
"""

from pathlib import Path

from ck19ml.files.xml_text import Node, elements
from ck19ml.plates.formats.container import micrometres
from ck19ml.plates.metadata.record import ImageFile, InstrumentPlate, inside, usual_size


def read(path: Path) -> InstrumentPlate:
    """Read an ``.xdce``.

    Raises
    ------
    OSError, ValueError
        If it cannot be read or names no images.
    """
    images: list[tuple[Node, Node]] = []
    waves: list[str] = []
    wells, size = 0, None
    for node in elements(path, {"Image", "Wavelength", "Plate", "ObjectiveCalibration"}):
        if node.name == "Image" and (identity := node.child("Identifier")) is not None:
            images.append((node, identity))
        elif node.name == "Wavelength":
            waves.append(_filter(node) or node.get("index") or str(len(waves)))
        elif node.name == "Plate" and node.get("rows"):
            wells = int(node.get("rows") or 0) * int(node.get("columns") or 0)
        elif node.name == "ObjectiveCalibration":
            size = micrometres(node.get("pixel_width"), "um")
    if not images:
        raise ValueError("it names no images")
    found = tuple(sorted(_image(path.parent, node, identity, waves) for node, identity in images))
    return InstrumentPlate(
        path,
        found,
        {"pixel_size_um": size, "wells": usual_size(wells), "name": path.stem},
        tuple(sorted({str(image.channel) for image in found})),
    )


def _image(folder: Path, node: Node, identity: Node, waves: list[str]) -> ImageFile:
    well = node.child("Well") or node
    row, column = well.child("Row"), well.child("Column")
    wave = int(identity.get("wave_index") or 0)
    channel = _filter(node) or (waves[wave] if wave < len(waves) else str(wave))
    return ImageFile(
        inside(folder, node.get("filename")),
        (row.get("number") if row else None) or "",
        (column.get("number") if column else None) or "",
        field=_from_one(identity, "field_index"),
        channel=channel,
        z=_from_one(identity, "z_index"),
        time=_from_one(identity, "time_index"),
    )


def _filter(node: Node) -> str | None:
    """Return the name of the channel: its excitation filter's, as in the file's name."""
    for name in ("ExcitationFilter", "EmissionFilter"):
        if (found := node.child(name)) is not None and found.get("name"):
            return found.get("name")
    return None


def _from_one(node: Node, name: str) -> str:
    return str(int(node.get(name) or 0) + 1)
