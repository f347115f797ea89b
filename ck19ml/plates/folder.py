"""Find the fields of a plate in a folder; channels are paired by name, never by position."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.overlap import DC, TCELL
from ck19ml.errors import PlateError
from ck19ml.plates.description import IMAGE_SUFFIXES, PlateDescription, read_description
from ck19ml.plates.images import read_plane, read_stack
from ck19ml.plates.wells import parse_well

CHANNELS = ("dc", "tcell")


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
    """A plate folder: its description and its fields in the order of wells and fields."""

    folder: Path
    name: str
    description: PlateDescription
    fields: tuple[Field, ...]

    @property
    def wells(self) -> list[str]:
        """Names of the wells that have images, sorted."""
        return sorted({field.well for field in self.fields})


def find_plate(folder: Path) -> Plate:
    """List the fields of a plate folder and pair their channels by name.

    Raises
    ------
    PlateError
        If the folder has no images, two files claim the same channel of a field, or a
        channel's partner is missing.
    """
    if not folder.is_dir():
        raise PlateError(f"expected a plate folder, found nothing at {folder}; check the path")
    description = read_description(folder)
    name = description.name or folder.name
    found = _collect(folder, description, name)
    if not found:
        raise PlateError(
            f"{folder}: expected files like 'CK19 - A - 3(fld 1 wv FITC - FITC).tif', found none; "
            "check the folder, or describe the names in a plate.yaml"
        )
    _require_partners(folder, found, len({key[:2] for key in found}))
    fields = tuple(
        sorted(Field(*key, dc=files["dc"], tcell=files["tcell"]) for key, files in found.items())
    )
    plates = {field.plate for field in fields}
    return Plate(folder, plates.pop() if len(plates) == 1 else name, description, fields)


def read_field(field: Field, description: PlateDescription) -> NDArray[np.uint16]:
    """Read both channels of a field.

    Returns
    -------
    ndarray, (height, width, 2), uint16
        Channel 0 is DC, channel 1 T cell.

    Raises
    ------
    PlateError
        If a file cannot be read, has another depth, or the channels differ in size.
    """
    depth = description.bit_depth
    if description.stacked:
        indices = (int(description.channels["dc"]), int(description.channels["tcell"]))
        return read_stack(field.dc, bit_depth=depth, axis=description.channel_axis, indices=indices)
    dc = read_plane(field.dc, bit_depth=depth)
    tcell = read_plane(field.tcell, bit_depth=depth)
    if dc.shape != tcell.shape:
        raise PlateError(
            f"{field.tcell}: expected the size of its partner {field.dc.name} "
            f"({_size(dc)}), found {_size(tcell)}; export the well again"
        )
    both = np.empty((*dc.shape, 2), np.uint16)
    both[..., DC], both[..., TCELL] = dc, tcell
    return both


def _size(plane: NDArray[np.generic]) -> str:
    return f"{plane.shape[0]} x {plane.shape[1]}"


def _collect(
    folder: Path, description: PlateDescription, name: str
) -> dict[tuple[str, str, int], dict[str, Path]]:
    pattern = re.compile(description.files)
    by_channel_name = {channel: key for key, channel in description.channels.items()}
    found: dict[tuple[str, str, int], dict[str, Path]] = defaultdict(dict)
    for path in sorted(folder.iterdir()):
        match = pattern.fullmatch(path.name)
        if match is None or path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        groups = match.groupdict()
        keys: Iterable[str] = CHANNELS
        if not description.stacked:
            if groups["channel"] not in by_channel_name:
                continue  # brightfield and channels that nobody asked for
            keys = (by_channel_name[groups["channel"]],)
        well = _well(path, groups["row"], groups["column"])
        files = found[groups.get("plate") or name, well, _number(path, groups.get("field"))]
        for key in keys:
            if key in files:
                raise PlateError(
                    f"{folder}: expected one {key} file for {well}, found '{files[key].name}' and "
                    f"'{path.name}'; remove one"
                )
            files[key] = path
    return found


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


def _require_partners(
    folder: Path, found: dict[tuple[str, str, int], dict[str, Path]], wells: int
) -> None:
    for channel in CHANNELS:
        lacking = sorted({key[1] for key, files in found.items() if channel not in files})
        if lacking:
            raise PlateError(
                f"{folder}: expected a {channel} file for each field, found none for "
                f"{some(lacking)} ({len(lacking)} of {wells} wells); export them again"
            )


def some(names: list[str], most: int = 5) -> str:
    """Join names for a message: the first few, then how many more."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
