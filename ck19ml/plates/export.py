"""Export a plate as OME-Zarr, which viewers such as napari open as one plate."""

from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ck19ml.core.instrument_masks import label_field
from ck19ml.core.measurements.panel import PAIR
from ck19ml.core.patches import stored_dtype
from ck19ml.core.wells import ROW_NAMES, column, plate_format, row_letter
from ck19ml.errors import PlateError
from ck19ml.files.csv_text import to_csv
from ck19ml.files.reading import read_json
from ck19ml.files.writing import making, restore
from ck19ml.plates.description import PlateDescription
from ck19ml.plates.folder import Field, Plate, read_field
from ck19ml.plates.layouts.zarr_plate import CONDITIONS
from ck19ml.plates.metadata.ome_zarr import KEY

TABLE = "conditions"
"""Name of the plate's table."""

SMALLEST_LEVEL = 256
"""Largest side of the coarsest level of a pyramid, pixels."""

SHOWN_PERCENTILE = 99.8
"""Percentile that a viewer shows as brightest at first: few pixels of a field lie above it."""


def export_plate(
    plate: Plate,
    target: Path,
    *,
    layout: pd.DataFrame | None = None,
    labels: bool = True,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the fields of a plate with their pyramids as OME-Zarr 0.5 in the HCS layout [1]_.

    Each field is an image (channel, y, x) of the plate's own grey values, with its channels' names,
    their colours, and the pixel size. A well of the layout carries its row as attributes
    under ``ck19ml``, and the plate the table ``conditions`` [2]_, by which
    napari-ome-zarr-navigator filters wells.

    Parameters
    ----------
    target : Path
        Folder to write, such as ``plate.ome.zarr``; it appears when it is complete.
    layout : DataFrame, optional
        See `layouts`.
    labels : bool
        Whether each image gets the labels ``dc`` and ``tcell``: its cells by the mask method
        ``instrument``, which ``prepare --labels`` reads.
    progress : callable, optional
        Called with the number of fields done and to do.

    Raises
    ------
    PlateError
        If the target exists and may not be replaced, a file cannot be read, the folder holds
        several plates, or the target cannot be written.

    References
    ----------
    .. [1] https://ngff.openmicroscopy.org/0.5
    .. [2] https://biovisioncenter.github.io/ngio/stable/table_specs/table_types/condition_table
    """
    _require_one_plate(plate)
    with making(target) as new:
        _require_replaceable(target, overwrite)
        _write(plate, new, layout, labels, progress)
    return target


def _require_one_plate(plate: Plate) -> None:
    names = sorted({field.plate for field in plate.fields})
    if len(names) != 1:
        raise PlateError(
            f"{plate.folder} must hold the images of one plate, found "
            f"{', '.join(names) or 'none'}; put each plate into a folder of its own"
        )


def _require_replaceable(target: Path, overwrite: bool) -> None:
    restore(target)
    if not target.exists():
        return
    if not overwrite:
        raise PlateError(f"{target} already exists; use --overwrite to replace it")
    if not _is_plate(target):
        raise PlateError(f"{target} exists and is no OME-Zarr plate; choose another name")


def _is_plate(folder: Path) -> bool:
    """Return whether a folder is an OME-Zarr plate."""
    try:
        return "plate" in read_json(folder / "zarr.json")["attributes"]["ome"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write(
    plate: Plate,
    folder: Path,
    layout: pd.DataFrame | None,
    labels: bool,
    progress: Callable[[int, int], None] | None,
) -> None:
    # Imported here: ome-zarr brings dask, which nothing else in this package needs.
    import zarr
    from ome_zarr.format import FormatV05
    from ome_zarr.writer import write_plate_metadata, write_well_metadata

    root = zarr.open_group(folder, mode="w", zarr_format=3)
    fields: dict[str, list[Field]] = {}
    for field in plate.fields:
        fields.setdefault(field.well, []).append(field)
    rows, columns = plate_format(list(fields), plate.description.wells)
    write_plate_metadata(
        root,
        rows=list(ROW_NAMES[:rows]),
        columns=[str(number) for number in range(1, columns + 1)],
        wells=[_well_path(well) for well in fields],
        fmt=FormatV05(),
        acquisitions=[{"id": 0, "maximumfieldcount": max(map(len, fields.values()))}],
        field_count=max(map(len, fields.values())),
        name=plate.name,
    )
    root.attrs[KEY] = _described(plate)
    if layout is not None:
        _write_conditions(root, folder, layout[layout["well"].isin(fields)])
    done = 0
    for well, own in fields.items():
        group = root.require_group(_well_path(well))
        images: list[str | dict[str, Any]] = [
            {"path": str(index), "acquisition": 0} for index in range(len(own))
        ]
        write_well_metadata(group, images, fmt=FormatV05())
        _label(group, well, layout)
        for index, field in enumerate(own):
            _write_field(plate, field, group.require_group(str(index)), labels)
            done += 1
            if progress:
                progress(done, len(plate.fields))


def _described(plate: Plate) -> dict[str, Any]:
    """Return what the plate's description says of the images, so that they are read alike."""
    of_files = {"name", "files", "channels", "channel_axis", "z", "time", "labels"}
    of_layout = {"layout", "layout_columns"}
    known = plate.description.model_dump(mode="json", exclude=of_files | of_layout)
    panel = plate.description.panel
    if panel != PAIR:  # those of the study are known by their names
        known["channels"] = {name: panel.label(name) for name in panel.names}
    return {"name": plate.name} | {key: v for key, v in known.items() if v is not None}


def _well_path(well: str) -> str:
    return f"{row_letter(well)}/{column(well)}"


def _label(group: Any, well: str, layout: pd.DataFrame | None) -> None:
    if layout is None:
        return
    for row in layout[layout["well"] == well].to_dict("records"):
        known = {str(key): value for key, value in row.items() if not pd.isna(value)}
        group.attrs[KEY] = known


def _write_conditions(root: Any, folder: Path, layout: pd.DataFrame) -> None:
    """Write what the wells received as a table that names them as their folders are named."""
    tables = root.create_group("tables", attributes={"tables": [TABLE]})
    tables.create_group(
        TABLE, attributes={"type": CONDITIONS, "table_version": "1", "backend": "csv"}
    )
    wells = layout.drop(columns="well")
    wells.insert(0, "row", [row_letter(well) for well in layout["well"]])
    wells.insert(1, "column", [column(well) for well in layout["well"]])
    (folder / "tables" / TABLE / "table.csv").write_text(to_csv(wells), encoding="utf-8")


def _write_field(plate: Plate, field: Field, group: Any, labels: bool) -> None:
    from ome_zarr.format import FormatV05
    from ome_zarr.scale import Methods
    from ome_zarr.writer import write_image, write_labels

    description = plate.description
    image = np.moveaxis(read_field(field, description), -1, 0)
    dtype = stored_dtype(description.bit_depth)
    image = np.ascontiguousarray(image, dtype=dtype)
    levels = max(0, int(np.ceil(np.log2(max(image.shape[1:]) / SMALLEST_LEVEL))))
    factors = [2**level for level in range(1, levels + 1)]
    size = description.pixel_size_um
    write_image(
        image,
        group,
        name=f"{field.plate} {field.well} field {field.field}",
        axes="cyx",
        scale={"c": 1.0, "y": size, "x": size},
        axes_units={"y": "micrometer", "x": "micrometer"},
        scale_factors=factors,
        method=Methods.LOCAL_MEAN,
        storage_options={"chunks": (1, 1024, 1024)},
        fmt=FormatV05(),
    )
    if labels:
        panel = description.panel
        cells = label_field(np.moveaxis(image, 0, -1), description.cells, size, panel)
        for name, plane in zip(panel.stained, cells, strict=True):
            write_labels(
                plane,
                group,
                name=name,
                scaler=None,
                axes="yx",
                scale={"y": size, "x": size},
                axes_units={"y": "micrometer", "x": "micrometer"},
                scale_factors=factors,
                storage_options={"chunks": (1024, 1024)},
                fmt=FormatV05(),
            )
    # ome-zarr takes a dictionary in some versions and an object of its own in others.
    shown = {"omero": _shown(image, description)}
    group.attrs["ome"] = group.attrs["ome"] | shown
    group.attrs[KEY] = {"field": field.field}


def _shown(image: np.ndarray[Any, Any], description: PlateDescription) -> dict[str, Any]:
    """Return how a viewer shows the channels at first, in the colours of the dyes."""
    panel, colours = description.panel, cycle(("FF0000", "00FF00", "0000FF"))
    colour = {n: next(colours) if n in panel.stained else "FFFFFF" for n in panel.names}
    return {
        "channels": [
            {
                "label": panel.label(name),
                "color": colour[name],
                "active": True,
                "window": {
                    "min": 0,
                    "max": 2**description.bit_depth - 1,
                    "start": int(np.percentile(image[channel, ::8, ::8], 1)),
                    "end": int(np.percentile(image[channel, ::8, ::8], SHOWN_PERCENTILE)),
                },
            }
            for channel, name in enumerate(panel.names)
        ],
        "rdefs": {"model": "color"},
    }
