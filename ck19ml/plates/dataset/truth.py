"""The true overlap of simulated patches, where the plate that a dataset was made from is there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.plates.dataset.store import Dataset

KEYS = ["plate", "well", "field", "patch"]

OF_MASKS = "masks_overlap"
"""Column of the masks' own measure in a dataset `with_truth`."""


def beside_plates(dataset: Dataset, name: str) -> list[Path | None]:
    """Find a file of each plate that a dataset was made from; None where it is not there.

    The plates' folders are looked for where ``dataset.json`` says, as they were given to
    `prepare`, and beside the dataset.
    """
    return [
        next((path / name for path in places if (path / name).is_file()), None)
        for places in _places(dataset)
    ]


def plate_folders(dataset: Dataset) -> list[Path | None]:
    """Find the folder of each plate that a dataset was made from; None where it is not there."""
    return [next((path for path in places if path.is_dir()), None) for places in _places(dataset)]


def _places(dataset: Dataset) -> list[list[Path]]:
    sources = map(Path, str(dataset.info["source"]).split(", "))
    return [[source, dataset.path.parent / source.name] for source in sources]


def true_overlap(dataset: Dataset, target: str = "overlap") -> NDArray[np.float64] | None:
    """Overlap of the cells as they were simulated, of each patch of a dataset.

    Parameters
    ----------
    target : str
        Column of `truth.parquet`: overlap, tcell_overlap, dc_overlap.

    Returns
    -------
    ndarray, (n,), or None
        NaN for patches of plates without a truth; None where there is none at all: the plates
        were not simulated, are not found any more, or were cut otherwise.
    """
    found = [pd.read_parquet(path) for path in beside_plates(dataset, "truth.parquet") if path]
    if not found or target not in found[0]:
        return None
    truth = pd.concat(found, ignore_index=True)
    own = dataset.table[KEYS]
    sizes = pd.concat([table.groupby(KEYS[:3]).size() for table in (own, truth)], axis=1).dropna()
    if not sizes[0].eq(sizes[1]).all():
        return None  # cut into patches of another size
    joined = own.merge(truth[[*KEYS, target]], on=KEYS, how="left", validate="one_to_one")
    values = joined[target].to_numpy(np.float64)
    return None if np.isnan(values).all() else values


def with_truth(dataset: Dataset, target: str) -> Dataset:
    """Return the dataset with the true overlap in the column ``overlap``, where all of it is known.

    The masks' own measure is then in the column `OF_MASKS`; otherwise it stays in ``overlap``.

    Parameters
    ----------
    target : str
        A name of `core.overlap.TARGETS`.

    Raises
    ------
    PlateError
        If the dataset was prepared before it held this measure.
    """
    if OF_MASKS in dataset.table:
        return dataset
    own = dataset.with_target(target)
    truth = true_overlap(dataset, target)
    if truth is None or np.isnan(truth).any():
        return own
    return replace(
        own, table=own.table.assign(**{OF_MASKS: own.table["overlap"], "overlap": truth})
    )
