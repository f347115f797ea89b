"""Checks that a dataset is what was written: every chunk, the tables, ``dataset.json``."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr

from ck19ml.core import overlap
from ck19ml.core.measurements.panel import PAIR, Panel
from ck19ml.plates.dataset.arrays import ARRAYS
from ck19ml.plates.dataset.hashes import HASHES, SEAL, hash_files, hash_masks, hash_patches, seal
from ck19ml.plates.dataset.schema import violations
from ck19ml.plates.dataset.store import FORMAT, NEEDED, TABLES, panel_of, require_dataset

HASH_OF: dict[str, tuple[str, Callable[[Any], str]]] = {
    "patches": ("sha256", hash_patches),
    "masks": ("masks_sha256", hash_masks),
}
"""Column of the fields' table with the hashes of an array's chunks, and how they are made."""

UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError)


@dataclass(frozen=True, order=True)
class Damage:
    """A part of a dataset that differs from what was written.

    Attributes
    ----------
    plate, well : str
        Empty where it concerns all wells, or the tables that name the wells are lost.
    field : int
        0 where it concerns more than one.
    part : str
        The file, or the array that lost a chunk.
    what : str
        In words.
    """

    plate: str
    well: str
    field: int
    part: str
    what: str


@dataclass(frozen=True)
class Findings:
    """Findings of `examine`.

    Attributes
    ----------
    wells, fields : int
        How many the dataset has.
    damages : list of Damage
        None if the dataset is sound.
    hashed : bool
        Whether masks, tables and ``dataset.json`` have hashes; older datasets have them of their
        patches only.
    """

    wells: int
    fields: int
    damages: list[Damage]
    hashed: bool


def examine(path: Path, progress: Callable[[int, int], None] | None = None) -> Findings:
    """Read all of a dataset, one field at a time, and compare it with its hashes.

    Parameters
    ----------
    progress : callable, optional
        Called with the number of fields done and to do.

    Raises
    ------
    PlateError
        If there is no dataset.
    """
    require_dataset(path)
    info, damages = _description(path)
    damages += _files(path, info)
    tables = {name: _table(path / name, damages) for name in TABLES}
    table, fields = tables["patches.parquet"], tables["fields.parquet"]
    if table is not None:
        damages += _rules(table, _panel(info))
    places = _places(table, fields)
    arrays = {name: _array(path, name, len(places), damages) for name in ARRAYS}
    for index, place in enumerate(places):
        damages += _field(arrays, index, place, table)
        if progress:
            progress(index + 1, len(places))
    wells = {(place["plate"], place["well"]) for place in places}
    return Findings(len(wells), len(places), sorted(set(damages)), SEAL in info)


def _everywhere(part: str, what: object) -> Damage:
    return Damage("", "", 0, part, " ".join(str(what).split())[:160])


def _description(path: Path) -> tuple[dict[str, Any], list[Damage]]:
    name = "dataset.json"
    try:
        info = json.loads((path / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, [_everywhere(name, "missing")]
    except (OSError, ValueError) as error:
        return {}, [_everywhere(name, f"cannot be read ({error})")]
    if not isinstance(info, dict):
        return {}, [_everywhere(name, "holds no keys and values")]
    damages = []
    if SEAL in info and info[SEAL] != seal(info):
        damages.append(_everywhere(name, "was changed after it was written"))
    if info.get("format") != FORMAT:
        damages.append(_everywhere(name, f"is of format {info.get('format')}, expected {FORMAT}"))
    damages += [_everywhere(name, f"lacks {key}") for key in sorted(NEEDED - set(info))]
    return info, damages


def _files(path: Path, info: dict[str, Any]) -> list[Damage]:
    written = info.get(HASHES)
    if not isinstance(written, dict):
        return []
    # What is there is hashed, and nothing that the names in a file could point to.
    held = hash_files(path)
    return [
        _everywhere(name, "bytes differ from those written" if name in held else "missing")
        for name, digest in written.items()
        if held.get(name) != digest
    ]


def _table(path: Path, damages: list[Damage]) -> pd.DataFrame | None:
    try:
        return pd.read_parquet(path)
    except UNREADABLE as error:
        damages.append(_everywhere(path.name, f"cannot be read ({error})"))
        return None


def _panel(info: dict[str, Any]) -> Panel:
    """Return the channels that ``dataset.json`` names, the study's where it is damaged."""
    try:
        return panel_of(info)
    except (KeyError, TypeError, AttributeError):
        return PAIR


