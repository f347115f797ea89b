"""Training data of the trials: features computed once per study, pixels only where needed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ck19ml.config import TuneConfig
from ck19ml.core.closed_form.wells import Wells
from ck19ml.files.fingerprint import fingerprint
from ck19ml.files.writing import make_folder, replacing
from ck19ml.networks.architectures import Network, build_encoder
from ck19ml.networks.batches import AnyPatches, Patches, load_patches
from ck19ml.networks.closed_form.pooled_encoder import build_pooled_encoder
from ck19ml.networks.heads import Part
from ck19ml.networks.settings import WITH_ENCODER, Source
from ck19ml.networks.training import predict, seed_everything
from ck19ml.tracking import registry
from ck19ml.tracking.runs import Run
from ck19ml.workflows.progress import say
from ck19ml.workflows.steps.closed_form import features_of, wells_of
from ck19ml.workflows.steps.split import Split

NO_PIXELS = Patches(np.zeros((0, 1, 1, 2), np.uint16))
"""Stands for the pixels, which the head of a frozen encoder does not need."""


@dataclass
class Material:
    """Patches of a study: of the training, validation and gate wells.

    Attributes
    ----------
    encoder : keras.Model
        The autoencoder's.
    features : dict of ndarray, (n, features), float32
        Its features by role; on one machine mapped from a file that all processes share.
    folder : Path, optional
        Where features that a trial computes are kept for the others.
    """

    config: TuneConfig
    split: Split
    encoder: Network
    features: dict[str, NDArray[np.float32]]
    folder: Path | None = None
    _kept: dict[Any, Any] = field(default_factory=dict)

    @property
    def masked(self) -> bool:
        """True if the networks see images that are 0 outside the masks."""
        return self.config.autoencoder.masked

    def rows(self, roles: tuple[str, ...]) -> NDArray[np.intp]:
        """Return the rows of the usable patches of roles, (n,), one role after the other."""
        return np.concatenate([self.split.rows(role) for role in roles])

    def part(self, rows: NDArray[np.integer], *, pixels: bool) -> Part:
        """Return patches by their rows, with the autoencoder's features of them.

        Parameters
        ----------
        pixels : bool
            Whether the patches themselves are needed.
        """
        patches: AnyPatches = NO_PIXELS
        if pixels:
            patches = load_patches(self.split.dataset, rows, masked=self.masked)
        if "features" not in self._kept:
            held = self.rows(self.split.fitted)
            place = np.full(len(self.split.dataset.table), -1, np.intp)
            place[held] = np.arange(len(held))
            every = np.concatenate([self.features[role] for role in self.split.fitted])
            self._kept["features"] = place, every
        place, every = self._kept["features"]
        return Part(patches, self.split.labels(rows), every[place[rows]])

    def pooled(self, untrained: bool) -> Network:
        """Return the pooled encoder that closed-form heads see."""
        if ("network", untrained) not in self._kept:
            encoder = self.encoder
            if untrained:
                seed_everything(self.config.seed)
                size, channels = self.encoder.input_shape[1], self.encoder.input_shape[-1]
                encoder = build_encoder(self.config.autoencoder.architecture, size, channels)
            self._kept["network", untrained] = build_pooled_encoder(encoder)
        return self._kept["network", untrained]

    def wells(self, source: Source, untrained: bool, roles: tuple[str, ...]) -> Wells:
        """Return the wells of roles as a closed-form head sees them."""
        rows, found = self.rows(roles), []
        if source != "encoder":
            measured: Source = "cells" if source == "cells" else "measurements"
            found += features_of(self.split, rows, measured, None, masked=self.masked)
        if source in WITH_ENCODER:
            parts = [self._pooled_features(untrained, role) for role in roles]
            found.append(np.concatenate(parts).astype(np.float64))
        return wells_of(self.split, rows, found)

    def _pooled_features(self, untrained: bool, role: str) -> NDArray[np.float32]:
        if ("pooled", untrained, role) not in self._kept:
            rows = self.split.rows(role)
            network = self.pooled(untrained)
            weights = [weight.tobytes().hex() for weight in network.get_weights()]
            mark = fingerprint(weights, self.split.dataset.content_hash, rows.tolist())
            path = None if self.folder is None else self.folder / f"pooled-{mark}.npy"
            self._kept["pooled", untrained, role] = self._encoded(path, network, rows)
        return np.asarray(self._kept["pooled", untrained, role])

    def _encoded(
        self, path: Path | None, network: Network, rows: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        """Read the features of patches, or compute and keep them."""
        known = None if path is None else read_features(path, len(rows))
        if known is not None:
            return known
        say(f"encoding {len(rows)} patches")
        patches = load_patches(self.split.dataset, rows, masked=self.masked)
        features = predict(network, patches)
        if path is None:
            return features
        make_folder(path.parent)
        with replacing(path) as made, made.open("wb") as file:
            np.save(file, features, allow_pickle=False)
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def load_material(config: TuneConfig, split: Split, encoder_run: Run, folder: Path) -> Material:
    """Load the data of the trials; features are computed once and stored beside the study.

    Parameters
    ----------
    folder : Path
        Folder of the features.
    """
    encoder = registry.load_model(registry.model_uri(encoder_run)).encoder
    material = Material(config, split, encoder, {}, folder)
    mark = fingerprint(encoder_run.id)
    for role in split.fitted:
        rows = split.rows(role)
        own = fingerprint(mark, split.dataset.content_hash, rows.tolist())
        path = folder / f"features-{own}.npy"
        material.features[role] = material._encoded(path, encoder, rows)
    return material


def read_features(path: Path, patches: int) -> NDArray[np.float32] | None:
    """Open features that `load_material` stored, (patches, features), float32; None if invalid."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    is_whole = isinstance(found, np.ndarray) and found.shape[:1] == (patches,)
    return found if is_whole and found.dtype == np.float32 else None
