"""The true overlap of simulated patches, where the plate that a dataset was made from is there."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.plates.dataset.store import Dataset

KEYS = ["plate", "well", "field", "patch"]


def beside_plates(dataset: Dataset, name: str) -> list[Path | None]:
    """Find a file of each plate that a dataset was made from; None where it is not there.

    The plates' folders are looked for where ``dataset.json`` says, as they were given to
    `prepare`, and beside the dataset.
    """
    found = []
    for source in str(dataset.info["source"]).split(", "):
        places = [Path(source) / name, dataset.path.parent / Path(source).name / name]
        found.append(next((place for place in places if place.is_file()), None))
    return found


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
