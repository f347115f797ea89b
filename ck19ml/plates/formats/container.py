"""An image file, opened: what it says of itself, and how its pixels are read."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNKNOWN = "?"
"""Letter of an axis that the file does not name."""

UM = {
    "µm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0,
    "nm": 1e-3, "nanometer": 1e-3, "mm": 1e3, "millimeter": 1e3, "cm": 1e4, "m": 1e6, "meter": 1e6,
}  # fmt: skip
"""Micrometres of the units that files give lengths in."""

Index = tuple[int | slice, ...]


class SeveralImages(ValueError):
    """A file holds several images, and nothing says which one is meant."""


@dataclass(frozen=True)
class Header:
    """Metadata of an image file.

    Attributes
    ----------
    axes : str
        One letter an axis, Y and X and those longer than 1: T time, Z focal plane, C channel, S
        the samples of a colour image, ? an axis that the file does not name.
    shape : tuple of int
        Length of each.
    dtype : dtype
    channels : tuple of str
        Names of the channels of axis C, or of the only one; empty where there are none.
    pixel_size_um : float, optional
    bits : int, optional
        Significant bits of a value.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    channels: tuple[str, ...] = ()
    pixel_size_um: float | None = None
    bits: int | None = None

    def size(self, axis: str) -> int:
        """Return the length of an axis; 1 where there is none."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    def bytes(self, index: Index) -> int:
        """Return the number of bytes of what an index selects."""
        taken = (
            1 if isinstance(part, int) else size
            for part, size in zip(index, self.shape, strict=True)
        )
        return math.prod(taken) * self.dtype.itemsize


@dataclass(frozen=True)
class Container:
    """An open image file.

    Attributes
    ----------
    header : Header
    read : callable
        Takes an index with an entry for each axis of the header, ``slice(None)`` for Y and X.
    whole : bool
        Whether any reading takes all planes into memory.
    """

    header: Header
    read: Callable[[Index], NDArray[np.generic]]
    whole: bool = True


def micrometres(size: object, unit: str | None) -> float | None:
    """Return a length in micrometres; None where it is no positive number of a known unit."""
    factor = UM.get((unit or "um").replace("\u03bc", "µ").replace("\\u00B5", "µ"))
    try:
        length = float(str(size)) * (factor or 0)
    except ValueError:
        return None
    return length if length > 0 and math.isfinite(length) else None
