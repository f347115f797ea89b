"""Label images that other programs made of a plate, each with its field, read and checked."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected
from skimage.segmentation import relabel_sequential

from ck19ml.core.mask_methods import Segmentation, whole
from ck19ml.core.measurements.panel import PAIR, Panel
from ck19ml.errors import PlateError
from ck19ml.plates.description import PlateDescription
from ck19ml.plates.folder import Field, Plate, find_plate
from ck19ml.plates.grouping import place_of
from ck19ml.plates.images import ImageError, read_plane
from ck19ml.plates.listing import image_files
from ck19ml.plates.patterns import match_files
from ck19ml.plates.problems import Problem

Files = tuple[Path, ...]
"""The label images of a field, of each stained channel."""

PICKLE = "_seg.npy"
"""Cellpose's own file of an image."""

APART = 1.5
"""See `_places`."""


@dataclass(frozen=True)
class LabelImages:
    """Label images of a plate.

    Attributes
    ----------
    files : dict of Field to tuple of Path
        Of the fields that have one of each stained channel.
    problems : tuple of Problem
        What the other fields lack.
    """

    files: dict[Field, Files]
    problems: tuple[Problem, ...]


def find_labels(plate: Plate, folder: Path) -> LabelImages:
    """Find the label images of a plate's fields.

    In an OME-Zarr plate they are the labels of its images with the channels' names. Elsewhere the
    patterns of ``labels`` in plate.yaml take their names, or else a label image begins with the
    name of the image that it was made of: ``NAME_cp_masks.tif`` belongs to ``NAME.tif``.

    Parameters
    ----------
    plate : Plate
    folder : Path
        The folder of the label images, or an OME-Zarr plate with the same wells and fields.

    Raises
    ------
    PlateError
        If the folder holds none, or nothing says which channel they are of.
    """
    if not folder.is_dir():
        raise PlateError(f"{folder} is not a folder of label images; check --labels")
    is_zarr = any((folder / name).is_file() for name in ("zarr.json", ".zattrs"))
    found = (_of_zarr if is_zarr else _of_folder)(plate, folder)
    files, problems, panel = {}, [], plate.description.panel
    for field in plate.fields:
        wrong = [
            _problem(field, field.files[place][0], channel, each[field], folder)
            for (channel, place), each in zip(panel.placed, found, strict=True)
            if len(each[field]) != 1
        ]
        problems += wrong
        if not wrong:
            files[field] = tuple(each[field][0] for each in found)
    return LabelImages(files, tuple(problems))


def _of_zarr(plate: Plate, folder: Path) -> list[dict[Field, list[Path]]]:
    images = {(field.well, field.field): field.first for field in find_plate(folder).fields}
    found = []
    for channel in plate.description.panel.stained:
        places = {key: image / "labels" / channel for key, image in images.items()}
        held = {key: [path] for key, path in places.items() if path.is_dir()}
        found.append({f: held.get((f.well, f.field), []) for f in plate.fields})
    return found


def _of_folder(plate: Plate, folder: Path) -> list[dict[Field, list[Path]]]:
    own = set(plate.files)
    images = [path for path in image_files(folder)[0] if path not in own]
    patterns, panel = plate.description.labels, plate.description.panel
    if not images:
        raise PlateError(_none(folder))
    if patterns is not None:
        return [_by_pattern(plate, folder, images, patterns[name]) for name in panel.stained]
    if panel.names[1:] and any(field.stack for field in plate.fields):
        raise PlateError(
            f"{plate.folder}: each image holds {'both' if panel.names[2:] == () else 'all'} "
            "channels, so that their names do not tell which label image is of which; add "
            f"'labels: {{{', '.join(f'{name}: PATTERN' for name in panel.stained)}}}' to plate.yaml"
        )
    return [
        {field: _begins(images, field.files[place][0].stem) for field in plate.fields}
        for place in panel.places
    ]


def _none(folder: Path) -> str:
    if any(folder.rglob(f"*{PICKLE}")):
        return (
            f"{folder} holds Cellpose's {PICKLE} files, which are not read because loading a "
            "pickle runs code; save label images with 'cellpose --save_tif'"
        )
    return f"{folder} holds no label images (.tif, .tiff or .png); check --labels"


def _by_pattern(
    plate: Plate, folder: Path, images: list[Path], pattern: str
) -> dict[Field, list[Path]]:
    described = PlateDescription(files=pattern, channels=plate.description.channels)
    places: dict[tuple[str, str, int], list[Path]] = {}
    for image in match_files(folder, images, described)[0]:
        key = place_of(image, image.plate or plate.name)
        places.setdefault(key, []).append(image.path)
    return {f: places.get((f.plate, f.well, f.field), []) for f in plate.fields}


