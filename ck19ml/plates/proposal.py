"""Propose a plate.yaml for a folder, from its names and its images."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import regex

from ck19ml.errors import PlateError
from ck19ml.files.yaml_text import parse_yaml
from ck19ml.plates.description import INCELL, PlateDescription, read_description
from ck19ml.plates.folder import Plate, find_plate
from ck19ml.plates.formats.container import Header
from ck19ml.plates.images import ImageError, read_header
from ck19ml.plates.listing import image_files
from ck19ml.plates.metadata.channels import guess_channels
from ck19ml.plates.preparation.settings import estimate_levels

_ROW_COLUMN = r"(?P<row>[A-Z]|A[A-F])(?P<column>\d{1,2})"
PATTERNS = {
    "INCell": INCELL,
    "Operetta, Opera Phenix": (
        r"r(?P<row>\d{2})c(?P<column>\d{2})f(?P<field>\d+)p(?P<z>\d+)-ch(?P<channel>\d+)"
        r"sk(?P<time>\d+).*\.tiff?"
    ),
    "ImageXpress": (
        rf"(?P<plate>.+?)_{_ROW_COLUMN}(?:_s(?P<field>\d+))?_w(?P<channel>\d)(?!.*thumb).*\.tiff?"
    ),
    "CellVoyager": (
        rf"(?P<plate>.+?)_{_ROW_COLUMN}_T(?P<time>\d+)F(?P<field>\d+)L\d+A\d+Z(?P<z>\d+)"
        r"C(?P<channel>\d+)\.(?:tiff?|png)"
    ),
    "channel first": r".*?(?P<channel>\d+)-\d+-(?P<row>[A-P])-(?P<column>\d+)-\d+\.(?:tiff?|png)",
    "well, field, channel": (
        rf".*?{_ROW_COLUMN}[_ .-]+(?:f|s|fld|site|field)[_ ]?(?P<field>\d+)[_ .-]+"
        r"(?P<channel>[A-Za-z0-9 ]+?)(?:\.ome)?\.(?:tiff?|png)"
    ),
    "well, field": (
        rf"(?:.*[_ -])?{_ROW_COLUMN}[_ .-]+(?:f|s|fld|site|field)[_ ]?(?P<field>\d+)"
        r"(?:\.ome)?\.(?:tiff?|png)"
    ),
    "well, channel": (
        rf"(?:.*[_ -])?{_ROW_COLUMN}[_ .-]+(?P<channel>[A-Za-z0-9 ]+?)(?:\.ome)?\.(?:tiff?|png)"
    ),
    "well": rf"(?:.*[_ -])?{_ROW_COLUMN}(?:\.ome)?\.(?:tiff?|png)",
}
"""Names that instruments and people give their images, the most telling first."""

FOCUS = "focal planes: max, mean, or the number of one"

PROPOSED = {"name", "files", "channels", "z", "bit_depth", "background", "pixel_size_um"}
"""Keys with lines of their own; others are kept as an existing plate.yaml says them."""

SAMPLED = 8
"""Images whose grey values are looked at."""


def propose(folder: Path) -> str:
    """Write a plate.yaml, with a comment on each line, for a person to check.

    Raises
    ------
    PlateError
        If the folder has no images, or nothing fits their names.
    """
    images = image_files(folder)[0]
    known = PlateDescription()
    origins: dict[str, str] = {}
    plate = _understood(folder)
    if plate is None:
        if not images:
            raise PlateError(f"{folder}: found no images (.tif, .tiff or .png); check the path")
        lines = _from_names(folder, images)
    else:
        known, origins = plate.description, dict(plate.origins)
        lines = [
            f"name: {plate.name!r}  # {_origin(plate.origins, 'name')}",
            f"channels: {_flow(known.channels)}  # {_origin(plate.origins, 'channels')}",
        ]
        if plate.origins.get("files") or not plate.origins.get("channels"):
            lines.insert(1, f"files: {_quoted(known.files)}  # groups name what a file shows")
        if known.z is not None:
            lines.append(f"z: {known.z}  # {FOCUS}")
        kept = known.model_dump(mode="json", exclude=PROPOSED)
        lines += [
            f"{key}: {json.dumps(value)}  # from plate.yaml"
            for key, value in kept.items()
            if origins.get(key) == "plate.yaml"
        ]
        images = [each.first for each in plate.fields] or images
    lines += _from_pixels([path for path in images if path.is_file()], known, origins)
    return "\n".join([*lines, _background(folder, "\n".join(lines)), ""])


def _understood(folder: Path) -> Plate | None:
    """Read the plate as it is or, if that is what it lacks, with its focal planes joined."""
    for more in ({}, {"z": "max"}):
        try:
            said = read_description(folder).model_dump(exclude_unset=True)
            described = PlateDescription.model_validate(said | more)
            return find_plate(folder, strict=False, described=described)
        except PlateError:
            continue
    return None


def _background(folder: Path, text: str) -> str:
    """Propose the background of each channel that the product estimates, given the other lines."""
    try:
        described = PlateDescription.model_validate(parse_yaml(text))
        plate = find_plate(folder, strict=False, described=described)
        found, panel = estimate_levels(plate), plate.description.panel
    except (PlateError, ValueError) as error:
        return f"# background: not estimated, {' '.join(str(error).split())[:120]}"
    if not any(found):
        return "# background: not estimated, no field can be read with the lines above"
    each = {n: found[place] for n, place in panel.placed}
    return (
        f"background: {_flow(each)}  # estimated from the images' ground and noise; "
        "cells must be brighter"
    )


def _origin(origins: Any, key: str) -> str:
    return f"from {origins[key]}" if key in origins else "assumed; correct it if it is wrong"


def _from_names(folder: Path, images: list[Path]) -> list[str]:
    over_paths = len({path.parent for path in images}) > 1
    names = [path.relative_to(folder).as_posix() if over_paths else path.name for path in images]
    found = []
    by_folder = "(?P<channel>[^/]+)/" if _same_below(names) else ""
    for kind, pattern in PATTERNS.items():
        channel = "" if "<channel>" in pattern else by_folder
        whole = f"{channel}(?:.*/)?{pattern}" if over_paths else pattern
        matches = [m for name in names if (m := regex.fullmatch(whole, name, regex.IGNORECASE))]
        alone = len({m["channel"] for m in matches}) == 1 if "<channel>" in whole else False
        found.append((0 if alone else len(matches), kind, whole, matches))
    count, kind, pattern, matches = max(found, key=lambda each: each[0])
    if not count:
        raise PlateError(
            f"{folder}: no known way of naming fits {', '.join(map(repr, names[:3]))}; write a "
            "plate.yaml with 'files', a pattern with the groups row and column"
        )
    lines = [f"files: {_quoted('(?i)' + pattern)}  # {kind}: fits {count} of {len(names)} images"]
    groups = [match.groupdict() for match in matches]
    channels = sorted({str(group["channel"]) for group in groups if group.get("channel")})
    lines.append(f"channels: {_flow(_two(folder, channels, images))}  # which is which: check it")
    if len({group.get("z") for group in groups}) > 1:
        lines.append(f"z: max  # {FOCUS}")
    return lines


def _same_below(names: list[str]) -> bool:
    """Return whether the folders of the first level hold files of the same names: the channels."""
    below = defaultdict(set)
    for name in names:
        top, _, rest = name.partition("/")
        below[top].add(rest)
    each = list(below.values())
    return len(each) > 1 and all(own == each[0] for own in each)


def _two(folder: Path, channels: list[str], images: list[Path]) -> dict[str, str | int]:
    if not channels:
        header = _headers(images[:1])
        channels = list(header[0].channels) if header else []
        if not any(channels):
            return {"dc": 0, "tcell": 1}
    if len(channels) == 1:
        return {"cells": channels[0]}
    try:
        return guess_channels(folder, channels)
    except PlateError:
        return {"dc": channels[-1], "tcell": channels[0]}


def _from_pixels(
    images: list[Path], known: PlateDescription, origins: Mapping[str, str]
) -> list[str]:
    """Propose bit depth and pixel size: as they are known, or from some images."""
    chosen = images[:: max(1, len(images) // SAMPLED)][:SAMPLED]
    headers = _headers(chosen)
    sizes = Counter(header.pixel_size_um for header in headers if header.pixel_size_um)
    planes = [plane for path in chosen if (plane := _pixels(path)) is not None]
    lines = []
    if "bit_depth" in origins:
        lines.append(f"bit_depth: {known.bit_depth}  # {_origin(origins, 'bit_depth')}")
    elif planes:
        top = max(int(plane.max()) for plane in planes)
        depth = 8 if planes[0].dtype.itemsize == 1 else next(b for b in (12, 14, 16) if top < 2**b)
        lines.append(
            f"bit_depth: {depth}  # the largest grey value of {len(planes)} images is {top}"
        )
    if "pixel_size_um" in origins:
        lines.append(
            f"pixel_size_um: {known.pixel_size_um:g}  # {_origin(origins, 'pixel_size_um')}"
        )
    elif sizes:
        size = sizes.most_common(1)[0][0]
        lines.append(f"pixel_size_um: {size:g}  # from the images")
    else:
        lines.append(f"pixel_size_um: {known.pixel_size_um}  # assumed: the images do not say it")
    return lines


def _headers(paths: list[Path]) -> list[Header]:
    found = []
    for path in paths:
        try:
            found.append(read_header(path))
        except ImageError:
            continue
    return found


def _pixels(path: Path) -> Any:
    import tifffile
    from imagecodecs import imread

    try:
        read = imread if path.suffix.lower() == ".png" else tifffile.imread
        return np.asarray(read(path))
    except Exception:  # a damaged image proposes nothing; preparing names it
        return None


def _flow(channels: Any) -> str:
    parts = (f"{key}: {v if isinstance(v, int) else _quoted(v)}" for key, v in channels.items())
    return "{" + ", ".join(parts) + "}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
