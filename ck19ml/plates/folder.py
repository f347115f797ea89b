"""Find the fields of a plate in a folder; channels are paired by name, never by position.

One way leads from files to fields: the images below the folder are listed; the instrument's
metadata, the pattern of ``plate.yaml`` or the INCell's file names say what each shows; the planes
of each field are put together; what nothing took is named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.wells import place, plate_format
from ck19ml.errors import PlateError
from ck19ml.plates.description import PlateDescription, read_description
from ck19ml.plates.formats.container import Header
from ck19ml.plates.grouping import Unused, group
from ck19ml.plates.images import ImageError, join_planes, probe_channels, read_channels, read_header
from ck19ml.plates.listing import image_files
from ck19ml.plates.metadata.channels import guess_channels
from ck19ml.plates.metadata.reading import read_metadata
from ck19ml.plates.metadata.record import ImageFile, InstrumentPlate
from ck19ml.plates.patterns import match_files
from ck19ml.plates.problems import Problem, require_none


@dataclass(frozen=True, order=True)
class Field:
    """One field of a well and the files of each channel.

    Attributes
    ----------
    files : tuple of tuple of Path
        Of each channel in the order of the plate's panel: its file, or those of the focal planes
        that are joined.
    stack : bool
        Whether all channels are in one file.
    """

    plate: str
    well: str
    field: int
    files: tuple[tuple[Path, ...], ...]
    stack: bool = False

    @property
    def first(self) -> Path:
        """The first file."""
        return self.files[0][0]

    @property
    def dc(self) -> Path:
        """The file of the DCs, on a plate with both kinds of cells."""
        return self.files[0][0]

    @property
    def tcell(self) -> Path:
        """The file of the T cells, on a plate with both kinds of cells."""
        return self.files[1][0]


@dataclass(frozen=True)
class Plate:
    """A plate folder: its description and its fields in the order of wells and fields.

    Attributes
    ----------
    folder : Path
    name : str
    description : PlateDescription
        Channels, camera, cells and the other keys of ``plate.yaml``.
    fields : tuple of Field
        Each with plate, well, field, and the files of its channels.
    problems : tuple of Problem
        What the names of the files say is wrong; the fields are those without such a problem.
    unused : tuple of Unused
        The images that are not used.
    notes : tuple of str
        What was concluded or chosen where nothing said it.
    origins : dict of str to str
        Where a value of the description comes from: ``plate.yaml``, ``files``, or a metadata
        file's name; what is not in it is assumed.
    images : int
        Number of image files in the folder.
    """

    folder: Path
    name: str
    description: PlateDescription
    fields: tuple[Field, ...]
    problems: tuple[Problem, ...] = ()
    unused: tuple[Unused, ...] = ()
    notes: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    images: int = 0

    def __repr__(self) -> str:
        told = self.description
        return (
            f"Plate({self.name!r}, {len(self.wells)} wells, {len(self.fields)} fields, "
            f"{told.bit_depth} bits, {told.pixel_size_um:g} um a pixel)"
        )

    def _repr_html_(self) -> str:
        """Return for notebooks the essentials, what is wrong or unused, and a map of the wells."""
        rows, columns = plate_format(self.wells or ["A01"], self.description.wells)
        places = {place(well) for well in self.wells}
        lines = [
            "".join(f"<td>{'&#9679;' if (row, column) in places else '&middot;'}</td>"
                    for column in range(columns))
            for row in range(rows)
        ]  # fmt: skip
        told = [problem.message for problem in self.problems]
        told += [f"{len(part.files)} images are not used: {part.reason}" for part in self.unused]
        items = "".join(f"<li>{escape(text)}</li>" for text in (*told, *self.notes))
        return (
            f"<p>{escape(repr(self))}</p><ul>{items}</ul>"
            f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
        )

    @property
    def wells(self) -> list[str]:
        """Names of the wells that have images, sorted."""
        return sorted({field.well for field in self.fields}, key=place)

    @property
    def files(self) -> list[Path]:
        """The files of all fields, and those that a problem names, sorted."""
        own = {path for field in self.fields for paths in field.files for path in paths}
        return sorted(own | {problem.file for problem in self.problems})


def find_plate(
    folder: Path, *, strict: bool = True, described: PlateDescription | None = None
) -> Plate:
    """List the fields of a plate folder and pair their channels by name.

    Parameters
    ----------
    strict : bool
        Whether names that are wrong end in an error; otherwise they are `Plate.problems`.
    described : PlateDescription, optional
        By default that of the folder's plate.yaml.

    Raises
    ------
    PlateError
        If the folder has no images, or nothing says what they show.
    PlateProblems
        If names are wrong: two files claim the same channel of a field, a channel's partner is
        missing, or there is no such well. All of them are named at once.
    """
    if not folder.is_dir():
        raise PlateError(f"{folder} is not a plate folder; check the path")
    described = described or read_description(folder)
    origins = dict.fromkeys(described.model_fields_set, "plate.yaml")
    images, others = image_files(folder)
    noted = None if "files" in origins else read_metadata(folder)
    unused = [Unused("formats that are not read", tuple(others))]
    if noted is None:
        shown, unmatched = match_files(folder, images, described)
    else:
        shown = [image for image in noted.images if image.path.exists()]
        unmatched = _not_noted(noted, images)
        described = _with_metadata(described, noted, origins)
    unused += unmatched
    name = described.name or folder.name
    found = group(folder, shown, described, name)
    if strict:
        require_none(found.problems)
    stacks = {image.path for image in shown if image.channel is None}
    fields = [
        Field(*key, tuple(files.values()), files[described.panel.names[0]][0] in stacks)
        for key, files in found.fields.items()
    ]
    fields.sort(key=lambda each: (each.plate, place(each.well), each.field))
    is_incell = noted is None and "files" not in origins
    described, notes = _with_files(described, fields, origins, is_incell=is_incell)
    plates = {each.plate for each in fields}
    return Plate(
        folder,
        plates.pop() if len(plates) == 1 else name,
        described,
        tuple(fields),
        tuple(sorted(found.problems)),
        tuple(part for part in (*unused, *found.unused) if part.files),
        (*_missing(noted, shown), *found.notes, *notes),
        origins,
        len(images) + len(others),
    )


def _missing(noted: InstrumentPlate | None, shown: list[ImageFile]) -> tuple[str, ...]:
    """Return what the metadata's reader noted, and how many images are not there."""
    if noted is None:
        return ()
    count = len(noted.images) - len(shown)
    text = f"{count} images that {noted.source.name} names are not in the folder"
    return (*noted.notes, *([text] if count else []))


