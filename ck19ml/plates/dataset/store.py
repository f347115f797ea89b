"""The dataset on disk: a Zarr group with patches and masks, and the tables beside them."""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr
from numpy.typing import NDArray

from ck19ml.core.measurements.panel import PAIR, Panel
from ck19ml.core.quality import counts
from ck19ml.core.wells import WELL
from ck19ml.errors import ConfigError, PlateError
from ck19ml.files.reading import read_json
from ck19ml.files.writing import restore
from ck19ml.plates.dataset.arrays import ARRAYS
from ck19ml.plates.dataset.hashes import HASHES, SEAL, hash_file, hash_files, seal
from ck19ml.plates.dataset.measurements import CELLS, MEASUREMENTS
from ck19ml.plates.dataset.schema import violations

FORMAT = 2
"""Version of the layout of the dataset's files."""

NEEDED = {"parameters", "source_fingerprint", "content_hash"}
"""Keys of ``dataset.json`` that the project reads."""
PARAMETERS = {"mask", "patch_size", "background", "bit_depth"}
FIELD_COLUMNS = ("plate", "well", "field", "sha256")
PARTS = ("dataset.json", "patches.parquet", *(f"{name}/zarr.json" for name in ARRAYS))
"""By any of these a folder is known for a dataset, or for what is left of one."""