def _rules(table: pd.DataFrame, panel: Panel) -> list[Damage]:
    damages: list[Damage] = []
    for name, what, wrong in violations(table, panel):
        text = f"column {name}: {what}"
        if wrong is None or not {"plate", "well", "field"} <= set(table):
            damages.append(_everywhere("patches.parquet", text))
            continue
        rows = table.loc[wrong, ["plate", "well", "field"]].drop_duplicates()
        damages += [
            Damage(str(plate), str(well), int(field), "patches.parquet", text)
            for plate, well, field in rows.itertuples(index=False)
        ]
    return damages


def _places(table: pd.DataFrame | None, fields: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Plate, well and field of each chunk, and its hashes where they are known."""
    keys = ["plate", "well", "field"]
    columns = [column for column, _ in HASH_OF.values()]
    if fields is not None and set(keys) <= set(fields):
        known = fields[[*keys, *(name for name in columns if name in fields)]]
    elif table is not None and set(keys) <= set(table):
        known = table[keys].drop_duplicates()
    else:
        return []
    return [{str(key): value for key, value in row.items()} for row in known.to_dict("records")]


def _array(path: Path, name: str, fields: int, damages: list[Damage]) -> Any:
    try:
        array = zarr.open_array(path / name, mode="r")
    except UNREADABLE as error:
        damages.append(_everywhere(name, f"cannot be opened ({error})"))
        return None
    held = -(-array.shape[0] // array.chunks[0])
    if held != fields:
        damages.append(_everywhere(name, f"holds {held} fields, the tables {fields}"))
    return array


def _field(
    arrays: dict[str, Any], index: int, place: dict[str, Any], table: pd.DataFrame | None
) -> list[Damage]:
    """Verify the chunks of one field, and its rows of the table against its masks."""
    damages = []
    at = (str(place["plate"]), str(place["well"]), int(place["field"]))
    for name, array in arrays.items():
        if array is None or index >= array.shape[0] // array.chunks[0]:
            continue
        column, hashed = HASH_OF[name]
        values, what = _chunk(array, index)
        if values is not None and place.get(column, hashed(values)) != hashed(values):
            what = "values differ from those written"
        if what:
            damages.append(Damage(*at, name, what))
        elif name == "masks" and table is not None and values is not None:
            rows = table.iloc[index * len(values) : (index + 1) * len(values)]
            damages += [
                Damage(*at, "patches.parquet", f"column {column} is not that of its masks")
                for column in _differing(rows, values)
            ]
    return damages


def _chunk(array: Any, index: int) -> tuple[Any, str]:
    """Read a field of an array; returns None and the reason if that fails."""
    place = array.store_path / array.metadata.encode_chunk_key((index, 0, 0, 0))
    if not (Path(place.store.root) / place.path).is_file():
        return None, "missing"  # zarr would read zeros
    size = array.chunks[0]
    try:
        return np.asarray(array[index * size : (index + 1) * size]), ""
    except UNREADABLE as error:
        return None, f"cannot be decoded ({' '.join(str(error).split())[:120]})"


def _differing(rows: pd.DataFrame, masks: np.ndarray[Any, Any]) -> list[str]:
    """Return the columns that differ from what the masks give."""
    measured = vars(overlap.score(masks))
    if len(rows) != len(masks):
        return []  # said of the arrays as a whole
    return [
        name
        for name, values in measured.items()
        if name in rows and not np.array_equal(rows[name].to_numpy(), values)
    ]