def _not_noted(noted: InstrumentPlate, images: list[Path]) -> list[Unused]:
    known = {image.path for image in noted.images}
    left = tuple(path for path in images if path not in known)
    return [Unused(f"{noted.source.name} does not name them", left)]


def _with_metadata(
    described: PlateDescription, noted: InstrumentPlate, origins: dict[str, str]
) -> PlateDescription:
    """Take from the metadata what plate.yaml does not say."""
    taken = {
        key: value
        for key, value in noted.described.items()
        if value is not None and key not in origins
    }
    if "channels" not in origins and "channels" not in taken:
        taken["channels"] = guess_channels(noted.source, noted.channels)
    held = {key: getattr(described, key) for key in origins}
    origins.update(dict.fromkeys(taken, noted.source.name))
    return PlateDescription.model_validate(taken | held)


def _with_files(
    described: PlateDescription, fields: list[Field], origins: dict[str, str], *, is_incell: bool
) -> tuple[PlateDescription, list[str]]:
    """Take from the first image what neither plate.yaml nor metadata say, or say who disagrees.

    Parameters
    ----------
    is_incell : bool
        Whether the names alone say that the images are of the study's instrument.
    """
    header = _first_header(fields)
    if header is None:
        return described, []
    notes: list[str] = []
    taken: dict[str, Any] = {}
    known = described.pixel_size_um
    if header.pixel_size_um and "pixel_size_um" not in origins:
        taken["pixel_size_um"] = header.pixel_size_um
    elif header.pixel_size_um and abs(header.pixel_size_um / known - 1) > 0.01:
        notes.append(
            f"pixel size: {origins['pixel_size_um']} says {known:g} um, the images say "
            f"{header.pixel_size_um:g} um; {known:g} um is used"
        )
    elif "pixel_size_um" not in origins and not is_incell:
        notes.append(
            f"pixel size: nothing says it, {known:g} um is assumed; if it is another, add "
            "'pixel_size_um' to plate.yaml"
        )
    # That a 16-bit file has 16 significant bits says nothing of the camera.
    if header.bits and header.bits < 8 * header.dtype.itemsize:
        if "bit_depth" not in origins:
            taken["bit_depth"] = header.bits
        elif header.bits != described.bit_depth:
            notes.append(
                f"bit depth: {origins['bit_depth']} says {described.bit_depth}, the images say "
                f"{header.bits}; {described.bit_depth} is used"
            )
    if header.size("T") > 1:
        notes.append(
            f"{header.size('T')} points in time in each file: {described.time or 1} is used; "
            "'time' in plate.yaml chooses another"
        )
    panel = described.panel
    if fields[0].stack and header.size("C") > len(panel.names):
        names = header.channels or range(header.size("C"))
        notes.append(
            f"{header.size('C')} channels in each file ({', '.join(map(str, names))}): "
            + ", ".join(f"{described.channels[n]} is {panel.label(n)}" for n in panel.names)
        )
    origins.update(dict.fromkeys(taken, "files"))
    return described.model_copy(update=taken), notes


