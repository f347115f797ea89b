"""Find the fields of a plate in a folder; channels are paired by name, never by position."""

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import regex
from numpy.typing import NDArray

from ck19ml.core.overlap import DC, TCELL
from ck19ml.core.wells import parse_well
from ck19ml.errors import PlateError
from ck19ml.files.reading import is_text
from ck19ml.plates.description import IMAGE_SUFFIXES, PlateDescription, read_description
from ck19ml.plates.images import ImageError, probe_plane, probe_stack, read_plane, read_stack
from ck19ml.plates.problems import Problem, require_none

CHANNELS = ("dc", "tcell")
MATCHING_S = 1.0
"""For one file name; an honest pattern takes some microseconds."""


@dataclass(frozen=True, order=True)
class Field:
    """One field of a well and the file of each channel (the same file twice in a stack)."""

    plate: str
    well: str
    field: int
    dc: Path
    tcell: Path


@dataclass(frozen=True)
class Plate:
    """A plate folder: its description and its fields in the order of wells and fields.

    Attributes
    ----------
    problems : tuple of Problem
        What the names of the files say is wrong; the fields are those without such a problem.
    """

    folder: Path
    name: str
    description: PlateDescription
    fields: tuple[Field, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def wells(self) -> list[str]:
        """Names of the wells that have images, sorted."""
        return sorted({field.well for field in self.fields})

    @property
    def files(self) -> list[Path]:
        """The files of all fields, and those that a problem names, sorted."""
        own = {path for field in self.fields for path in (field.dc, field.tcell)}
        return sorted(own | {problem.file for problem in self.problems})


def find_plate(folder: Path, *, strict: bool = True) -> Plate:
    """List the fields of a plate folder and pair their channels by name.

    Parameters
    ----------
    strict : bool
        Whether names that are wrong end in an error; otherwise they stand in `Plate.problems`.

    Raises
    ------
    PlateError
        If the folder has no images.
    PlateProblems
        If names are wrong: two files claim the same channel of a field, a channel's partner is
        missing, or there is no such well. All of them are named at once.
    """
    if not folder.is_dir():
        raise PlateError(f"expected a plate folder, found nothing at {folder}; check the path")
    description = read_description(folder)
    name = description.name or folder.name
    found, problems = _collect(folder, description, name)
    if not found and not problems:
        raise PlateError(
            f"{folder}: expected files like 'CK19 - A - 3(fld 1 wv FITC - FITC).tif', found none; "
            "check the folder, or describe the names in a plate.yaml"
        )
    problems += _duplicates(folder, found) + _without_partner(folder, found)
    if strict:
        require_none(problems)
    fields = tuple(
        sorted(
            Field(*key, dc=files["dc"][0], tcell=files["tcell"][0])
            for key, files in found.items()
            if all(len(files[channel]) == 1 for channel in CHANNELS)
        )
    )
    plates = {field.plate for field in fields}
    shown = plates.pop() if len(plates) == 1 else name
    return Plate(folder, shown, description, fields, tuple(sorted(problems)))


def probe_field(field: Field, description: PlateDescription) -> tuple[int, int]:
    """Read a field's height and width from its files' headers; raises like `read_field`."""
    depth = description.bit_depth
    if description.stacked:
        axis = description.channel_axis
        return probe_stack(field.dc, bit_depth=depth, axis=axis, indices=_indices(description))
    dc = probe_plane(field.dc, bit_depth=depth)
    tcell = probe_plane(field.tcell, bit_depth=depth)
    _require_one_size(field, dc, tcell)
    return dc


def read_field(field: Field, description: PlateDescription) -> NDArray[np.uint16]:
    """Read both channels of a field.

    Returns
    -------
    ndarray, (height, width, 2), uint16
        Channel 0 is DC, channel 1 T cell.

    Raises
    ------
    ImageError
        If a file cannot be read, has another depth, or the channels differ in size.
    """
    depth = description.bit_depth
    if description.stacked:
        axis = description.channel_axis
        return read_stack(field.dc, bit_depth=depth, axis=axis, indices=_indices(description))
    dc = read_plane(field.dc, bit_depth=depth)
    tcell = read_plane(field.tcell, bit_depth=depth)
    _require_one_size(field, dc.shape, tcell.shape)
    # Each channel lies in one piece: most steps that follow look at one channel at a time.
    both = np.empty((2, *dc.shape), np.uint16)
    both[DC], both[TCELL] = dc, tcell
    return np.moveaxis(both, 0, -1)


def _indices(description: PlateDescription) -> tuple[int, int]:
    return int(description.channels["dc"]), int(description.channels["tcell"])


def _require_one_size(field: Field, dc: tuple[int, ...], tcell: tuple[int, ...]) -> None:
    if dc != tcell:
        raise ImageError(
            field.tcell,
            f"expected the size of its partner {field.dc.name} "
            f"({_size(dc)}), found {_size(tcell)}; export the well again",
            "wrong size",
        )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]}"


