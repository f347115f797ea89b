"""The work on one field: read, cut, mask, measure, write; done by workers, here or elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ck19ml.core import chance, contacts, illumination, mask_methods, overlap, quality
from ck19ml.core.measurements.panel import Panel
from ck19ml.core.measurements.table import measure
from ck19ml.core.patches import (
    cut,
    grid_shape,
    is_faulty,
    origins,
    raise_background,
    stored_dtype,
)
from ck19ml.plates.dataset.arrays import write_field
from ck19ml.plates.dataset.hashes import hash_masks, hash_patches
from ck19ml.plates.description import PlateDescription
from ck19ml.plates.folder import Field, read_field
from ck19ml.plates.images import ImageError
from ck19ml.plates.label_images import Files, read_labels
from ck19ml.plates.preparation import partial_dataset
from ck19ml.plates.preparation.settings import Preparation, mask_settings
from ck19ml.plates.problems import Problem

BEYOND_CHANCE = "overlap_z"
"""Column of the z-scores, see `core.chance.Chance.z`."""

Light = tuple[tuple[float, ...], ...]
"""Coefficients of the flat field of each channel, see `core.illumination.estimate`."""


@dataclass(frozen=True)
class Task:
    """One field to prepare.

    Attributes
    ----------
    index : int
        Place of the field in the arrays.
    shape : (int, int)
        Height and width of the field in pixels.
    folder : Path
        The partial dataset, see `partial`.
    light : Light, optional
        Where the illumination is corrected.
    network : callable, optional
        Where the masks are made by one, see `core.mask_methods.method`.
    labels : tuple of Path, optional
        The label images of the field, where they are its masks.
    """

    index: int
    field: Field
    description: PlateDescription
    preparation: Preparation
    shape: tuple[int, int]
    folder: Path
    light: Light | None = None
    network: mask_methods.PlaneMethod | None = None
    labels: Files | None = None

    @property
    def block(self) -> int:
        """Side of the blocks for the illumination; small fields have 16 or more of them."""
        return max(1, min(illumination.BLOCK, min(self.shape) // 16))

    @property
    def panel(self) -> Panel:
        """Channels of the field."""
        return self.description.panel

    @property
    def masks(self) -> mask_methods.MaskSettings:
        """Mask settings of the field."""
        return mask_settings(self.description, self.preparation)

    @property
    def method(self) -> str:
        """Name of what makes the masks."""
        return mask_methods.LABELS if self.labels else self.preparation.mask

    @property
    def patches(self) -> int:
        """Number of patches of the field."""
        rows, columns = grid_shape(*self.shape, self.preparation.patch_size)
        return rows * columns


@dataclass(frozen=True)
class Outcome:
    """Result of a task: problems, or none, and then the field is written."""

    index: int
    problems: tuple[Problem, ...]


def as_problem(field: Field, error: ImageError) -> Problem:
    """Turn a file that cannot be used into a field's problem."""
    return Problem(field.plate, field.well, field.field, error.path, error.kind, str(error))


def measure_light(task: Task) -> tuple[int, NDArray[np.float64] | None]:
    """Average a field over blocks for `core.illumination.estimate`.

    Returns
    -------
    index : int
        The task's.
    means : ndarray, (channels, rows, columns), float64, or None
        None if the field cannot be read.
    """
    try:
        image = read_field(task.field, task.description)
    except ImageError:
        return task.index, None  # the pass that follows reports it
    planes = np.moveaxis(image, -1, 0)
    return task.index, np.stack([illumination.block_means(each, task.block) for each in planes])


def prepare_field(task: Task) -> Outcome:
    """Prepare a field, unless it is finished already."""
    if partial_dataset.is_finished(task.folder, task.index, task.patches):
        return Outcome(task.index, ())
    try:
        image = read_field(task.field, task.description)
        found = read_labels(task.labels, task.shape, task.panel) if task.labels else None
    except ImageError as error:
        return Outcome(task.index, (as_problem(task.field, error),))
    # Channels lie apart in memory: each step looks at one channel at a time.
    planes = np.moveaxis(image, -1, 0)
    even = np.stack([_even(task, plane, channel) for channel, plane in enumerate(planes)])
    found = found or mask_methods.segment(np.moveaxis(even, 0, -1), task.masks, task.network)
    problems = _judge(task, image, found)
    if not problems:
        _write(task, image, even, found)
    return Outcome(task.index, problems)


