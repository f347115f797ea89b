"""The hashes by which a dataset proves that it is what was written."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HASHES = "hashes"
"""Key of ``dataset.json``: SHA-256 of each file beside the chunks, by its path in the dataset."""

SEAL = "sha256"
"""Key of ``dataset.json``: SHA-256 of all its other keys."""

NOT_CHUNKS = ("*", "*/zarr.json", "mask_network/*")
"""The files beside the chunks; these are hashed by their values, see `hash_patches`."""


def hash_patches(patches: NDArray[np.unsignedinteger]) -> str:
    """SHA-256 of patches, (n, size, size, 2): of their values in C order."""
    return hashlib.sha256(np.ascontiguousarray(patches).data).hexdigest()


def hash_masks(masks: NDArray[np.bool_]) -> str:
    """SHA-256 of masks, (n, size, size, 2): of their values in C order, eight to a byte."""
    return hashlib.sha256(np.packbits(np.ascontiguousarray(masks).reshape(-1)).data).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(dataset: Path) -> dict[str, str]:
    """SHA-256 of each file of a dataset but its chunks and ``dataset.json``, by its path there."""
    found = sorted({path for pattern in NOT_CHUNKS for path in dataset.glob(pattern)})
    return {
        path.relative_to(dataset).as_posix(): hash_file(path)
        for path in found
        if path.is_file() and path.name != "dataset.json"
    }


def seal(content: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON-like mapping without its seal, whatever the order of its keys."""
    rest = {key: value for key, value in content.items() if key != SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
