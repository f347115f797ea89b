"""Stimulation of each well of a plate sheet, from the labels around the grid."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from ck19ml.core.wells import ROW_NAMES
from ck19ml.plates.layouts.spreadsheet.grid import Entry, Grid, Line, lines_around
from ck19ml.plates.layouts.spreadsheet.sheet import Place, Sheet, UndecidedError, as_text
from ck19ml.plates.layouts.vocabulary import (
    is_label,
    is_stimulation_title,
    speaks_of_stimulation,
    stimulation_name,
)


@dataclass(frozen=True)
class Label:
    """A stimulation label and the columns (rows, in a transposed sheet) that it names.

    Attributes
    ----------
    address : str
        The cell or merged range in the file.
    text : str
        What it says.
    name, dose : str
        The stimulation and, where the label has one, its dose.
    covers : set of int
        The columns that it surely names.
    merged : bool
        Whether a merged range says which columns those are.
    """

    address: str
    text: str
    name: str
    dose: str
    covers: frozenset[int]
    merged: bool


@dataclass(frozen=True)
class LabelLine:
    """The labels of one line; `sheet` is transposed where the line is a column."""

    sheet: Sheet
    index: int
    labels: list[Label]
    declared: bool


def find_label_lines(sheet: Sheet, grid: Grid, used: Collection[Place]) -> list[LabelLine]:
    """Find the lines that name the stimulation over, under and beside a grid.

    Parameters
    ----------
    sheet, grid
        Where to look; not transposed.
    used : collection of place
        The wells that hold cells.

    Raises
    ------
    UndecidedError
        If several lines could be meant.
    """
    found = []
    for view, frame in ((sheet, grid), (sheet.transpose(), grid.transpose())):
        places = {place[::-1] if view.transposed else place for place in used}
        for line in lines_around(view, frame):
            if labels := _read_labels(view, frame, line, places):
                declared = any(is_stimulation_title(title) for title in line.titles)
                found.append(LabelLine(view, line.index, labels, declared))
    return _choose_lines(found, used)


def _choose_lines(lines: list[LabelLine], used: Collection[Place]) -> list[LabelLine]:
    if declared := [line for line in lines if line.declared]:
        return declared
    spoken = [
        line for line in lines if any(speaks_of_stimulation(label.text) for label in line.labels)
    ]
    several = [
        line
        for line in spoken or lines
        if len({(label.name.lower(), label.dose) for label in line.labels}) > 1
    ]
    if not spoken and len(several) > 1:
        which = " or ".join(_line_address(line) for line in several)
        raise UndecidedError(
            f"cannot tell which line names the stimulation, {which}; write 'Stimulation' into a "
            "cell of the right one beside the grid"
        )
    if not several:
        return spoken
    if all(_labels_at(place, several) for place in used):
        return several  # a lone text elsewhere is a title or a remark
    return several + [x for x in spoken if len(x.labels) == 1 and x.labels[0].merged]


def _labels_at(place: Place, lines: list[LabelLine]) -> list[Label]:
    return [
        label
        for line in lines
        for label in line.labels
        if line.sheet.position(place) in label.covers
    ]


def _line_address(line: LabelLine) -> str:
    return line.labels[0].address.split(":")[0] + "..." + line.labels[-1].address.split(":")[-1]


def _read_labels(sheet: Sheet, grid: Grid, line: Line, used: Collection[Place]) -> list[Label]:
    columns = {column for _, column in used}
    fills = _column_fills(sheet, used)
    labels = []
    for position, entry in enumerate(line.entries):
        text = as_text(entry.value)
        if not isinstance(entry.value, str) or entry.place in sheet.damaged or not is_label(text):
            continue
        following = line.entries[position + 1 :][:1]
        if entry.merged:
            covers = set(range(entry.first, entry.last + 1))
        else:
            end = following[0].first - 1 if following else grid.right
            covers = _reach(entry, end, columns, fills, following, len(line.entries) == 1)
        last = sheet.merged.get(entry.place)
        name, dose = stimulation_name(text)
        address = sheet.address(entry.place, last)
        labels.append(Label(address, text, name, dose, frozenset(covers & columns), entry.merged))
    return labels


def _reach(
    entry: Entry,
    end: int,
    columns: set[int],
    fills: dict[int, str],
    following: list[Entry],
    alone: bool,
) -> set[int]:
    """Return the columns up to the next label that an unmerged label surely names.

    A label that somebody centred over its columns, or one whose neighbour was forgotten, would
    name wells of another colour, or of another block: those stay without a name.
    """
    own = fills.get(entry.first, "")
    next_fill = fills.get(following[0].first, "") if following else own
    surely, crossed = set(), False
    for column in range(entry.first, end + 1):
        if column not in columns:
            crossed = True
            continue
        fill = fills.get(column, "")
        other_colour = fill != own and (crossed or fill == next_fill)
        if not other_colour and not (alone and crossed):
            surely.add(column)
    return surely


def _column_fills(sheet: Sheet, used: Collection[Place]) -> dict[int, str]:
    counts: dict[int, Counter[str]] = {}
    for place in used:
        counts.setdefault(place[1], Counter())[sheet.fills.get(place, "")] += 1
    return {column: counter.most_common(1)[0][0] for column, counter in counts.items()}


def assign_labels(
    sheet: Sheet, grid: Grid, lines: list[LabelLine], used: Collection[Place]
) -> dict[Place, Label]:
    """Give each well its label.

    Raises
    ------
    UndecidedError
        If a well has no label or labels of two stimulations.
    """
    assigned: dict[Place, Label] = {}
    missing: list[Place] = []
    for place in sorted(used):
        labels = _labels_at(place, lines)
        if not labels:
            missing.append(place)
            continue
        doses = {label.dose for label in labels} - {""}
        if len({label.name.lower() for label in labels}) > 1 or len(doses) > 1:
            which = " and ".join(f"{label.address} {label.text!r}" for label in labels)
            raise UndecidedError(
                f"cannot tell the stimulation of well {grid.well(place)} "
                f"({sheet.address(place)}): {which} both stand over it; keep one of them, or write "
                "'Stimulation' into a cell of the right line beside the grid"
            )
        # The label that gives a dose says more than one of the same name that does not.
        assigned[place] = max(labels, key=lambda label: bool(label.dose))
    if missing:
        raise UndecidedError(_ask_for_labels(sheet, grid, lines, missing))
    return assigned


def _ask_for_labels(sheet: Sheet, grid: Grid, lines: list[LabelLine], missing: list[Place]) -> str:
    sideways = bool(lines) and all(line.sheet.transposed for line in lines)
    view, frame = (sheet.transpose(), grid.transpose()) if sideways else (sheet, grid)
    positions = sorted({view.position(place) for place in missing})
    index = lines[-1].index if lines and lines[-1].sheet.transposed == sideways else None
    if index is None:
        index = max(frame.bottom, *frame.header_rows) + 1
        while any(view.free_cell(index, place) != (index, place) for place in positions):
            index += 1
    groups = _ranges(positions)
    names = [_range_name(frame, group, sideways) for group in groups]
    cells = [view.address((index, first), (index, last)) for first, last in groups]
    what, where = ("row", "beside") if sideways else ("column", "over or under")
    several = "s" if len(positions) > 1 else ""
    return (
        f"cannot tell the stimulation of {what}{several} {', '.join(names)}: no label {where} "
        f"them; write it into {', '.join(cells)}, merge the cells that a label spans, or give the "
        "layout as CSV"
    )


def _ranges(positions: list[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for position in positions:
        if ranges and position == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], position)
        else:
            ranges.append((position, position))
    return ranges


def _range_name(grid: Grid, group: tuple[int, int], sideways: bool) -> str:
    numbers = sorted({position - grid.left + 1 for position in group})
    return "-".join(ROW_NAMES[n - 1] if sideways else str(n) for n in numbers)