@dataclass(frozen=True)
class Dataset:
    """A prepared dataset, opened for reading.

    Overlaps, contacts and ``instrument.csv`` are there where the panel has DCs and T cells; without
    them the tables hold ``NAME_area_px`` and the quality of each channel.

    Attributes
    ----------
    path : Path
        The folder of the Zarr group.
    table : DataFrame, one row a patch
        plate, well, row, column, field, patch, y, x, stimulation, compound, concentration_um,
        control, faulty, tcell_area_px, dc_area_px, overlap_area_px, overlap, tcell_overlap,
        dc_overlap (see `core.overlap.score`), overlap_expected, overlap_excess: the share of the
        T-cell area that lies on DCs by chance and beyond it (`core.chance.expected_share`), and
        where it was asked for overlap_z (`core.chance.by_chance`); tcell_count, tcells_in_contact
        and tcell_contact (`core.contacts.SHARED`).
    fields : DataFrame, one row a field
        plate, well, field, faulty_share, sha256 of its patches, masks_sha256, and its quality: see
        `core.quality.measure`; areas and overlap of all patches together; empty, and flagged: why
        the field is doubtful, or "".
    info : dict
        The content of ``dataset.json``: source, parameters, software version, hashes.
    """

    path: Path
    table: pd.DataFrame
    fields: pd.DataFrame
    info: dict[str, Any]

    def __repr__(self) -> str:
        made = self.parameters
        return (
            f"Dataset({self.name!r}, {len(self.wells)} wells, {len(self.table)} patches of "
            f"{made['patch_size']} pixels, mask {made['mask']})"
        )

    def _repr_html_(self) -> str:
        """Return for notebooks the essentials, and one row a stimulation."""
        each = self.table.assign(place=self.table[WELL].agg(" ".join, axis=1))
        shown = each.groupby("stimulation").agg(
            wells=("place", "nunique"),
            patches=("patch", "size"),
            faulty_share=("faulty", "mean"),
            **({"mean_overlap": ("overlap", "mean")} if self.panel.pair else {}),
        )
        return f"<p>{escape(repr(self))}</p>{shown.reset_index().to_html(index=False)}"

    def read(self, rows: NDArray[np.integer]) -> NDArray[np.unsignedinteger]:
        """Read patches, (n, size, size, channels), uint8 or uint16, raised to the background."""
        return np.asarray(self._read("patches", rows))

    def read_masks(self, rows: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Read masks, (n, size, size, channels), bool."""
        return np.asarray(self._read("masks", rows))

    def _read(self, name: str, rows: NDArray[np.integer]) -> Any:
        try:
            return _rows_of(zarr.open_array(self.path / name, mode="r"), np.asarray(rows))
        except (OSError, ValueError, RuntimeError) as error:
            raise _damaged(self.path, error) from error

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """General measurements, one row a patch in the order of `table`: `core.measurements`.

        Raises
        ------
        PlateError
            If the dataset was prepared before it held them, or they are damaged.
        """
        return self._table(MEASUREMENTS)

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Cells and their contacts, one row a cell: `core.contacts.measure_cells`.

        Raises
        ------
        PlateError
            If the dataset was prepared before it held them, or they are damaged.
        """
        return self._table(CELLS)

    def _table(self, name: str) -> pd.DataFrame:
        """Read one of the tables that `open_dataset` leaves unread, and verify its hash."""
        if name not in self.info.get(HASHES, {}):
            raise PlateError(f"{self.path} holds no {name.split('.')[0]}; {AGAIN}")
        try:
            if hash_file(self.path / name) != self.info[HASHES][name]:
                raise ValueError(f"{name} was changed")
            return pd.read_parquet(self.path / name)
        except (OSError, ValueError) as error:
            raise _damaged(self.path, error) from error

    @property
    def name(self) -> str:
        """The folder's name without its ending."""
        return self.path.stem

    @property
    def content_hash(self) -> str:
        """Hash of all patches and labels."""
        return str(self.info["content_hash"])

    @property
    def parameters(self) -> dict[str, Any]:
        """Settings from raw fields to masks: mask, patch_size, background, bit_depth."""
        return dict(self.info["parameters"])

    @property
    def panel(self) -> Panel:
        """The channels."""
        return panel_of(self.info)

    def require_pair(self, what: str) -> None:
        """Refuse a dataset without DCs and T cells for what needs their overlap.

        Raises
        ------
        ConfigError
        """
        if not self.panel.pair:
            raise ConfigError(
                f"{what} needs the overlap of DCs and T cells, and {self.path} has the channels "
                f"{', '.join(self.panel.names)}; train a classifier on it"
            )

    @property
    def illumination(self) -> bool:
        """True if the fields were corrected for uneven illumination."""
        return bool(self.info.get("preparation", {}).get("illumination", False))

    def with_target(self, target: str) -> "Dataset":
        """Return the dataset with another measure of overlap in the column ``overlap``.

        Parameters
        ----------
        target : str
            A name of `core.overlap.TARGETS`.

        Raises
        ------
        PlateError
            If the dataset was prepared before it held this measure.
        """
        if target == "overlap":
            return self
        if target not in self.table:
            raise PlateError(
                f"{self.path} has no column {target}; prepare the plate again with --overwrite"
            )
        return replace(self, table=self.table.assign(overlap=self.table[target]))

    @property
    def wells(self) -> pd.DataFrame:
        """One row a well: plate, well, stimulation, sha256 over its fields' hashes."""
        hashes = self.fields.groupby(WELL, sort=True)["sha256"].agg("+".join)
        labels = self.table.groupby(WELL, sort=True)["stimulation"].first()
        return pd.concat([labels, hashes], axis=1).reset_index()

    def rows_of(self, wells: pd.DataFrame) -> NDArray[np.intp]:
        """Rows of all patches of these wells (columns plate and well), (n,), ascending."""
        wanted = pd.MultiIndex.from_frame(wells[WELL])
        return np.flatnonzero(pd.MultiIndex.from_frame(self.table[WELL]).isin(wanted))

    def usable(self, rows: NDArray[np.integer] | None = None) -> NDArray[np.intp]:
        """Those of these rows, or of all, whose patches are not faulty, (n,)."""
        faulty = self.table["faulty"].to_numpy(bool)
        return np.flatnonzero(~faulty) if rows is None else np.asarray(rows[~faulty[rows]])

    def with_counts(self, rows: NDArray[np.integer]) -> pd.DataFrame:
        """Rows, (n,), of the table, with the cells counted in each patch's field."""
        keys = [*WELL, "field"]
        counted = self.fields[[*keys, *counts(self.panel)]]
        return self.table.iloc[rows].merge(counted, on=keys, how="left", validate="many_to_one")

    def seen(self, table: pd.DataFrame, hashes: frozenset[str]) -> NDArray[np.bool_]:
        """Return whether the wells of a table's rows (plate, well) have a hash of these, (n,)."""
        own = self.wells.set_index(WELL)["sha256"].reindex(pd.MultiIndex.from_frame(table[WELL]))
        return np.asarray(own.isin(hashes), dtype=np.bool_)


def open_dataset(path: Path) -> Dataset:
    """Open a dataset, and refuse one that is not complete.

    Its tables are held to their hashes; its chunks to their checksums when they are read.
    `soundness.examine` looks at all of it.

    Raises
    ------
    PlateError
        If there is no dataset, or it was made by another format, or its parts disagree.
    """
    require_dataset(path)
    if not (path / "dataset.json").is_file():
        raise _damaged(path, "no dataset.json")
    try:
        info = read_json(path / "dataset.json")
        if info.get("format") != FORMAT:
            raise PlateError(
                f"{path} is a dataset of format {info.get('format')}, not {FORMAT}; {AGAIN}"
            )
        if missing := sorted(NEEDED - set(info)):
            raise ValueError(f"dataset.json lacks {', '.join(missing)}")
        _require_as_written(path, info)
        _require_parameters(info["parameters"])
        table = pd.read_parquet(path / "patches.parquet")
        fields = pd.read_parquet(path / "fields.parquet")
        for name in ARRAYS:
            _require_whole(zarr.open_array(path / name, mode="r"), name, len(table))
        _require_columns(table, fields, panel_of(info))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from error
    return Dataset(path, table, fields, info)


def panel_of(info: dict[str, Any]) -> Panel:
    """Return the channels by the content of ``dataset.json``; without a word those of the study."""
    known = info["parameters"]
    return Panel.of(known.get("channels", PAIR.names), known.get("stained"))


AGAIN = "prepare the plate again with --overwrite"
TABLES = ("patches.parquet", "fields.parquet")


def _rows_of(array: Any, rows: NDArray[np.integer]) -> NDArray[Any]:
    """Read these rows of an array, a chunk after the other.

    Zarr's own selection of rows takes nine times as long (192 x 192 patches, a field a chunk).
    """
    made = np.empty((len(rows), *array.shape[1:]), array.dtype)
    chunk, place = np.divmod(rows, array.chunks[0])
    for index in np.unique(chunk):
        own = chunk == index
        made[own] = array.get_block_selection((index,))[place[own]]
    return made


def _damaged(path: Path, reason: object) -> PlateError:
    text = " ".join(str(reason).split())[:120]
    return PlateError(
        f"{path} is a damaged or incomplete dataset ({text}); 'ck19ml check {path}' "
        f"names the wells; {AGAIN}"
    )


def _require_as_written(path: Path, info: dict[str, Any]) -> None:
    """Verify the tables and ``dataset.json`` against their hashes; older datasets have none."""
    if SEAL in info and info[SEAL] != seal(info):
        raise ValueError("dataset.json was changed")
    for name in TABLES:
        if name in info.get(HASHES, {}) and hash_file(path / name) != info[HASHES][name]:
            raise ValueError(f"{name} was changed")


def _require_parameters(found: Any) -> None:
    if not isinstance(found, dict) or (lacking := PARAMETERS - set(found)):
        what = ", ".join(sorted(lacking)) if isinstance(found, dict) else "keys"
        raise ValueError(f"the parameters in dataset.json lack {what}")
    for name in sorted(PARAMETERS - {"mask"}):
        each = found[name].values() if isinstance(found[name], dict) else [found[name]]
        if not all(isinstance(value, int) for value in each):
            raise ValueError(
                f"{name} in dataset.json must be a whole number, found {found[name]!r}"
            )


def _require_columns(table: pd.DataFrame, fields: pd.DataFrame, panel: Panel) -> None:
    """Require of the tables what every command takes for granted."""
    if not len(table):
        raise ValueError("no rows in patches.parquet")
    for name, what, _ in violations(table, panel):
        raise ValueError(f"column {name} of patches.parquet: {what}")
    if missing := [name for name in FIELD_COLUMNS if name not in fields]:
        raise ValueError(f"fields.parquet lacks {', '.join(missing)}")


def _require_whole(array: Any, name: str, patches: int) -> None:
    if array.shape[0] != patches:
        raise ValueError(f"{patches} rows in patches.parquet, {array.shape[0]} {name}")
    # Zarr reads a missing chunk as zeros; `write_field` leaves none out.
    missing = array.nchunks - array.nchunks_initialized
    if missing:
        raise ValueError(f"{name} of {missing} fields are missing")


def require_dataset(path: Path) -> None:
    """Refuse a path without a dataset, complete or not.

    Raises
    ------
    PlateError
    """
    if not is_dataset_folder(path):
        raise PlateError(
            f"there is no prepared dataset at {path}; make it by 'ck19ml prepare PLATE {path}'"
        )


def is_dataset_folder(path: Path) -> bool:
    """Return whether a dataset exists there, complete or not."""
    # Its own parts: other programs write Zarr groups too, and none of theirs is to be replaced.
    return any((path / name).is_file() for name in PARTS)


def require_replaceable(target: Path) -> None:
    """Refuse a path that holds anything but a dataset.

    Raises
    ------
    ConfigError
        If there is a file, or a folder of other things.
    """
    restore(target)
    empty = target.is_dir() and not any(target.iterdir())
    if not target.exists() or empty or is_dataset_folder(target):
        return
    what = "a folder of other files" if target.is_dir() else "a file"
    raise ConfigError(f"{target} is {what} and not a ck19ml dataset; choose another name")


def write_tables(
    folder: Path, table: pd.DataFrame, fields: pd.DataFrame, info: dict[str, Any]
) -> None:
    """Write the tables and, last, ``dataset.json``: without it a dataset is incomplete."""
    for name, content in zip(TABLES, (table, fields), strict=True):
        content.to_parquet(folder / name, index=False)
    whole = {"format": FORMAT, **info, HASHES: hash_files(folder)}
    text = json.dumps({**whole, SEAL: seal(whole)}, indent=2)
    (folder / "dataset.json").write_text(text + "\n", encoding="utf-8")
