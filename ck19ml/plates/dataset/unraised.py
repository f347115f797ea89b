"""Patches that are not raised to the background, read again from the images of the plates."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.patches import cut, raise_background, stored_dtype
from ck19ml.errors import PlateError
from ck19ml.plates.dataset.hashes import hash_patches
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.truth import plate_folders
from ck19ml.plates.description import PlateDescription
from ck19ml.plates.folder import Field, find_plate, read_field

KEYS = ["plate", "well", "field"]


class Unraised(Dataset):
    """A dataset whose patches are read from the images that it was made from."""

    def read(self, rows: NDArray[np.integer]) -> NDArray[np.unsignedinteger]:
        """Read patches as the camera took them, (n, size, size, channels).

        Raises
        ------
        PlateError
            If an image is not the one that the dataset was made from.
        ImageError
            If one cannot be read.
        """
        wanted = self.table.iloc[rows].reset_index(drop=True)
        hashes = self.fields.set_index(KEYS)["sha256"]
        size = self.parameters["patch_size"]
        made = np.empty((len(rows), size, size, len(self.panel.names)), np.uint16)
        for key, part in wanted.groupby(KEYS, sort=False):
            each, description = _images(self)[key]
            patches = np.asarray(cut(read_field(each, description), size))
            levels = self.panel.levels(self.parameters["background"])
            stored = stored_dtype(description.bit_depth)
            if hash_patches(raise_background(patches, levels).astype(stored)) != hashes[key]:
                raise PlateError(
                    f"{each.first} is not the image that {self.path} was made from; prepare the "
                    "plate again with --overwrite"
                )
            made[part.index] = patches[part["patch"]]
        return made


def unraised(dataset: Dataset) -> Dataset:
    """Return the dataset with patches as the camera took them.

    Raises
    ------
    PlateError
        If the images it was made from are not there any more, or their illumination was corrected.
    """
    if dataset.illumination:
        raise PlateError(
            f"{dataset.path} was prepared with corrected illumination, and unraised pixels are not "
            "corrected; prepare it without --illumination"
        )
    if set(dataset.fields[KEYS].itertuples(index=False, name=None)) - set(_images(dataset)):
        raise PlateError(
            f"the images that {dataset.path} was made from are not found at "
            f"{dataset.info['source']}, nor beside it; put the plate there"
        )
    return Unraised(dataset.path, dataset.table, dataset.fields, dataset.info)


def _images(dataset: Dataset) -> Mapping[Any, tuple[Field, PlateDescription]]:
    """Find the images of each field, by plate, well and number."""
    return _found(tuple(folder for folder in plate_folders(dataset) if folder))


@lru_cache(maxsize=4)
def _found(folders: tuple[Path, ...]) -> Mapping[Any, tuple[Field, PlateDescription]]:
    plates = [find_plate(folder, strict=False) for folder in folders]
    return {
        (each.plate, each.well, each.field): (each, plate.description)
        for plate in plates
        for each in plate.fields
    }
