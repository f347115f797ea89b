"""Put the images of a plate together: the planes of each channel of each field."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ck19ml.core.wells import well_name
from ck19ml.errors import PlateError
from ck19ml.files.reading import is_text
from ck19ml.plates.description import PlateDescription
from ck19ml.plates.metadata.record import ImageFile
from ck19ml.plates.problems import Problem

Key = tuple[str, str, int]
"""Plate, well and number of a field."""


@dataclass(frozen=True)
class Unused:
    """Images of a folder that are not used, and why."""

    reason: str
    files: tuple[Path, ...]


@dataclass
class Grouped:
    """The files of each channel of each sound field, and all that is wrong or left out."""

    fields: dict[Key, dict[str, tuple[Path, ...]]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unused: list[Unused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, order=True)
class _Plane:
    time: int
    z: int
    path: Path


_Found = dict[Key, dict[str, list[_Plane]]]


def group(
    folder: Path, images: Sequence[ImageFile], description: PlateDescription, name: str
) -> Grouped:
    """Put images together by plate, well, field and channel.

    Parameters
    ----------
    name : str
        The plate's, where an image does not say it.

    Raises
    ------
    PlateError
        If no image shows a wanted channel, or there are focal planes and nothing says which.
    """
    result = Grouped()
    found: _Found = defaultdict(lambda: {name: [] for name in description.panel.names})
    others: dict[str, list[Path]] = defaultdict(list)
    for image in images:
        keys = _channels(description, image.channel)
        if not keys:
            others[str(image.channel)].append(image.path)
            continue
        plate = image.plate or name
        try:
            key, plane = _place(image, plate)
        except PlateError as error:
            problem = Problem(plate, "", 0, image.path, "wrong name", str(error))
            result.problems.append(problem)
            continue
        for channel in keys:
            found[key][channel].append(plane)
    if others and not found and not result.problems:
        raise PlateError(_no_channel(folder, sorted(others), description))
    result.unused = [
        Unused(f"channel {channel} is {_none_of(description)}", tuple(paths))
        for channel, paths in sorted(others.items())
    ]
    found = _of_one_time(found, description, result)
    found = _of_one_focus(folder, found, description, result)
    result.problems += _duplicates(folder, found)
    result.problems += _without_partner(folder, found, description)
    for key, channels in found.items():
        planes = {channel: tuple(p.path for p in sorted(own)) for channel, own in channels.items()}
        sound = all(planes.values()) and all(
            len({p.z for p in own}) == len(own) for own in channels.values()
        )
        if sound:
            result.fields[key] = planes
    return result


def _channels(description: PlateDescription, channel: str | None) -> tuple[str, ...]:
    """Return which of the plate's channels an image shows; all where it is a stack."""
    if channel is None:
        return description.panel.names
    wanted = {key: str(description.channels[key]) for key in description.panel.names}
    return tuple(key for key, text in wanted.items() if _same(text, channel))


def _same(wanted: str, channel: str) -> bool:
    if wanted.isdigit() and channel.isdigit():
        return int(wanted) == int(channel)
    return wanted.casefold() == channel.casefold()


def _no_channel(folder: Path, seen: list[str], description: PlateDescription) -> str:
    names = description.panel.names
    wanted = " and ".join(f"{description.channels[name]!r} ({name})" for name in names)
    return (
        f"{folder} lacks the channel{'s' if names[1:] else ''} {wanted}; its channels are "
        f"{', '.join(map(repr, seen[:8]))}. {_remedy(seen)}"
    )


def _remedy(seen: list[str]) -> str:
    if seen[1:]:
        return (
            "Name the two in plate.yaml, as in "
            f"channels: {{dc: '{seen[-1]}', tcell: '{seen[0]}'}}, or those that you have under "
            "names of your own"
        )
    return f"Name it in plate.yaml, as in channels: {{cells: '{seen[0]}'}}"


def _none_of(description: PlateDescription) -> str:
    names = description.panel.names
    return f"neither {' nor '.join(names)}" if names[1:] else f"not {names[0]}"


def _place(image: ImageFile, plate: str) -> tuple[Key, _Plane]:
    path = image.path
    if not is_text(path.name):
        raise PlateError(
            f"{path.parent}: the file name {os.fsencode(path.name)!r} is not UTF-8; rename the file"
        )
    try:
        well = well_name(image.row, int(image.column))
    except ValueError as error:
        raise PlateError(f"{path}: {error}; rename the file or correct plate.yaml") from error
    field, z, time = (
        _number(path, what, text)
        for what, text in (("field", image.field), ("z", image.z), ("time", image.time))
    )
    return (plate, well, field), _Plane(time, z, path)


