"""Report of what was understood of a plate folder, for a person to confirm."""

from collections.abc import Sequence

import pandas as pd

from ck19ml.core.wells import place, plate_format
from ck19ml.plates.folder import Plate, some
from ck19ml.plates.layouts.records import LayoutReading

ASSUMED = "assumed"


def summary(plate: Plate, reading: LayoutReading) -> list[str]:
    """Describe a plate and its layout in five lines: files, wells, channels, camera, layout."""
    described, layout = plate.description, reading.layout
    used, wells = len(plate.files), plate.wells
    rows, columns = plate_format([*wells, *layout["well"]] or ["A01"], described.wells)
    per_well = pd.Series([field.well for field in plate.fields]).value_counts()
    counts = sorted(set(per_well))
    fields = (
        f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}" if counts else "0"
    )
    kinds = layout["control"].value_counts()
    controls = ", ".join(f"{n} {kind}" for kind, n in kinds.items() if kind) or "no control wells"
    each = layout["stimulation"].value_counts()
    levels, panel = described.levels, described.panel
    channels = [
        f"{panel.label(name)} is {described.channels[name]}"
        + ("" if name in panel.stained else ", without a stain")
        for name in panel.names
    ]
    level = "auto" if levels is None else shown_levels([levels[place] for place in panel.places])
    return [
        f"{plate.folder}: plate {plate.name}, {used} of {plate.images or used} image files used",
        f"wells: {len(wells)} of {rows * columns} with images, {fields} fields each",
        f"channels: {', '.join(channels)} ({_origin(plate, 'channels')})",
        f"camera: {described.bit_depth} bits ({_origin(plate, 'bit_depth')}), background {level} "
        f"({_origin(plate, 'background')}), pixels of {described.pixel_size_um:g} um "
        f"({_origin(plate, 'pixel_size_um')})",
        f"layout: {len(layout)} wells, {', '.join(f'{n} {name}' for name, n in each.items())}; "
        f"{controls}",
    ]


def shown_levels(levels: Sequence[int]) -> str:
    """Write the background of each channel; once if they share it."""
    return " and ".join(str(level) for level in dict.fromkeys(levels))


def _origin(plate: Plate, key: str) -> str:
    return plate.origins.get(key, ASSUMED)


def notes(plate: Plate, reading: LayoutReading) -> list[str]:
    """Name all that was not used, and what was concluded where nothing said it."""
    lines = []
    plates = sorted({field.plate for field in plate.fields})
    if len(plates) > 1:
        lines.append(f"images of {len(plates)} plates, {some(plates)}; the layout counts for each")
    images = plate.images or len(plate.files) + sum(len(part.files) for part in plate.unused)
    for part in plate.unused:
        names = some([path.relative_to(plate.folder).as_posix() for path in part.files], 3)
        are = "was" if len(part.files) == 1 else "were"
        count = f"{len(part.files)} of {images} image files"
        lines.append(f"{count} {are} not used: {names}; {part.reason}")
    lacking = without_images(plate, reading)
    if lacking:
        lines.append(
            f"{len(lacking)} of {len(reading.layout)} wells of the layout have no images: "
            f"{some(lacking)}"
        )
    return [*lines, *plate.notes, *reading.notes]


def without_images(plate: Plate, reading: LayoutReading) -> list[str]:
    """List the wells of the layout that have no images."""
    return sorted(set(reading.layout["well"]) - set(plate.wells), key=place)


def well_table(plate: Plate, reading: LayoutReading) -> pd.DataFrame:
    """Return what is known of each well: the layout's columns, and the number of its fields.

    Wells that have images and no row in the layout have no stimulation.
    """
    fields = pd.Series([field.well for field in plate.fields], dtype="str").value_counts()
    table = reading.layout.set_index("well").reindex(
        sorted({*reading.layout["well"], *plate.wells}, key=place)
    )
    table["fields"] = fields.reindex(table.index).fillna(0).astype(int)
    return table.rename_axis("well").reset_index()
