"""Patches in memory or on disk, and batches of them: shuffled, weighted, augmented."""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import zarr
from numpy.typing import NDArray

from ck19ml.core.augmentation import augment
from ck19ml.core.patches import rescale
from ck19ml.networks.settings import MEMORY_GB
from ck19ml.plates.dataset.store import Dataset

GB = 1_000_000_000
Rows = NDArray[np.integer] | slice


def _scaled(raw: NDArray[np.unsignedinteger], masks: NDArray[np.bool_] | None) -> Any:
    scaled = rescale(raw)
    return scaled if masks is None else np.multiply(scaled, masks, out=scaled)


@dataclass(frozen=True)
class Patches:
    """Patches in memory as they are stored; batches are scaled when they are taken.

    Attributes
    ----------
    raw : ndarray, (n, size, size, channels), unsigned integers
        Raised to the background, unless the network sees unraised pixels.
    masks : ndarray, (n, size, size, channels), bool, optional
        If given, everything outside the masks is exactly 0.
    measurements : ndarray, (n, measures), optional
        See `core.measurements`.
    """

    raw: NDArray[np.unsignedinteger]
    masks: NDArray[np.bool_] | None = None
    measurements: NDArray[np.floating] | None = None

    def __len__(self) -> int:
        return len(self.raw)

    def batch(self, rows: Rows) -> NDArray[np.float32]:
        """Return these patches scaled to [0, 1], (rows, size, size, channels), float32."""
        return np.asarray(_scaled(self.raw[rows], None if self.masks is None else self.masks[rows]))

    def shuffled(self, rng: np.random.Generator) -> NDArray[np.integer]:
        """Draw an order of all patches, (n,)."""
        return rng.permutation(len(self))


