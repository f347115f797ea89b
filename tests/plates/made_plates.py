"""Small plate folders, written by hand for the tests."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from ck19ml.plates.layouts.records import WellRecord, as_layout

SIDE = 40
"""Side of a field: two patches of 16 pixels each way, and a margin of 8."""


def grey(seed: int, shape: tuple[int, int] = (SIDE, SIDE), bits: int = 12) -> np.ndarray:
    """A noisy plane with a bright square of a cell's size in every 16 x 16 pixels."""
    rng = np.random.default_rng(seed)
    largest = 2**bits - 1
    plane = rng.integers(0, largest // 12, shape)
    for top in range(0, shape[0] - 15, 16):
        for left in range(shape[1] % 16, shape[1] - 15, 16):
            y, x = np.array([top, left]) + rng.integers(2, 7, 2)
            plane[y : y + 8, x : x + 8] = rng.integers(largest // 2, largest, (8, 8))
    return plane.astype(np.uint8 if bits <= 8 else np.uint16)


def write_image(path: Path, plane: np.ndarray, **options: object) -> Path:
    """Write a TIFF; `options` are tifffile's."""
    tifffile.imwrite(path, plane, photometric="minisblack", **options)
    return path


def write_well(
    folder: Path, row: str, column: int | str, *, field: int = 1, plate: str = "CK19", seed: int = 0
) -> tuple[Path, Path]:
    """Write the DC and the T-cell file of a field, as the INCell names them."""
    folder.mkdir(exist_ok=True)
    prefix = f"{plate} - " if plate else ""
    names = [
        f"{prefix}{row} - {column}(fld {field} wv {wave} - {wave}).tif"
        for wave in ("TexasRed", "FITC")
    ]
    number = sum(map(ord, f"{row}{int(column)}/{field}")) + 1000 * seed
    dc, tcell = (write_image(folder / name, grey(2 * number + k)) for k, name in enumerate(names))
    return dc, tcell


def labels(wells: Iterable[str], stimulation: str = "OVA") -> pd.DataFrame:
    """A layout in which all wells have the same stimulation."""
    return as_layout(WellRecord(well, stimulation) for well in wells)


def contents(folder: Path) -> dict[str, str]:
    """Hash of every file below a folder; of what is no file, what it is."""
    return {str(path.relative_to(folder)): _what(path) for path in sorted(folder.rglob("*"))}


def _what(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return "folder" if path.is_dir() else "neither file nor folder"
