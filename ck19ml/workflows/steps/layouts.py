"""Find and read the layout of a plate."""

from pathlib import Path

import pandas as pd

from ck19ml.errors import PlateError
from ck19ml.plates.folder import Plate
from ck19ml.plates.layouts.reading import read_layout

LAYOUT_NAMES = ("layout.csv", "layout.xlsx")


def plate_layout(plate: Plate, path: Path | None) -> pd.DataFrame:
    """Read the layout of a plate: the one given, or the folder's own.

    Raises
    ------
    PlateError
        If there is none.
    """
    places = [path] if path else layout_places(plate)
    for place in places:
        if place.is_file():
            return read_layout(place, plate.description.layout_columns or None)
    raise PlateError(
        f"expected a layout at {places[0]}, found none; write one (columns well, stimulation, "
        "compound, concentration_um, control) or name it by --layout"
    )


def layout_places(plate: Plate) -> list[Path]:
    """Where a plate folder's own layout may stand."""
    named = plate.description.layout
    return [plate.folder / name for name in ([named] if named else LAYOUT_NAMES)]
