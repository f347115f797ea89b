"""Show what was read from a plate layout, so that a person can confirm or correct it."""

from pathlib import Path

from ck19ml.core.wells import plate_format
from ck19ml.errors import ConfigError
from ck19ml.files.writing import replacing, require_all_new, require_apart
from ck19ml.plates.layouts.reading import confounding, read_layout, write_layout
from ck19ml.plates.layouts.spreadsheet.reading import read_spreadsheet
from ck19ml.workflows.outcome import Outcome

FIGURES = (".png", ".svg", ".pdf")


def layout_command(path: Path, out: Path | None, figure: Path | None, overwrite: bool) -> Outcome:
    """Read a layout, say what was concluded, and write it as a table and as a picture."""
    if figure is not None and figure.suffix.lower() not in FIGURES:
        raise ConfigError(
            f"expected a figure that ends with {', '.join(FIGURES)}, found {figure}; rename it"
        )
    require_all_new((out, figure), overwrite=overwrite)
    for target in filter(None, (out, figure)):
        require_apart(target, [path])
    notes: list[str] = []
    if path.suffix.lower() == ".xlsx":
        reading = read_spreadsheet(path)
        layout, notes = reading.layout, [f"grid at {reading.grid_address}", *reading.notes]
    else:
        layout = read_layout(path)
    counts = layout.groupby(["stimulation", "control"], sort=True).size()
    lines = [f"{path}: {len(layout)} wells"]
    lines += [
        f"  {stimulation}, {control or 'with compound or plain'}: {count} wells"
        for (stimulation, control), count in counts.items()
    ]
    notes += confounding(layout)
    if out is not None:
        with replacing(out) as made:
            write_layout(layout, made)
    if figure is not None:
        from ck19ml import plots

        shape = plate_format(list(layout["well"]))
        drawn = plots.plate_layout(layout, plate_format=shape)
        with replacing(figure) as made:
            made.write_bytes(plots.to_bytes(drawn, figure.suffix.lower().lstrip(".")))
    data = {"layout": str(path), "wells": len(layout), "notes": notes}
    data["stimulations"] = layout["stimulation"].value_counts().to_dict()
    return Outcome([*lines, *(f"note: {note}" for note in notes)], data)