def _judge(
    task: Task, image: NDArray[np.uint16], found: mask_methods.Segmentation
) -> tuple[Problem, ...]:
    """Find what only the pixels tell."""
    field, limit = task.field, task.preparation.saturated_limit
    maximum = 2**task.description.bit_depth - 1
    problems = []
    for channel, name in enumerate(task.panel.names):
        path = field.files[channel][0]
        share = quality.saturated_share(image[..., channel], maximum)
        if share > limit:
            text = (
                f"{path}: {share:.1%} of the pixels are at the camera's maximum {maximum}, more "
                f"than the limit of {limit:.1%}; expose the well again"
            )
            problems.append(Problem(field.plate, field.well, field.field, path, "saturated", text))
        elif name not in task.panel.stained or task.preparation.keep_empty:
            continue
        elif is_empty(found, channel):
            text = (
                f"{path}: no cell found by the mask method '{task.method}'; image the "
                "well again, or keep it as faulty by --keep-empty"
            )
            problems.append(Problem(field.plate, field.well, field.field, path, "empty", text))
    return tuple(problems)


def is_empty(found: mask_methods.Segmentation, channel: int) -> bool:
    """Return whether a channel shows no cell; single hot pixels are none."""
    return not found.labels[channel].any()


def _write(
    task: Task,
    raw: NDArray[np.uint16],
    even: NDArray[np.uint16],
    found: mask_methods.Segmentation,
) -> None:
    """Write the patches, masks and record of a field.

    `found` holds the cells of the whole field: what else is to be known of them is measured here.
    """
    size, levels, panel = task.preparation.patch_size, task.masks.levels, task.panel
    seen = [cut(plane, size) for plane in even]
    maximum = 2**task.description.bit_depth - 1
    apart: list[NDArray[Any]] = [
        raise_background(part, level) for part, level in zip(seen, levels, strict=True)
    ]
    parts = [cut(mask, size) for mask in found.masks]
    dtype = stored_dtype(task.description.bit_depth)
    patches = interleave([part.astype(dtype, copy=False) for part in apart])
    masks = interleave([part.view(np.uint8) for part in parts]).view(np.bool_)
    faulty = np.any(
        [is_faulty(part[..., None], level) for part, level in zip(apart, levels, strict=True)],
        axis=0,
    )
    yx = origins(*task.shape, size)
    each = np.moveaxis(np.stack(parts), 0, -1)
    cells = contacts.measure_cells(
        np.moveaxis(even, 0, -1),
        found.labels,
        task.description.pixel_size_um,
        task.preparation.contact_um,
        panel,
    )
    columns = {"y": yx[:, 0], "x": yx[:, 1], "faulty": faulty}
    if panel.pair:
        columns |= vars(overlap.score(each[..., :2])) | contacts.by_patch(cells, *task.shape, size)
    columns |= {
        f"{name}_area_px": overlap.areas(each[..., place])
        for name, place in panel.placed
        if f"{name}_area_px" not in columns
    }
    measured = quality.measure(
        raw,
        found,
        maximum=maximum,
        faulty_share=float(faulty.mean()),
        pixel_size_um=task.description.pixel_size_um,
        panel=panel,
    ) | contacts.summary(cells, panel)
    if task.preparation.chance and panel.pair:
        columns[BEYOND_CHANCE] = chance.by_chance(each[..., :2]).z
        # Of the part that is cut into patches, as the areas beside it.
        rows, columns_px = (size * count for count in grid_shape(*task.shape, size))
        whole = found.masks[:2, :rows, task.shape[1] - columns_px :]
        measured[BEYOND_CHANCE] = float(chance.by_chance(np.moveaxis(whole, 0, -1)[None]).z[0])
    write_field(task.folder, task.index, patches, masks)
    values = measure(np.moveaxis(np.stack(seen), 0, -1), each, maximum, panel)
    partial_dataset.save_measurements(task.folder, task.index, values, cells)
    record = partial_dataset.Record(
        columns={name: values.tolist() for name, values in columns.items()},
        quality=measured,
        empty=any(is_empty(found, channel) for channel in panel.places),
        sha256=hash_patches(patches),
        masks_sha256=hash_masks(masks),
    )
    partial_dataset.save_record(task.folder, task.index, record)


def interleave(channels: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Stack channels, (n, height, width) each, on a last axis: `numpy.stack`, four times as fast.

    Parameters
    ----------
    channels : sequence of ndarray
        C-contiguous, uint8 or uint16, all of one shape.
    """
    shape = channels[0].shape
    merged = cv2.merge([part.reshape(-1, shape[-1]) for part in channels])
    return np.asarray(merged).reshape(*shape, len(channels))


def _even(task: Task, plane: NDArray[np.uint16], channel: int) -> NDArray[Any]:
    if task.light is None:
        return plane
    flat = illumination.flat_field(np.array(task.light[channel]), task.shape)
    return illumination.correct(plane, flat, 2**task.description.bit_depth - 1)