Found = dict[tuple[str, str, int], dict[str, list[Path]]]
"""Files of each channel, by plate, well and field."""


def _collect(folder: Path, description: PlateDescription, name: str) -> tuple[Found, list[Problem]]:
    pattern = regex.compile(description.files)
    found: Found = defaultdict(lambda: {channel: [] for channel in CHANNELS})
    problems: list[Problem] = []
    for path in sorted(folder.iterdir()):
        match = _match(pattern, path)
        if match is None or path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        groups = match.groupdict()
        keys = _channels(description, groups.get("channel"))
        if not keys:
            continue  # brightfield and channels that nobody asked for
        plate = groups.get("plate") or name
        try:
            _require_text(path)
            well = _well(path, groups["row"], groups["column"])
            number = _number(path, groups.get("field"))
        except PlateError as error:
            problems.append(Problem(plate, "", 0, path, "wrong name", str(error)))
            continue
        for key in keys:
            found[plate, well, number][key].append(path)
    return found, problems


def _match(pattern: Any, path: Path) -> Any:
    try:
        # The expression comes with the plate: some never end on some names.
        return pattern.fullmatch(path.name, timeout=MATCHING_S)
    except TimeoutError as error:
        raise PlateError(
            f"{path.parent}: expected a pattern of file names that decides within {MATCHING_S} s, "
            f"found that it does not for {path.name!r}; simplify 'files' in plate.yaml"
        ) from error


def _channels(description: PlateDescription, channel: str | None) -> tuple[str, ...]:
    if description.stacked:
        return CHANNELS
    return tuple(key for key in CHANNELS if description.channels[key] == channel)


def _require_text(path: Path) -> None:
    if not is_text(path.name):
        raise PlateError(
            f"{path.parent}: expected file names in UTF-8, found {os.fsencode(path.name)!r}; "
            "rename the file"
        )


def _well(path: Path, row: str, column: str) -> str:
    try:
        return parse_well(f"{row}{column}")
    except ValueError as error:
        raise PlateError(f"{path}: {error}; rename the file or correct plate.yaml") from error


def _number(path: Path, field: str | None) -> int:
    try:
        return int(field or 1)
    except ValueError as error:
        raise PlateError(
            f"{path}: expected a number as the field, found {field!r}; correct plate.yaml"
        ) from error


def _duplicates(folder: Path, found: Found) -> list[Problem]:
    problems = []
    for (plate, well, number), files in found.items():
        # A stack that is there twice is one problem, not one a channel.
        for key, paths in {tuple(paths): (k, paths) for k, paths in files.items()}.values():
            if len(paths) > 1:
                text = (
                    f"{folder}: expected one {key} file for {well}, found "
                    f"{' and '.join(repr(path.name) for path in paths)}; remove one"
                )
                problems.append(Problem(plate, well, number, paths[-1], "duplicate file", text))
    return problems


def _without_partner(folder: Path, found: Found) -> list[Problem]:
    problems = []
    wells = len({key[:2] for key in found})
    for channel in CHANNELS:
        lacking = [key for key, files in found.items() if not files[channel]]
        count = len({key[:2] for key in lacking})
        for plate, well, number in lacking:
            partner = next(path for paths in found[plate, well, number].values() for path in paths)
            text = (
                f"{folder}: expected a {channel} file for each field, found none for {well} "
                f"({count} of {wells} wells); export them again"
            )
            problems.append(Problem(plate, well, number, partner, "missing partner", text))
    return problems


def some(names: list[str], most: int = 5) -> str:
    """Join names for a message: the first few, then how many more."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
