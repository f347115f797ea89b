"""Turn a plate folder and its layout into a dataset, field by field."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ck19ml import __version__
from ck19ml.core import masks as mask_methods
from ck19ml.core import overlap
from ck19ml.core.fingerprint import fingerprint
from ck19ml.core.patches import cut, grid_shape, is_faulty, origins, raise_background
from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.description import PlateDescription
from ck19ml.plates.folder import Field, Plate, read_field, some
from ck19ml.plates.store import (
    Dataset,
    create_arrays,
    is_dataset_folder,
    open_dataset,
    put_in_place,
    require_replaceable,
    write_field,
    write_tables,
)
from ck19ml.plates.wells import column, row_letter

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Parameters:
    """How patches and masks are made.

    Attributes
    ----------
    mask : str
        A key of `core.masks.METHODS`.
    patch_size : int
        Side of a patch in pixels.
    background : int
        Level that grey values are raised to.
    bit_depth : int
        Bits that the camera uses.
    """

    mask: str
    patch_size: int
    background: int
    bit_depth: int


@dataclass(frozen=True)
class _Task:
    index: int
    field: Field
    description: PlateDescription
    parameters: Parameters
    shape: tuple[int, int]
    folder: Path


def is_prepared(
    plate: Plate, layout: pd.DataFrame, target: Path, *, mask: str, patch_size: int
) -> Dataset | None:
    """Open the dataset at the target if it was made from this plate by these parameters.

    Returns
    -------
    Dataset or None
        None where there is nothing, or an empty folder.

    Raises
    ------
    ConfigError
        If something else stands there; the message names what differs.
    """
    require_replaceable(target)
    if not is_dataset_folder(target):
        return None
    dataset = open_dataset(target)
    wanted = asdict(_parameters(plate, mask, patch_size))
    differing = [k for k, value in wanted.items() if dataset.parameters.get(k) != value]
    if not differing and dataset.info["source_fingerprint"] == _source_fingerprint(plate, layout):
        return dataset
    found = (
        ", ".join(f"{key} {dataset.parameters.get(key)} not {wanted[key]}" for key in differing)
        or "other images or another layout"
    )
    raise ConfigError(
        f"expected {target} to be made from {plate.folder} by the same parameters, found {found}; "
        "choose another dataset name or add --overwrite"
    )


def prepare_dataset(
    plate: Plate,
    layout: pd.DataFrame,
    target: Path,
    *,
    mask: str,
    patch_size: int,
    workers: int = 1,
    progress: Progress | None = None,
) -> Dataset:
    """Write the dataset of a plate; a dataset that stands at the target is replaced at the end.

    Parameters
    ----------
    plate : Plate
        The folder's fields, see `find_plate`.
    layout : DataFrame
        See `layouts`; each well with images must stand in it.
    workers : int
        Processes; each holds one field in memory.

    Raises
    ------
    PlateError
        If a well is not in the layout, a file is damaged, or fields differ in size. Nothing
        is left behind then.
    ConfigError
        If something else than a dataset stands at the target.
    """
    require_replaceable(target)
    _require_labels(plate, layout)
    parameters = _parameters(plate, mask, patch_size)
    height, width = read_field(plate.fields[0], plate.description).shape[:2]
    rows, columns = grid_shape(height, width, patch_size)
    if not rows * columns:
        raise PlateError(
            f"{plate.folder}: expected fields of at least {patch_size} x {patch_size} pixels, "
            f"found {height} x {width}; choose a smaller patch size"
        )
    partial = target.with_name(target.name + ".partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        dtype = "uint8" if parameters.bit_depth <= 8 else "uint16"
        create_arrays(partial, len(plate.fields), rows * columns, patch_size, dtype)
        tasks = [
            _Task(i, field, plate.description, parameters, (height, width), partial)
            for i, field in enumerate(plate.fields)
        ]
        tables, hashes = [], []
        for done, (table, digest) in enumerate(_run(tasks, workers), start=1):
            tables.append(table)
            hashes.append(digest)
            if progress:
                progress(done, len(tasks))
        _write(plate, layout, partial, parameters, pd.concat(tables, ignore_index=True), hashes)
        put_in_place(partial, target)
    except OSError as error:
        raise PlateError(
            f"expected to write the dataset {target}, found: {error.strerror or error}; make the "
            "folder writable or choose another"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return open_dataset(target)


def _parameters(plate: Plate, mask: str, patch_size: int) -> Parameters:
    description = plate.description
    return Parameters(mask, patch_size, description.level, description.bit_depth)


def _require_labels(plate: Plate, layout: pd.DataFrame) -> None:
    lacking = sorted(set(plate.wells) - set(layout["well"]))
    if lacking:
        raise PlateError(
            f"{plate.folder}: expected each well with images in the layout, found none for "
            f"{some(lacking)}; add them to the layout or remove their images"
        )


def _run(tasks: list[_Task], workers: int) -> Iterator[tuple[pd.DataFrame, str]]:
    if workers == 1:
        yield from map(_prepare_field, tasks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(_prepare_field, tasks)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _prepare_field(task: _Task) -> tuple[pd.DataFrame, str]:
    image = read_field(task.field, task.description)
    if image.shape[:2] != task.shape:
        raise PlateError(
            f"{task.field.dc}: expected fields of {task.shape[0]} x {task.shape[1]} pixels as in "
            f"the rest of the plate, found {image.shape[0]} x {image.shape[1]}; export it again"
        )
    parameters = task.parameters
    patches: Any = raise_background(cut(image, parameters.patch_size), parameters.background)
    patches = patches.astype(np.uint8 if parameters.bit_depth <= 8 else np.uint16)
    masks = mask_methods.METHODS[parameters.mask](patches, parameters.background)
    write_field(task.folder, task.index, patches, masks)
    measured = overlap.score(masks)
    yx = origins(*task.shape, parameters.patch_size)
    table = pd.DataFrame(
        {
            "plate": task.field.plate,
            "well": task.field.well,
            "row": row_letter(task.field.well),
            "column": column(task.field.well),
            "field": task.field.field,
            "patch": np.arange(len(patches)),
            "y": yx[:, 0],
            "x": yx[:, 1],
            "faulty": is_faulty(patches, parameters.background),
            **asdict(measured),
        }
    )
    return table, hashlib.sha256(patches.tobytes()).hexdigest()


def _write(
    plate: Plate,
    layout: pd.DataFrame,
    folder: Path,
    parameters: Parameters,
    table: pd.DataFrame,
    hashes: list[str],
) -> None:
    labels = ["stimulation", "compound", "concentration_um", "control"]
    table = table.merge(layout[["well", *labels]], on="well", how="left", validate="m:1")
    first = ["plate", "well", "row", "column", "field", "patch", "y", "x", *labels]
    table = table[first + [name for name in table.columns if name not in first]]
    fields = table.groupby(["plate", "well", "field"], sort=False)["faulty"].mean().reset_index()
    fields = fields.rename(columns={"faulty": "faulty_share"}).assign(sha256=hashes)
    labelled = layout[layout["well"].isin(plate.wells)].to_csv(index=False)
    info = {
        "source": os.fspath(plate.folder),
        "plate": plate.name,
        "parameters": asdict(parameters),
        "software": f"ck19ml {__version__}",
        "channels": ["DC", "T cell"],
        "pixel_size_um": plate.description.pixel_size_um,
        "source_fingerprint": _source_fingerprint(plate, layout),
        "content_hash": fingerprint(hashes, labelled, asdict(parameters)),
    }
    write_tables(folder, table, fields, info)


def _source_fingerprint(plate: Plate, layout: pd.DataFrame) -> str:
    paths = sorted({path for field in plate.fields for path in (field.dc, field.tcell)})
    stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    labelled = layout[layout["well"].isin(plate.wells)].to_csv(index=False)
    return fingerprint(stats, labelled, plate.description.model_dump())
