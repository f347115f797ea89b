"""Show what was read from a layout or a plate folder, for a person to confirm or correct it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ck19ml.core.wells import plate_format
from ck19ml.errors import ConfigError
from ck19ml.files.csv_text import to_csv
from ck19ml.files.writing import replacing, require_all_new, require_apart
from ck19ml.files.yaml_text import parse_yaml
from ck19ml.plates import report
from ck19ml.plates.description import read_description
from ck19ml.plates.folder import find_plate
from ck19ml.plates.layouts.reading import confounding, open_layout, write_layout
from ck19ml.plates.layouts.spreadsheet.reading import SpreadsheetReading
from ck19ml.plates.proposal import propose
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.steps.layouts import layout_of

FIGURES = (".png", ".svg", ".pdf")


def column_names(text: str) -> dict[str, str]:
    """Read ``{well: colrow}``: the file's own name of each of a layout's columns."""
    try:
        content = parse_yaml(text)
    except ValueError as error:
        raise ConfigError(f"--columns: {error}; write it as in '{{well: colrow}}'") from error
    if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
        raise ConfigError(f"--columns must be as in '{{well: colrow}}', found {text!r}")
    return {str(key): value for key, value in content.items()}


def layout_command(
    path: Path,
    out: Path | None,
    figure: Path | None,
    overwrite: bool,
    write: Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> Outcome:
    """Read a layout or a whole plate, and write it as a table and as a picture.

    Parameters
    ----------
    write : Path, optional
        Where to write the plate.yaml that is proposed for a plate folder.
    columns : mapping of str to str, optional
        The file's own name of a layout's column; without it, what a plate.yaml beside it says.
    """
    if figure is not None and figure.suffix.lower() not in FIGURES:
        raise ConfigError(f"the figure {figure} does not end with {', '.join(FIGURES)}; rename it")
    require_all_new((out, figure, write), overwrite=overwrite)
    if write is not None:
        return _propose(path, write)
    for target in filter(None, (out, figure)):
        require_apart(target, [path])
    if path.is_dir():
        return _plate(path, out, figure)
    own = columns or read_description(path.parent).layout_columns or None
    reading = open_layout(path, own)
    layout, notes = reading.layout, list(reading.notes)
    if isinstance(reading, SpreadsheetReading):
        notes.insert(0, f"grid at {reading.grid_address}")
    counts = layout.groupby(["stimulation", "control"], sort=True).size()
    lines = [f"{path}: {len(layout)} wells"]
    lines += [
        f"  {stimulation}, {control or 'no control'}: {count} wells"
        for (stimulation, control), count in counts.items()
    ]
    notes += confounding(layout)
    if out is not None:
        with replacing(out) as made:
            write_layout(layout, made)
    if figure is not None:
        _draw(layout, plate_format(list(layout["well"])), figure)
    data = {"layout": str(path), "wells": len(layout), "notes": notes}
    data["stimulations"] = layout["stimulation"].value_counts().to_dict()
    return Outcome([*lines, *(f"note: {note}" for note in notes)], data)


def _plate(folder: Path, out: Path | None, figure: Path | None) -> Outcome:
    """Show what was understood of a plate folder before anything is prepared."""
    plate = find_plate(folder, strict=False)
    reading = layout_of(plate, None)
    lines = report.summary(plate, reading)
    notes = [*report.notes(plate, reading), *confounding(reading.layout)]
    problems = [f"{problem.kind}: {problem.message}" for problem in plate.problems]
    table = report.well_table(plate, reading)
    if out is not None:
        with replacing(out) as made:
            made.write_text(to_csv(table), encoding="utf-8")
    if figure is not None:
        shape = plate_format(list(table["well"]), plate.description.wells)
        _draw(reading.layout, shape, figure, report.without_images(plate, reading))
    data = {
        "plate": plate.name,
        "folder": str(folder),
        "wells": len(plate.wells),
        "fields": len(plate.fields),
        "layout_wells": len(reading.layout),
        "unused": {part.reason: [str(path) for path in part.files] for part in plate.unused},
        "without_images": report.without_images(plate, reading),
        "description": plate.description.model_dump(mode="json"),
        "origins": dict(plate.origins),
        "problems": problems,
        "notes": notes,
    }
    said = [f"note: {note}" for note in notes] + [f"problem: {text}" for text in problems]
    return Outcome([*lines, *said], data)


def _propose(folder: Path, write: Path) -> Outcome:
    if not folder.is_dir():
        raise ConfigError(f"--write proposes a plate.yaml for a plate folder; {folder} is none")
    text = propose(folder)
    with replacing(write) as made:
        made.write_text(text, encoding="utf-8")
    return Outcome(
        [f"{write}: proposed, check each line", *text.splitlines()], {"written": str(write)}
    )


def _draw(
    layout: pd.DataFrame, shape: tuple[int, int], figure: Path, lacking: Sequence[str] = ()
) -> None:
    from ck19ml import plots

    drawn = plots.plate_layout(layout, plate_format=shape, without_images=lacking)
    with replacing(figure) as made:
        made.write_bytes(plots.to_bytes(drawn, figure.suffix.lower().lstrip(".")))
