"""The layout in an OME-Zarr plate: the labels of `export`, or a converter's condition table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ck19ml.core.wells import well_name
from ck19ml.errors import PlateError
from ck19ml.files.reading import require_file
from ck19ml.plates.formats.ome_zarr import PATH, attributes_of
from ck19ml.plates.layouts.delimited import MAX_TEXT_BYTES, read_delimited
from ck19ml.plates.layouts.records import LAYOUT_COLUMNS, LayoutReading, WellRecord, as_layout
from ck19ml.plates.layouts.table import Table, layout_of_table
from ck19ml.plates.metadata.ome_zarr import KEY

CONDITIONS = "condition_table"
"""Type of the table that converters write below a plate's ``tables`` [1]_.

References
----------
.. [1] https://biovisioncenter.github.io/ngio/stable/table_specs/table_types/condition_table
"""


def zarr_layout(
    folder: Path, columns: Mapping[str, str] | None, plates: Sequence[str]
) -> LayoutReading | None:
    """Read the layout of an OME-Zarr plate; None where it has none.

    Raises
    ------
    PlateError
        If it cannot be read.
    """
    try:
        wells = attributes_of(folder)["plate"]["wells"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if held := _of_labels(folder, wells):  # those of a plate whose table is read by viewers only
        return held
    for place in sorted((folder / "tables").glob("*")):
        if _is_condition_table(place):
            return layout_of_table(_table(place), columns, plates)
    return None


def _is_condition_table(place: Path) -> bool:
    try:
        return attributes_of(place).get("type") == CONDITIONS
    except (OSError, ValueError):
        return False


def _table(place: Path) -> Table:
    """Read a table whose backend is CSV or Parquet."""
    if (path := place / "table.csv").is_file():
        return read_delimited(path)
    if not (path := place / "table.parquet").is_file():
        raise PlateError(f"{place} is no table in CSV or Parquet; give the layout as layout.csv")
    if require_file(path) > MAX_TEXT_BYTES:
        raise PlateError(f"{path} is too large for a table of wells; give it as layout.csv")
    frame = pd.read_parquet(path)
    texts = {str(name): [_text(value) for value in frame[name]] for name in frame.columns}
    return Table(str(path), texts, [f"row {n}" for n in range(1, len(frame) + 1)], True)


def _text(value: object) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    return f"{value:.12g}" if isinstance(value, float) else " ".join(str(value).split())


def _of_labels(folder: Path, wells: Sequence[Mapping[str, Any]]) -> LayoutReading | None:
    """Read the labels that `export` gave each well."""
    records = []
    for well in wells:
        path = str(well.get("path"))
        if not PATH.fullmatch(path) or not (folder / path).is_dir():
            continue
        own = attributes_of(folder / path).get(KEY)
        if isinstance(own, dict):
            row, _, column = path.partition("/")
            known = {k: v for k, v in own.items() if k in LAYOUT_COLUMNS and k != "well"}
            records.append(WellRecord(well_name(row, int(column)), **known))
    if not records:
        return None
    return LayoutReading(as_layout(records), ["the layout is that of the exported plate"])
