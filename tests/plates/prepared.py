"""Datasets of one plate."""

from pathlib import Path

import pandas as pd

from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.folder import Plate
from ck19ml.plates.preparation.job import Progress
from ck19ml.plates.preparation.prepare import prepare_plates
from ck19ml.plates.preparation.runner import local
from ck19ml.plates.preparation.settings import Preparation, Source


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
    """Write the dataset of one plate with what `Preparation` has by default."""
    preparation = Preparation(mask=mask, patch_size=patch_size)
    return prepare_plates(
        [Source(plate, layout)], target, preparation, run=local(workers), progress=progress
    )
