"""Find and read the layout of a plate."""

from pathlib import Path

import pandas as pd

from ck19ml.errors import PlateError
from ck19ml.plates.folder import Plate, some
from ck19ml.plates.layouts.reading import open_layout
from ck19ml.plates.layouts.records import LayoutReading
from ck19ml.plates.layouts.zarr_plate import zarr_layout

LAYOUT_NAMES = ("layout.csv", "layout.xlsx", "layout.toml")
TABLES = (".csv", ".tsv", ".xlsx", ".xlsm", ".xls", ".ods", ".toml")


def plate_layout(plate: Plate, path: Path | None) -> pd.DataFrame:
    """Read the layout of a plate, see `layout_of`, without its notes."""
    return layout_of(plate, path).layout


def layout_of(plate: Plate, path: Path | None) -> LayoutReading:
    """Read the layout of a plate: the one given, the folder's own, or that of an OME-Zarr plate.

    Raises
    ------
    PlateError
        If there is none, or there are several that differ.
    """
    places = [path] if path else layout_places(plate)
    columns = plate.description.layout_columns or None
    names = sorted({plate.name, *(field.plate for field in plate.fields)})
    found = {
        place: open_layout(place, columns, plates=names) for place in places if place.is_file()
    }
    if not found and path is None and (held := zarr_layout(plate.folder, columns, names)):
        return held
    others = sorted(
        each.name
        for each in plate.folder.iterdir()
        if each.suffix.lower() in TABLES and each not in found and each.is_file()
    )
    if not found:
        there = f"; the folder has {some(others)}, of which --layout takes .csv and .xlsx"
        raise PlateError(
            f"no layout at {places[0]}; write one with the columns well, stimulation, compound, "
            "concentration_um and control, or give another file by --layout"
            f"{there if others else ''}"
        )
    (first, reading), *more = found.items()
    for place, other in more:
        _require_same(first, reading.layout, place, other.layout)
    if others:
        reading.notes.append(f"tables in the folder that are not used: {some(others)}")
    return reading


def _require_same(first: Path, one: pd.DataFrame, second: Path, other: pd.DataFrame) -> None:
    both = one.merge(other, how="outer", indicator=True)
    wells = sorted(set(both.loc[both["_merge"] != "both", "well"]))
    if wells:
        raise PlateError(
            f"{first} and {second.name} differ in {len(wells)} wells, such as {wells[0]}; remove "
            "one, or name the right one by 'layout' in plate.yaml"
        )


def layout_places(plate: Plate) -> list[Path]:
    """List where a plate's own layout may be: its folder, or the one below that has the images."""
    named = plate.description.layout
    names = [named] if named else list(LAYOUT_NAMES)
    folders = [
        plate.folder,
        *sorted({field.first.parent for field in plate.fields} - {plate.folder}),
    ]
    of_images = folders[1:] if len(folders) == 2 else []
    return [folder / name for folder in (plate.folder, *of_images) for name in names]
