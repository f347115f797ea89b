"""Export a plate for viewers."""

from pathlib import Path

from ck19ml.files.writing import followed, require_apart
from ck19ml.plates.export import export_plate
from ck19ml.plates.folder import find_plate
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar
from ck19ml.workflows.steps.layouts import layout_places, plate_layout


def export_command(folder: Path, target: Path, labels: bool, overwrite: bool) -> Outcome:
    """Write a plate folder as OME-Zarr; the wells carry the folder's layout where it has one."""
    require_apart(target, [folder])
    target = followed(target)
    plate = find_plate(folder)
    has_layout = any(place.is_file() for place in layout_places(plate))
    layout = plate_layout(plate, None) if has_layout else None
    with bar(f"exporting {plate.name}") as progress:
        export_plate(
            plate, target, layout=layout, labels=labels, overwrite=overwrite, progress=progress
        )
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    line = f"{target}: {len(plate.fields)} fields of {len(plate.wells)} wells, {size / 1e6:.1f} MB"
    data = {"path": str(target), "wells": len(plate.wells), "fields": len(plate.fields)}
    return Outcome([line], data | {"bytes": size})