def _first_header(fields: list[Field]) -> Header | None:
    """Read the header of the first image that can be read; `probe_field` names the others."""
    for each in fields[:10]:
        try:
            return read_header(each.first)
        except ImageError:
            continue
    return None


def probe_field(each: Field, description: PlateDescription) -> Header:
    """Read a field's size, pixel size and depth from its files' headers; raises like `read_field`.

    Returns
    -------
    Header
        Of the first file; of its axes only Y and X.
    """
    if each.stack:
        return probe_channels(each.first, _wanted(description), description)
    headers = [probe_channels(path, None, description) for paths in each.files for path in paths]
    for path, header in zip((p for paths in each.files for p in paths), headers, strict=True):
        _require_one_size(each, path, headers[0].shape, header.shape)
    return headers[0]


def read_field(each: Field, description: PlateDescription) -> NDArray[np.uint16]:
    """Read all channels of a field.

    Returns
    -------
    ndarray, (height, width, channels), uint16
        In the order of the plate's panel: channel 0 is DC, channel 1 T cell.

    Raises
    ------
    ImageError
        If a file cannot be read, has another depth, or the channels differ in size.
    """
    if each.stack:
        planes = read_channels(each.first, _wanted(description), description)
    else:
        planes = [_read_planes(each, paths, description) for paths in each.files]
        for paths, plane in zip(each.files, planes, strict=True):
            _require_one_size(each, paths[0], planes[0].shape, plane.shape)
    # Each channel lies in one piece: most steps that follow look at one channel at a time.
    return np.moveaxis(np.stack(planes), 0, -1)


def _read_planes(
    each: Field, paths: tuple[Path, ...], description: PlateDescription
) -> NDArray[np.uint16]:
    planes = [read_channels(path, None, description)[0] for path in paths]
    for path, plane in zip(paths, planes, strict=True):
        _require_one_size(each, path, planes[0].shape, plane.shape)
    return np.asarray(join_planes(planes, description.z), np.uint16)


def _wanted(description: PlateDescription) -> list[str | int]:
    return [description.channels[name] for name in description.panel.names]


def _require_one_size(
    each: Field, path: Path, first: tuple[int, ...], found: tuple[int, ...]
) -> None:
    if first != found:
        raise ImageError(
            path,
            f"{_size(found)} pixels where its partner {each.first.name} has {_size(first)}; "
            "export the well again",
            "wrong size",
        )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]}"


def some(names: list[str], most: int = 5) -> str:
    """Join names for a message: the first few, then how many more."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