class StoredPatches:
    """Patches on disk, of which a few fields at a time are in memory.

    Parameters
    ----------
    dataset : Dataset
    rows : ndarray, (n,)
        Rows of the patches in the dataset.
    masked : bool
        Whether to set everything outside the masks to 0.
    memory : int
        Bytes of memory for fields; two fields are kept in any case.
    """

    def __init__(
        self, dataset: Dataset, rows: NDArray[np.integer], *, masked: bool, memory: int
    ) -> None:
        self.dataset, self.rows, self.masked, self.memory = dataset, rows, masked, memory
        self._per_field, field_bytes = _field_size(dataset.path, masked=masked)
        self._together = max(2, memory // field_bytes)
        self._capacity = 2  # enough to read in order
        self._kept: OrderedDict[int, tuple[Any, Any]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: Rows) -> NDArray[np.float32]:
        """Return these patches scaled to [0, 1], (rows, size, size, channels), float32."""
        rows = self.rows[rows]
        field, place = np.divmod(rows, self._per_field)
        # Fields in memory come first, because each new one replaces an old one.
        needed = sorted(np.unique(field).tolist(), key=lambda index: index not in self._kept)
        made: NDArray[np.float32] | None = None
        for index in needed:
            raw, masks = self._field(index)
            own = field == index
            part = _scaled(raw[place[own]], None if masks is None else masks[place[own]])
            if made is None:
                made = np.empty((len(rows), *part.shape[1:]), np.float32)
            made[own] = part
        assert made is not None  # noqa: S101 (a batch has rows)
        return made

    def shuffled(self, rng: np.random.Generator) -> NDArray[np.integer]:
        """Draw an order of all patches, (n,), shuffling together as many fields as fit in memory.

        Each field is read once an epoch, and a batch still holds patches of many fields.
        """
        self._capacity = self._together
        field = self.rows // self._per_field
        fields = rng.permutation(np.unique(field))
        place = np.empty(int(field.max()) + 1, np.intp)
        place[fields] = np.arange(len(fields)) // self._together
        return np.lexsort((rng.random(len(self.rows)), place[field]))

    def _field(self, index: int) -> tuple[Any, Any]:
        if index in self._kept:
            self._kept.move_to_end(index)
        else:
            while len(self._kept) >= self._capacity:
                self._kept.popitem(last=False)
            start = index * self._per_field
            rows = np.arange(start, min(start + self._per_field, len(self.dataset.table)))
            masks = self.dataset.read_masks(rows) if self.masked else None
            self._kept[index] = (self.dataset.read(rows), masks)
        return self._kept[index]


AnyPatches = Patches | StoredPatches


def _field_size(path: Path, *, masked: bool) -> tuple[int, int]:
    """Return the number of patches and of bytes of a field, which is a chunk of the arrays."""
    array = zarr.open_array(path / "patches", mode="r")
    pixels = math.prod(array.chunks)
    return int(array.chunks[0]), pixels * (array.dtype.itemsize + masked)


def stored_bytes(dataset: Dataset, *, masked: bool) -> int:
    """Return the bytes of all patches of a dataset in memory, with their masks if `masked`."""
    per_field, size = _field_size(dataset.path, masked=masked)
    return math.ceil(len(dataset.table) / per_field) * size


def load_patches(
    dataset: Dataset, rows: NDArray[np.integer], *, masked: bool, memory_gb: float = MEMORY_GB
) -> AnyPatches:
    """Load patches, with their masks if the model sees masked images.

    Parameters
    ----------
    rows : ndarray of int, (n,)
        Rows of the dataset.
    memory_gb : float
        If the patches of the whole dataset fit, these are read into memory. Otherwise they stay on
        disk, and as many fields as fit are in memory at a time.
    """
    memory = int(memory_gb * GB)
    if stored_bytes(dataset, masked=masked) > memory:
        return StoredPatches(dataset, rows, masked=masked, memory=memory)
    return Patches(dataset.read(rows), dataset.read_masks(rows) if masked else None)


class Shuffled(keras.utils.PyDataset):  # type: ignore[misc]
    """Base of all batches: an order that can be drawn again when a training resumes."""

    def __init__(
        self, count: int, batch_size: int, draw: Callable[[], NDArray[np.integer]] | None,
        rng: np.random.Generator | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.batch_size, self.rng = batch_size, rng
        self._count, self._draw, self._rounds = count, draw, 1
        self.order: NDArray[np.integer] = np.arange(count)
        self.epoch = -1
        self.on_epoch_begin()

    def __len__(self) -> int:
        return math.ceil(self._rounds * self._count / self.batch_size)

    def rows(self, index: int) -> NDArray[np.integer]:
        """Return the rows of a batch by its index, (batch_size,) or fewer in the last batch."""
        return self.order[index * self.batch_size : (index + 1) * self.batch_size]

    def on_epoch_begin(self) -> None:
        """Draw a new order, if a generator was given.

        Not at the end of an epoch: Keras calls that hook before the first epoch too.
        """
        self.epoch += 1
        if self._draw is not None:
            self.order = np.concatenate([self._draw() for _ in range(self._rounds)])

    def at_least(self, steps: int) -> None:
        """Let an epoch go round the data as often as it takes to make this many batches.

        Few data then get as many steps of training as many do. Data in a fixed order are not
        repeated.
        """
        if self._draw is not None:
            self._rounds = max(1, math.ceil(steps * self.batch_size / self._count))
            more = [self._draw() for _ in range(self._rounds - 1)]
            self.order = np.concatenate([self.order, *more])

    def state(self) -> dict[str, Any]:
        """Return the state that determines the orders of later epochs (JSON-like)."""
        rng = None if self.rng is None else self.rng.bit_generator.state
        return {"epoch": self.epoch, "rng": rng}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue after the epoch in which `state` was taken."""
        self.epoch = state["epoch"]
        if self.rng is not None:
            self.rng.bit_generator.state = state["rng"]


class Batches(Shuffled):
    """Batches of patches with their targets; without targets each patch is its own target.

    Parameters
    ----------
    patches : Patches or StoredPatches
    targets : ndarray, (n,), optional
    batch_size : int
    rng : numpy.random.Generator, optional
        Draws a new order each epoch; without one the order is fixed.
    class_weights : ndarray, (classes,), optional
        Weights of the patches, by target.
    augmentation : int, optional
        Seed for turning, flipping, shifting and brightening patches anew each epoch
        (`core.augmentation`); by default patches are unchanged. For training batches only.
    """

    def __init__(
        self,
        patches: AnyPatches,
        targets: NDArray[Any] | None,
        batch_size: int,
        rng: np.random.Generator | None = None,
        class_weights: NDArray[np.float64] | None = None,
        augmentation: int | None = None,
    ) -> None:
        self.patches, self.targets = patches, targets
        self.class_weights, self.augmentation = class_weights, augmentation
        draw = None if rng is None else lambda: patches.shuffled(rng)
        super().__init__(len(patches), batch_size, draw, rng)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], ...]:
        rows = self.rows(index)
        x = self.patches.batch(rows)
        if self.augmentation is not None:
            # Seeded by epoch and batch, so that a batch is the same whenever it is asked for.
            x = augment(x, np.random.default_rng([self.augmentation, self.epoch, index]))
        if self.targets is None:
            return x, x
        y = self.targets[rows]
        return (x, y) if self.class_weights is None else (x, y, self.class_weights[y])


class ArrayBatches(Shuffled):
    """Batches of arrays of equal length: features, targets and, if given, sample weights."""

    def __init__(
        self,
        arrays: tuple[NDArray[Any], ...],
        batch_size: int,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.arrays = arrays
        draw = None if rng is None else lambda: rng.permutation(len(arrays[0]))
        super().__init__(len(arrays[0]), batch_size, draw, rng)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], ...]:
        rows = self.rows(index)
        return tuple(array[rows] for array in self.arrays)
