"""A dataset in the making: what is done is kept, so that a stopped preparation goes on."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ck19ml.files.writing import atomically, clear
from ck19ml.plates.dataset.arrays import create_arrays, has_arrays, read_field_arrays
from ck19ml.plates.dataset.hashes import hash_masks, hash_patches

PROGRESS = "progress"
"""Folder inside the partial one; one file a finished field, and the fingerprint of them all."""


FINGERPRINT = "fingerprint"


@dataclass(frozen=True)
class Record:
    """Record of a finished field, beside its arrays.

    Attributes
    ----------
    columns : dict of list
        One value a patch: the columns of the table that are measured.
    quality : dict of float
        See `core.quality.measure`.
    empty : bool
        Whether a channel shows nothing above the background.
    sha256, masks_sha256 : str
        Hashes of its patches and of its masks.
    """

    columns: dict[str, list[Any]]
    quality: dict[str, float]
    empty: bool
    sha256: str
    masks_sha256: str


@dataclass(frozen=True)
class Grid:
    """Shape of the arrays: fields, patches a field, pixels a side, the dtype, and channels."""

    fields: int
    patches: int
    size: int
    dtype: str
    channels: int = 2


def begin(folder: Path, fingerprint: str, grid: Grid) -> int:
    """Prepare the held folder for work with this fingerprint.

    Returns
    -------
    int
        Number of fields that were finished before; what another fingerprint made is removed.
    """
    progress = folder / PROGRESS
    if load_note(folder, FINGERPRINT) == fingerprint and has_arrays(folder, **asdict(grid)):
        return sum(path.stem.isdigit() for path in progress.glob("*.json"))
    clear(folder)
    create_arrays(folder, **asdict(grid))
    progress.mkdir()
    save_note(folder, FINGERPRINT, fingerprint)
    return 0


def save_note(folder: Path, name: str, content: Any) -> None:
    """Keep a JSON-like value that all fields share."""
    with atomically(folder / PROGRESS / f"{name}.json") as made:
        made.write_text(json.dumps(content), encoding="utf-8")


def load_note(folder: Path, name: str) -> Any:
    """Read what `save_note` kept; None where there is nothing that can be read."""
    try:
        return json.loads((folder / PROGRESS / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def finish(folder: Path) -> None:
    """Remove what only the work needed."""
    shutil.rmtree(folder / PROGRESS)


def save_record(folder: Path, index: int, record: Record) -> None:
    """Note a field as finished, after its arrays were written."""
    save_note(folder, str(index), vars(record))


def save_measurements(
    folder: Path, index: int, values: NDArray[np.float64], cells: pd.DataFrame
) -> None:
    """Keep the measurements of a field's patches, (n, measures), and its cells."""
    with atomically(_measurements(folder, index)) as made, made.open("wb") as file:
        np.save(file, values.astype(np.float32), allow_pickle=False)
    with atomically(_cells(folder, index)) as made:
        cells.to_parquet(made, index=False)


def load_measurements(folder: Path, indices: list[int]) -> Iterator[NDArray[np.float32]]:
    """Read the measurements of fields, (n, measures) each; raises OSError if they are gone."""
    for index in indices:
        yield np.load(_measurements(folder, index), allow_pickle=False)


def load_cells(folder: Path, fields: dict[int, dict[str, Any]]) -> Iterator[pa.Table]:
    """Read the cells of fields, with their plate, well and field; raises OSError if gone."""
    for index, keys in fields.items():
        table = pq.read_table(_cells(folder, index)).replace_schema_metadata(None)
        for place, (name, value) in enumerate(keys.items()):
            table = table.add_column(
                place, name, pa.array([value] * len(table), pa.scalar(value).type)
            )
        yield table


def _measurements(folder: Path, index: int) -> Path:
    return folder / PROGRESS / f"{index}.npy"


def _cells(folder: Path, index: int) -> Path:
    return folder / PROGRESS / f"{index}.parquet"


def load_record(folder: Path, index: int) -> Record | None:
    """Read the record of a field; None where there is none that can be read."""
    found = load_note(folder, str(index))
    try:
        return Record(**found)
    except TypeError:
        return None


def need_record(folder: Path, index: int) -> Record:
    """Read the record of a field that has just been finished.

    Raises
    ------
    OSError
        If it is gone.
    """
    record = load_record(folder, index)
    if record is None:
        raise OSError(f"the record of field {index} is gone from {folder / PROGRESS}")
    return record


def is_finished(folder: Path, index: int, patches: int) -> bool:
    """Return whether a field is finished and its stored arrays match their hashes."""
    record = load_record(folder, index)
    measured = (_measurements(folder, index), _cells(folder, index))
    if record is None or not all(path.is_file() for path in measured):
        return False
    try:
        stored, masks = read_field_arrays(folder, index, patches)
    except (OSError, ValueError, RuntimeError):
        return False
    return (hash_patches(stored), hash_masks(masks)) == (record.sha256, record.masks_sha256)
