"""Train a classifier or a regressor on an encoder, frozen or fine-tuned."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.networks.architectures import (
    Network,
    build_classifier_head,
    build_regressor_head,
    copy,
    feature_shape,
    join,
)
from ck19ml.networks.batches import AnyPatches, Batches
from ck19ml.networks.callbacks import Report
from ck19ml.networks.checkpoint import Checkpoint
from ck19ml.networks.overlap import train_overlap_network
from ck19ml.networks.training import Fit, FitSettings, class_weights, fit, predict, seed_everything


@dataclass(frozen=True)
class Part:
    """The patches of one role with their targets.

    Attributes
    ----------
    patches : Patches or StoredPatches
    features : ndarray, (n, features), float32, optional
        The frozen encoder's features of these patches; computed once, shared by all trials.
    targets : ndarray, (n,)
        Class indices, or overlaps.
    """

    patches: AnyPatches
    targets: NDArray[Any]
    features: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class HeadSettings:
    """The head and its training: what the tuning searches over.

    Attributes
    ----------
    units, depth : int
        Width and number of the hidden layers.
    dropout : float
    normalise, pooled : bool
        See `models.build_classifier_head`.
    fine_tune : bool
        Whether the encoder is trained too.
    class_weights : bool
        Whether each class weighs the same, whatever its number of patches.
    fit : FitSettings
    head_fit : FitSettings, optional
        With `fine_tune`: how the head is trained on the stored features before the encoder is
        trained too. A random head would first distort what the encoder knows [1]_.

    References
    ----------
    .. [1] Kumar et al., "Fine-tuning can distort pretrained features", ICLR (2022).
    """

    units: int
    depth: int
    dropout: float
    normalise: bool
    pooled: bool
    fine_tune: bool
    class_weights: bool
    fit: FitSettings
    head_fit: FitSettings | None = None


@dataclass(frozen=True)
class RegressorSettings:
    """The head of a regressor and its training; see `HeadSettings` and `build_regressor_head`.

    Attributes
    ----------
    masks : bool
        Whether the network cuts each channel itself (`overlap_network`); it has no encoder then.
    target : str
        With `masks`: what is regressed, see `overlap_network.build_overlap_network`.
    """

    dropout: float
    local: bool
    fine_tune: bool
    fit: FitSettings
    head_fit: FitSettings | None = None
    masks: bool = False
    target: str = "overlap"


def encode(encoder: Network, part: Part) -> Part:
    """Add the encoder's features to a part, unless it has them."""
    if part.features is not None:
        return part
    return replace(part, features=predict(encoder, part.patches))


def train_classifier(
    encoder: Network,
    train: Part,
    validation: Part | None,
    settings: HeadSettings,
    *,
    classes: int,
    seed: int,
    report: Report | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[Network, Fit]:
    """Train a classifier of patches; the encoder that is passed in stays as it is.

    Without validation patches all epochs are run.

    Returns
    -------
    network : keras.Model
        Patches, (n, size, size, 2) in [0, 1], to class probabilities, (n, classes).
    fit : Fit
    """
    seed_everything(seed)
    head = build_classifier_head(
        feature_shape(encoder),
        classes=classes,
        units=settings.units,
        depth=settings.depth,
        dropout=settings.dropout,
        normalise=settings.normalise,
        pooled=settings.pooled,
    )
    weights = class_weights(train.targets, classes) if settings.class_weights else None
    arguments = {
        "loss": "sparse_categorical_crossentropy",
        "metrics": ("accuracy",),
        "report": report,
        "checkpoint": checkpoint,
    }
    return _train(encoder, head, train, validation, settings, weights, seed, arguments)


def train_regressor(
    encoder: Network | None,
    train: Part,
    validation: Part,
    settings: RegressorSettings,
    *,
    seed: int,
    report: Report | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[Network, Fit]:
    """Train a regressor of the overlap; the encoder passed in stays as it is.

    With `RegressorSettings.masks` no encoder is needed.

    Returns
    -------
    network : keras.Model
        Patches to overlaps, (n, 1).
    fit : Fit
    """
    seed_everything(seed)
    if settings.masks:
        return train_overlap_network(
            (train.patches, train.targets),
            (validation.patches, validation.targets),
            settings.fit,
            target=settings.target,
            seed=seed,
            report=report,
            checkpoint=checkpoint,
        )
    assert encoder is not None  # noqa: S101 (heads stand on one)
    head = build_regressor_head(
        feature_shape(encoder), dropout=settings.dropout, local=settings.local
    )
    arguments: dict[str, Any] = {
        "loss": "mean_squared_error",
        "report": report,
        "checkpoint": checkpoint,
    }
    return _train(encoder, head, train, validation, settings, None, seed, arguments)


def _train(
    encoder: Network,
    head: Network,
    train: Part,
    validation: Part | None,
    settings: HeadSettings | RegressorSettings,
    weights: NDArray[np.float64] | None,
    seed: int,
    arguments: dict[str, Any],
) -> tuple[Network, Fit]:
    first = settings.head_fit if settings.fine_tune else settings.fit
    result = None
    if first is not None:
        train = encode(encoder, train)
        held_out = None if validation is None else encode(encoder, validation)
        kept = arguments["checkpoint"]
        own = {"checkpoint": None if kept is None else kept.of_stage("head")}
        result = _train_head(head, train, held_out, first, weights, arguments | own)
    network = join(copy(encoder), head)
    if not settings.fine_tune:
        assert result is not None  # noqa: S101 (a frozen network is its head's fit)
        return network, result
    size = settings.fit.batch_size
    rng = np.random.default_rng(seed)
    changed = seed if settings.fit.augment else None
    batches = Batches(train.patches, train.targets, size, rng, weights, changed)
    known = None if validation is None else Batches(validation.patches, validation.targets, size)
    after = len(result.history) if result else 0
    second = fit(network, batches, known, settings.fit, first_epoch=after + 1, **arguments)
    return network, second if result is None else joined(result, second)


def _train_head(
    head: Network,
    train: Part,
    validation: Part | None,
    settings: FitSettings,
    weights: NDArray[np.float64] | None,
    arguments: dict[str, Any],
) -> Fit:
    data: tuple[Any, ...] = (train.features, train.targets)
    if weights is not None:
        data += (weights[train.targets],)
    held_out = None if validation is None else (validation.features, validation.targets)
    return fit(head, data, held_out, settings, **arguments)


def joined(head: Fit, whole: Fit) -> Fit:
    """Join the fit of the head alone and that of the whole network after it."""
    history = pd.concat([head.history, whole.history], ignore_index=True)
    return replace(
        whole,
        history=history,
        head_epochs=head.best_epoch,
        epochs_before=head.epochs_before + whole.epochs_before,
    )
