"""Train the network that cuts each channel itself; what it sees of the levels is computed once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ck19ml.batches import AnyPatches, Batches
from ck19ml.checkpoint import Checkpoint
from ck19ml.epochs import Report
from ck19ml.models import Network
from ck19ml.overlap_network import build_overlap_network
from ck19ml.training import Fit, FitSettings, fit, predict


class SeenBatches(Batches):
    """Batches of patches together with what the network's layer ``levels`` makes of them."""

    def __init__(
        self,
        levels: Network,
        patches: AnyPatches,
        targets: NDArray[Any],
        batch_size: int,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.seen = predict(levels, patches)
        super().__init__(patches, targets, batch_size, rng)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        x, y = super().__getitem__(index)
        return (x, self.seen[self.rows(index)]), y


def train_overlap_network(
    train: tuple[AnyPatches, NDArray[np.floating]],
    validation: tuple[AnyPatches, NDArray[np.floating]],
    settings: FitSettings,
    *,
    target: str,
    seed: int,
    report: Report | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[Network, Fit]:
    """Train `overlap_network.build_overlap_network` on patches and their overlaps.

    Parameters
    ----------
    train, validation : (patches, targets)
    target : str
        What the targets are, see `build_overlap_network`.

    Returns
    -------
    network : keras.Model
        Patches to overlaps, (n, 1).
    fit : Fit
    """
    patch_size = train[0].batch(slice(0, 1)).shape[1]
    network = build_overlap_network(patch_size, target=target)
    size, rng = settings.batch_size, np.random.default_rng(seed)
    if settings.augment:
        # Changed patches look different at each level: what is seen cannot be kept.
        part, known = Batches(*train, size, rng, augmentation=seed), Batches(*validation, size)
        trained = network
    else:
        levels, trained = network.get_layer("levels"), network.get_layer("measured")
        part = SeenBatches(levels, *train, size, rng)
        known = SeenBatches(levels, *validation, size)
    result = fit(
        trained,
        part,
        known,
        settings,
        loss="mean_squared_error",
        report=report,
        checkpoint=checkpoint,
    )
    return network, result
