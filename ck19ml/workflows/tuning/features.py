"""Training data of the trials: features computed once per study, pixels only where needed."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ck19ml.files.fingerprint import fingerprint
from ck19ml.files.writing import make_folder, replacing
from ck19ml.networks.architectures import Network
from ck19ml.networks.batches import AnyPatches, Patches, load_patches
from ck19ml.networks.heads import Part
from ck19ml.networks.training import predict
from ck19ml.tracking import registry
from ck19ml.tracking.runs import Run
from ck19ml.workflows.progress import say
from ck19ml.workflows.steps.split import Split

NO_PIXELS = Patches(np.zeros((0, 1, 1, 2), np.uint16))
"""Stands for the pixels, which the head of a frozen encoder does not need."""


@dataclass
class Material:
    """Patches of a study: of the training, validation and gate wells.

    Attributes
    ----------
    encoder : keras.Model
    features : dict of ndarray, (n, features), float32
        Features by role; on one machine mapped from a file that all processes share.
    """

    split: Split
    masked: bool
    encoder: Network
    features: dict[str, NDArray[np.float32]]
    _patches: dict[str, AnyPatches] = field(default_factory=dict)

    def part(self, role: str, *, pixels: bool) -> Part:
        """Return the patches of a role with their features.

        Parameters
        ----------
        pixels : bool
            Whether the patches themselves are needed; they are read once, at the first request.
        """
        labels = self.split.labels(self.split.rows(role))
        patches = self._pixels(role) if pixels else NO_PIXELS
        return Part(patches, labels, self.features[role])

    def whole(self, *, pixels: bool) -> Part:
        """Return the patches of all roles as one part, on which the champion is trained."""
        rows = np.concatenate([self.split.rows(role) for role in self.split.fitted])
        patches: AnyPatches = NO_PIXELS
        if pixels:
            patches = load_patches(self.split.dataset, rows, masked=self.masked)
        features = np.concatenate([self.features[role] for role in self.split.fitted])
        return Part(patches, self.split.labels(rows), features)

    def _pixels(self, role: str) -> AnyPatches:
        if role not in self._patches:
            rows = self.split.rows(role)
            self._patches[role] = load_patches(self.split.dataset, rows, masked=self.masked)
        return self._patches[role]


def load_material(split: Split, *, masked: bool, encoder_run: Run, folder: Path) -> Material:
    """Load the data of the trials; features are computed once and stored beside the study.

    Parameters
    ----------
    folder : Path
        Folder of the features.
    """
    encoder = registry.load_model(registry.model_uri(encoder_run)).encoder
    material = Material(split, masked, encoder, {})
    mark = fingerprint(encoder_run.id)
    for role in split.fitted:
        own = fingerprint(mark, split.dataset.content_hash, split.rows(role).tolist())
        path = folder / f"features-{own}.npy"
        features = read_features(path, len(split.rows(role)))
        if features is None:
            _encode(path, encoder, material._pixels(role))
            features = np.load(path, mmap_mode="r", allow_pickle=False)
        material.features[role] = features
    return material


def read_features(path: Path, patches: int) -> NDArray[np.float32] | None:
    """Open features that `load_material` stored, (patches, features), float32; None if invalid."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    is_whole = isinstance(found, np.ndarray) and found.shape[:1] == (patches,)
    return found if is_whole and found.dtype == np.float32 else None


def _encode(path: Path, encoder: Network, patches: AnyPatches) -> None:
    say(f"encoding {len(patches)} patches")
    features = predict(encoder, patches)
    make_folder(path.parent)
    with replacing(path) as made, made.open("wb") as file:
        np.save(file, features, allow_pickle=False)
