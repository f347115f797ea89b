"""Notes on the conclusions drawn from a plate sheet, which name its cells."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ck19ml.core.wells import ROW_NAMES
from ck19ml.plates.layouts.spreadsheet.doses import DoseLine
from ck19ml.plates.layouts.spreadsheet.grid import Grid
from ck19ml.plates.layouts.spreadsheet.sheet import Place, Sheet
from ck19ml.plates.layouts.spreadsheet.stimulations import Label, LabelLine
from ck19ml.plates.layouts.spreadsheet.wells import Well


def label_notes(grid: Grid, lines: Sequence[LabelLine]) -> list[str]:
    """Say which cells named the stimulation, and of which columns or rows."""
    return [
        f"{label.address} {label.text!r} gives stimulation {_meaning(label)} to "
        + _covered(grid, line, label)
        for line in lines
        for label in line.labels
        if label.covers
    ]


def _meaning(label: Label) -> str:
    return f"{label.name} (dose {label.dose})" if label.dose else label.name


def _covered(grid: Grid, line: LabelLine, label: Label) -> str:
    how = "" if label.merged or len(label.covers) == 1 else ", up to the next label"
    first, last = min(label.covers), max(label.covers)
    if line.sheet.transposed:
        names = [ROW_NAMES[position - grid.top] for position in (first, last)]
    else:
        names = [str(position - grid.left + 1) for position in (first, last)]
    what = "row" if line.sheet.transposed else "column"
    span = f"{what} {names[0]}" if first == last else f"{what}s {names[0]}-{names[1]}"
    return span + how


def dose_notes(lines: Sequence[DoseLine]) -> list[str]:
    """Say which cells gave concentrations, and whose."""
    if not any(not line.of_stimulus for line in lines):
        missing = ["no concentrations of compounds around the grid"]
    else:
        missing = []
    return [
        f"{line.address()} gives the {'stimulus dose' if line.of_stimulus else 'concentration'} "
        f"in {line.unit}"
        for line in lines
    ] + missing


def well_notes(sheet: Sheet, grid: Grid, wells: Mapping[Place, Well]) -> list[str]:
    """Count the wells by what they hold, and say which marks were taken for empty and control."""
    kinds = Counter(well.kind for well in wells.values())
    counts = ", ".join(
        f"{number} {'with a compound' if kind == 'compound' else kind}"
        for kind, number in kinds.most_common()
    )
    marks: dict[str, Counter[str]] = {}
    for row in range(grid.top, grid.bottom + 1):
        for column in range(grid.left, grid.right + 1):
            place = (row, column)
            kind = wells[place].kind if place in wells else "empty"
            if kind != "compound":
                marks.setdefault(kind, Counter())[sheet.text(place) or "nothing"] += 1
    meant = [
        f"{', '.join(f'{mark!r} ({number})' for mark, number in texts.items())} read as {kind}"
        for kind, texts in marks.items()
    ]
    return [f"{len(wells)} wells hold cells: {counts}", *meant]


def remark_notes(sheet: Sheet, texts: Mapping[Place, str], lines: Sequence[LabelLine]) -> list[str]:
    """List the texts that gave no stimulation, so that nothing is passed over in silence."""
    labels = {label.address.split(":")[0] for line in lines for label in line.labels}
    rest = [
        f"{address} {text!r}"
        for place, text in texts.items()
        if (address := sheet.address(place)) not in labels
    ]
    return [f"remarks: {', '.join(rest)}"] if rest else []