def place_of(image: ImageFile, plate: str) -> Key:
    """Return the plate, well and field of an image by the groups of its name."""
    return _place(image, plate)[0]


def _number(path: Path, what: str, text: str | None) -> int:
    try:
        return int(text or 1)
    except ValueError as error:
        raise PlateError(
            f"{path}: the {what} {text!r} is not a number; correct plate.yaml"
        ) from error


def _of_one_time(found: _Found, description: PlateDescription, result: Grouped) -> _Found:
    """Keep the chosen point in time, the first where nothing is said."""
    times = sorted({plane.time for plane in _planes(found)})
    if len(times) < 2 and description.time is None:
        return found
    if description.time is not None and description.time not in times:
        raise PlateError(
            f"there are no images of time {description.time}, only of "
            f"{', '.join(map(str, times))}; correct 'time' in plate.yaml"
        )
    chosen = times[0] if description.time is None else description.time
    left = sorted({plane.path for plane in _planes(found) if plane.time != chosen})
    reason = f"other points in time than {chosen}; 'time' in plate.yaml chooses another"
    result.unused.append(Unused(reason, tuple(left)))
    return _kept(found, lambda plane: plane.time == chosen)


def _of_one_focus(
    folder: Path, found: _Found, description: PlateDescription, result: Grouped
) -> _Found:
    """Keep the chosen focal plane, or all where they are joined."""
    levels = sorted({plane.z for plane in _planes(found)})
    if len(levels) < 2:
        return found
    if isinstance(description.z, str):
        lacking = [
            f"{well} field {number}"
            for (_, well, number), channels in sorted(found.items())
            if any(0 < len({plane.z for plane in own}) < len(levels) for own in channels.values())
        ]
        if lacking:
            result.notes.append(
                f"{len(lacking)} fields lack some of the {len(levels)} focal planes and are joined "
                f"from fewer, such as {lacking[0]}"
            )
        return found
    number = description.z
    if number is None or number > len(levels):
        raise PlateError(
            f"{folder} has {len(levels)} focal planes a field "
            f"(z {', '.join(map(str, levels[:6]))}); add 'z: max', 'z: mean' or 'z: N' (the N-th, "
            f"from 1 to {len(levels)}) to plate.yaml"
        )
    chosen = levels[number - 1]
    left = sorted({plane.path for plane in _planes(found) if plane.z != chosen})
    result.unused.append(Unused(f"other focal planes than {chosen}", tuple(left)))
    return _kept(found, lambda plane: plane.z == chosen)


def _planes(found: _Found) -> Iterator[_Plane]:
    return (plane for channels in found.values() for own in channels.values() for plane in own)


def _kept(found: _Found, holds: Callable[[_Plane], bool]) -> _Found:
    kept = {
        key: {channel: list(filter(holds, own)) for channel, own in channels.items()}
        for key, channels in found.items()
    }
    return {key: channels for key, channels in kept.items() if any(channels.values())}


def _duplicates(folder: Path, found: _Found) -> list[Problem]:
    problems = []
    for (plate, well, number), channels in found.items():
        # A stack that is there twice is one problem, not one a channel.
        once = {tuple(own): (channel, own) for channel, own in channels.items()}
        for channel, own in once.values():
            levels = [plane.z for plane in own]
            same = sorted(plane.path for plane in own if levels.count(plane.z) > 1)
            if same:
                names = " and ".join(repr(path.name) for path in same[:4])
                text = f"{folder} has more than one {channel} file for {well}: {names}; remove one"
                problems.append(Problem(plate, well, number, same[-1], "duplicate file", text))
    return problems


def _without_partner(folder: Path, found: _Found, description: PlateDescription) -> list[Problem]:
    problems = []
    wells = len({key[:2] for key in found})
    for channel in description.panel.names:
        lacking = [key for key, channels in found.items() if not channels[channel]]
        count = len({key[:2] for key in lacking})
        for plate, well, number in lacking:
            partner = next(p.path for own in found[plate, well, number].values() for p in own)
            text = (
                f"{folder} has no {channel} file for {well} "
                f"({count} of {wells} wells); export them again"
            )
            problems.append(Problem(plate, well, number, partner, "missing partner", text))
    return problems
