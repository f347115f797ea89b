"""CellVoyager: ``MeasurementData.mlf`` with the images, ``MeasurementDetail.mrf`` with the rest.

Both are Yokogawa's BTS schema 1.0; records of the type ERR have no image. Channels are numbered;
their names, where there are any, are in the measurement's ``.mes`` file.
"""

from pathlib import Path

from ck19ml.files.xml_text import Node, elements
from ck19ml.plates.formats.container import micrometres
from ck19ml.plates.metadata.record import ImageFile, InstrumentPlate, inside, usual_size


def read(path: Path) -> InstrumentPlate:
    """Read ``MeasurementData.mlf`` and ``MeasurementDetail.mrf`` beside it.

    Raises
    ------
    OSError, ValueError
        If one cannot be read or there are no images.
    """
    records = list(elements(path, {"MeasurementRecord"}))
    taken = [node for node in records if node.get("Type") == "IMG"]
    if not taken:
        raise ValueError("it names no images")
    (detail,) = elements(path.with_name("MeasurementDetail.mrf"), {"MeasurementDetail"})
    names = _names(path.parent, detail.get("MeasurementSettingFileName"))
    channels = detail.all("MeasurementChannel")
    sizes = [micrometres(node.get("HorizontalPixelDimension"), "um") for node in channels]
    depths = [int(node.get("InputBitDepth") or 0) for node in channels]
    plate = detail.child("MeasurementSamplePlate")
    failed = sorted({_well(node) for node in records if node.get("Type") == "ERR"})
    notes = (
        [f"the instrument reports errors in {len(failed)} wells, such as {failed[0]}"]
        if failed
        else []
    )
    wells = int(detail.get("RowCount") or 0) * int(detail.get("ColumnCount") or 0)
    found = tuple(sorted(_image(path.parent, node, names) for node in taken))
    return InstrumentPlate(
        path,
        found,
        {
            "pixel_size_um": sizes[0] if sizes else None,
            "bit_depth": max(depths, default=0) or None,
            "wells": usual_size(wells),
            "name": (plate.get("Name") if plate else None) or detail.get("Title") or None,
        },
        tuple(sorted({str(image.channel) for image in found})),
        tuple(notes if failed else ()),
    )


def _well(node: Node) -> str:
    return f"row {node.get('Row')} column {node.get('Column')}"


def _image(folder: Path, node: Node, names: dict[str, str]) -> ImageFile:
    channel = node.get("Ch") or "1"
    return ImageFile(
        inside(folder, node.text.strip()),
        node.get("Row") or "",
        node.get("Column") or "",
        field=node.get("FieldIndex"),
        channel=names.get(channel, channel),
        z=node.get("ZIndex"),
        time=node.get("TimePoint"),
    )


def _names(folder: Path, settings: str | None) -> dict[str, str]:
    """Read the channels' names from the settings, if these are there."""
    if not settings or Path(settings).name != settings or not (folder / settings).is_file():
        return {}
    found = {
        str(node.get("Ch")): node.get("Target") or node.get("Fluorophore") or ""
        for node in elements(folder / settings, {"Channel"})
    }
    return {number: name for number, name in found.items() if name}
