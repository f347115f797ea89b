"""Records that the readers of all instruments return."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ck19ml.core.wells import FORMATS
from ck19ml.errors import PlateError


@dataclass(frozen=True, order=True)
class ImageFile:
    """One image file and what it shows, in the words of whoever named it.

    Attributes
    ----------
    row, column : str
        The row's letters or its number from 1; the column's number.
    field, z, time : str, optional
        Numbers.
    channel : str, optional
        Its name; None where the file holds several.
    """

    path: Path
    row: str
    column: str
    plate: str | None = None
    field: str | None = None
    channel: str | None = None
    z: str | None = None
    time: str | None = None


@dataclass(frozen=True)
class InstrumentPlate:
    """Content of an instrument's own metadata of a plate.

    Attributes
    ----------
    source : Path
        The file that says it.
    images : tuple of ImageFile
        Also those that are not in the folder.
    described : dict
        Keys of a `PlateDescription` that it gives; None where it does not.
    channels : tuple of str
        Names of the channels; empty where an image does not say any.
    notes : tuple of str
        What is not as one would expect.
    """

    source: Path
    images: tuple[ImageFile, ...]
    described: Mapping[str, Any] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class MetadataError(PlateError):
    """Metadata that cannot be read; the folder can be described by a plate.yaml instead."""

    def __init__(self, path: Path, reason: object) -> None:
        text = " ".join(str(reason).split())[:160]
        super().__init__(
            f"{path}: cannot read the instrument's metadata ({text}); copy the file again, or "
            "describe the file names by 'files' in plate.yaml"
        )


def usual_size(wells: int) -> int | None:
    """Return a plate's number of wells; None where no plate has so many."""
    return wells if wells in FORMATS else None


def inside(folder: Path, name: str | None) -> Path:
    """Return the path of a file that metadata name; Windows' separators count too.

    Raises
    ------
    ValueError
        If it has no name, or leads out of the folder.
    """
    parts = (name or "").replace("\\", "/").split("/")
    if not parts[-1] or ".." in parts or ":" in parts[0] or "\0" in parts[-1]:
        raise ValueError(f"an image called {str(name)[:80]!r}")
    return folder.joinpath(*(part for part in parts if part))
