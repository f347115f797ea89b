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
    """Patches in memory as they are stored; batches of them are scaled on the way.

    Attributes
    ----------
    raw : ndarray, (n, size, size, 2), unsigned integers, raised to the background
    masks : ndarray, (n, size, size, 2), bool, optional
        Where given, everything outside the masks is exactly 0.
    """

    raw: NDArray[np.unsignedinteger]
    masks: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.raw)

    def batch(self, rows: Rows) -> NDArray[np.float32]:
        """Scale these patches to [0, 1], (rows, size, size, 2), float32."""
        return np.asarray(_scaled(self.raw[rows], None if self.masks is None else self.masks[rows]))

    def shuffled(self, rng: np.random.Generator) -> NDArray[np.integer]:
        """Draw an order of all patches, (n,)."""
        return rng.permutation(len(self))


class StoredPatches:
    """Patches that stay on disk; a few fields of them are in memory at a time.

    Parameters
    ----------
    dataset : Dataset
    rows : ndarray, (n,)
        The dataset's rows of these patches.
    masked : bool
        Whether everything outside the masks is set to 0.
    memory : int
        Bytes that fields may take in memory; two fields are kept in any case.
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
        """Scale these patches to [0, 1], (rows, size, size, 2), float32."""
        rows = self.rows[rows]
        field, place = np.divmod(rows, self._per_field)
        # Fields at hand come first, for each new one takes the place of an old one.
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
        """Draw an order of all patches, (n,): as many fields as fit are shuffled together.

        Each field is then read once an epoch, while a batch holds patches of many fields.
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
    """Patches and bytes of a field, which is a chunk of the arrays."""
    array = zarr.open_array(path / "patches", mode="r")
    pixels = math.prod(array.chunks)
    return int(array.chunks[0]), pixels * (array.dtype.itemsize + masked)


def stored_bytes(dataset: Dataset, *, masked: bool) -> int:
    """Bytes that all patches of a dataset take in memory, with their masks if `masked`."""
    per_field, size = _field_size(dataset.path, masked=masked)
    return math.ceil(len(dataset.table) / per_field) * size


def load_patches(
    dataset: Dataset, rows: NDArray[np.integer], *, masked: bool, memory_gb: float = MEMORY_GB
) -> AnyPatches:
    """Take patches, with their masks where the model sees masked images.

    Parameters
    ----------
    rows : ndarray of int, (n,)
        Of the dataset.
    memory_gb : float
        They are read into memory where those of the whole dataset fit into it. Otherwise they
        stay on disk, and as many fields as fit are in memory at a time.
    """
    memory = int(memory_gb * GB)
    if stored_bytes(dataset, masked=masked) > memory:
        return StoredPatches(dataset, rows, masked=masked, memory=memory)
    return Patches(dataset.read(rows), dataset.read_masks(rows) if masked else None)


class _Shuffled(keras.utils.PyDataset):  # type: ignore[misc]
    """What all batches share: an order that can be drawn again where a training goes on."""

    def __init__(
        self, count: int, batch_size: int, draw: Callable[[], NDArray[np.integer]] | None,
        rng: np.random.Generator | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.batch_size, self.rng = batch_size, rng
        self._count, self._draw = count, draw
        self.order: NDArray[np.integer] = np.arange(count)
        self.epoch = -1
        self.on_epoch_begin()

    def __len__(self) -> int:
        return math.ceil(self._count / self.batch_size)

    def rows(self, index: int) -> NDArray[np.integer]:
        """Rows of the batch with this index, (batch_size,) or fewer in the last."""
        return self.order[index * self.batch_size : (index + 1) * self.batch_size]

    def on_epoch_begin(self) -> None:
        """Draw a new order, where a generator was given.

        Not at an epoch's end: Keras calls that hook once more, before the first epoch.
        """
        self.epoch += 1
        if self._draw is not None:
            self.order = self._draw()

    def state(self) -> dict[str, Any]:
        """Return what the orders of the epochs after this one follow from (JSON-like)."""
        rng = None if self.rng is None else self.rng.bit_generator.state
        return {"epoch": self.epoch, "rng": rng}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on after the epoch in which `state` was taken."""
        self.epoch = state["epoch"]
        if self.rng is not None:
            self.rng.bit_generator.state = state["rng"]


class Batches(_Shuffled):
    """Batches of patches with their targets; without targets a patch is its own.

    Parameters
    ----------
    patches : Patches or StoredPatches
    targets : ndarray, (n,), optional
    batch_size : int
    rng : numpy.random.Generator, optional
        Draws a new order each epoch; without one the order is kept.
    class_weights : ndarray, (classes,), optional
        Weight of each patch, by its target.
    augmentation : int, optional
        Seed by which patches are turned, flipped, shifted and brightened (`core.augmentation`),
        anew each epoch; by default they are not. For training batches only.
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
            # By epoch and batch, so that a batch is the same whoever asks for it, and when.
            x = augment(x, np.random.default_rng([self.augmentation, self.epoch, index]))
        if self.targets is None:
            return x, x
        y = self.targets[rows]
        return (x, y) if self.class_weights is None else (x, y, self.class_weights[y])


class ArrayBatches(_Shuffled):
    """Batches of arrays of the same length: features, targets and, if given, sample weights."""

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