def _begins(images: list[Path], stem: str) -> list[Path]:
    """Return the images whose names are this stem, or go on with neither letter nor digit."""
    own = [path for path in images if path.name.startswith(stem)]
    return [path for path in own if not path.name[len(stem)].isalnum()]


def _problem(field: Field, source: Path, channel: str, found: list[Path], folder: Path) -> Problem:
    if found:
        names = ", ".join(path.name for path in found[:3])
        text = (
            f"{source.name}: {len(found)} label images in {folder} ({names}); keep one, or name "
            "them by 'labels' in plate.yaml"
        )
        return Problem(field.plate, field.well, field.field, found[0], "duplicate file", text)
    text = f"{source.name}: no label image of the channel {channel} in {folder}; export it"
    if (folder / f"{source.stem}{PICKLE}").is_file():
        text = (
            f"{source.stem}{PICKLE} is not read because loading a pickle runs code; save label "
            "images with 'cellpose --save_tif'"
        )
    return Problem(field.plate, field.well, field.field, source, "missing labels", text)


def read_labels(files: Files, shape: tuple[int, int], panel: Panel = PAIR) -> Segmentation:
    """Read the label images of a field, and number their cells from 1 without gaps.

    Parameters
    ----------
    files : tuple of Path
        Of each stained channel.
    shape : (int, int)
        Height and width of the field in pixels.
    panel : Panel

    Raises
    ------
    ImageError
        If a file cannot be read, has another size, or its values are not numbers of cells.
    """
    labels = np.stack([check_labels(path, read_plane(path), shape) for path in files])
    return whole(labels > 0, labels, labels[0].size, panel)


def check_labels(
    path: Path, values: NDArray[np.generic], shape: tuple[int, int]
) -> NDArray[np.int32]:
    """Return the labels of a label image, (height, width), numbered from 1 without gaps.

    Raises
    ------
    ImageError
        If it has another size than its image, or its values are not numbers of cells.
    """
    if values.shape != shape:
        raise ImageError(
            path,
            f"expected labels of {shape[0]} x {shape[1]} pixels as the image, found "
            f"{values.shape[0]} x {values.shape[1]}; export them at full size",
            "wrong size",
        )
    if not np.issubdtype(values.dtype, np.integer):
        raise _no_labels(path, f"expected whole numbers, found {values.dtype}")
    if int(values.min()) < 0:
        raise _no_labels(path, f"expected numbers from 0, found {values.min()}")
    numbers = np.asarray(relabel_sequential(values.astype(np.int64))[0], np.int32)
    places = _places(numbers)
    if np.any(places > 1):
        if int(numbers.max()) == 1:
            what = f"one value, {values.max()}, in {places[1]} places: a binary mask"
        else:
            first = int(np.argmax(places > 1))
            name = int(values.ravel()[np.argmax(numbers.ravel() == first)])
            what = f"label {name} lies in {places[first]} places far apart"
        raise _no_labels(path, what)
    return numbers


def _places(numbers: NDArray[np.int32]) -> NDArray[np.intp]:
    """Count the places in which each label lies, (labels + 1,).

    Pieces of a cell whose thin parts a threshold has cut lie together: middles further from that of
    the largest piece than `APART` times the width of a disc of the label's area are other places.
    """
    pieces, count = connected(numbers, connectivity=2, return_num=True)
    inside = np.flatnonzero(numbers)
    piece = pieces.ravel()[inside]
    label = np.zeros(count + 1, np.intp)
    label[piece] = numbers.ravel()[inside]
    area = np.bincount(piece, minlength=count + 1)
    y, x = np.divmod(inside, numbers.shape[1])
    sums = np.stack([np.bincount(piece, each, count + 1) for each in (y, x)], 1)
    middle = sums / np.maximum(area, 1)[:, None]
    # Of the pieces of a label the largest comes last, and stays.
    order = np.argsort(area, kind="stable")
    largest = np.zeros(int(numbers.max(initial=0)) + 1, np.intp)
    largest[label[order]] = order
    width = 2 * np.sqrt(np.bincount(label, area) / np.pi)
    far = np.linalg.norm(middle - middle[largest[label]], axis=1) > APART * width[label]
    far[0] = False
    return np.asarray(1 + np.bincount(label[far], minlength=len(largest)), np.intp)


def _no_labels(path: Path, what: str) -> ImageError:
    advice = "export a label image, in which each cell has a number of its own"
    return ImageError(path, f"{what}; {advice}", "wrong labels")
