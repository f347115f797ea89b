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
from ck19ml.networks.settings import ClassifierSettings, FitSettings, OnEncoder, RegressorSettings
from ck19ml.networks.training import (
    Fit,
    class_weights,
    constant_loss,
    fit,
    predict,
    seed_everything,
)


@dataclass(frozen=True)
class Part:
    """Patches of one role with their targets.

    Attributes
    ----------
    patches : Patches or StoredPatches
    features : ndarray, (n, features), float32, optional
        Features of the patches by the frozen encoder, computed once and shared by all trials.
    targets : ndarray, (n,)
        Class indices, or overlaps.
    """

    patches: AnyPatches
    targets: NDArray[Any]
    features: NDArray[np.float32] | None = None


def encode(encoder: Network, part: Part) -> Part:
    """Add the encoder's features to a part that has none."""
    if part.features is not None:
        return part
    return replace(part, features=predict(encoder, part.patches))


def train_classifier(
    encoder: Network,
    train: Part,
    validation: Part | None,
    settings: ClassifierSettings,
    *,
    classes: int,
    seed: int,
    report: Report | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[Network, Fit]:
    """Train a classifier of patches on a copy of the encoder.

    Without validation patches all epochs are run.

    Returns
    -------
    network : keras.Model
        Patches, (n, size, size, 2) in [0, 1], to class probabilities, (n, classes).
    fit : Fit
    """
    seed_everything(seed)
    head = build_classifier_head(
        feature_shape(encoder), classes=classes, **settings.head.model_dump(exclude={"kind"})
    )
    weights = class_weights(train.targets, classes) if settings.class_weights else None
    arguments: dict[str, Any] = {
        "loss": "sparse_categorical_crossentropy",
        "metrics": ("accuracy",),
        "report": report,
        "checkpoint": checkpoint,
    }
    network, result = _train(encoder, head, train, validation, settings, weights, seed, arguments)
    return network, _beside_constant(result, arguments["loss"], train, validation)


def train_regressor(
    encoder: Network | None,
    train: Part,
    validation: Part,
    settings: RegressorSettings,
    *,
    seed: int,
    target: str = "overlap",
    report: Report | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[Network, Fit]:
    """Train a regressor of the overlap on a copy of the encoder.

    The head ``masks`` needs no encoder.

    Parameters
    ----------
    target : str
        Measure that the targets are, for the head ``masks``; see `overlap.build_overlap_network`.

    Returns
    -------
    network : keras.Model
        Patches to overlaps, (n, 1).
    fit : Fit
    """
    seed_everything(seed)
    if not settings.has_encoder:
        network, result = train_overlap_network(
            (train.patches, train.targets),
            (validation.patches, validation.targets),
            settings.fit,
            target=target,
            seed=seed,
            report=report,
            checkpoint=checkpoint,
        )
        return network, _beside_constant(result, "mean_squared_error", train, validation)
    assert encoder is not None  # noqa: S101 (other heads need one)
    head = build_regressor_head(
        feature_shape(encoder), dropout=settings.dropout, local=settings.head == "local"
    )
    arguments: dict[str, Any] = {
        "loss": "mean_squared_error",
        "report": report,
        "checkpoint": checkpoint,
    }
    network, result = _train(encoder, head, train, validation, settings, None, seed, arguments)
    return network, _beside_constant(result, arguments["loss"], train, validation)


def _beside_constant(result: Fit, loss: str, train: Part, validation: Part | None) -> Fit:
    if validation is None:
        return result
    return replace(result, constant_loss=constant_loss(loss, train.targets, validation.targets))


def _train(
    encoder: Network,
    head: Network,
    train: Part,
    validation: Part | None,
    settings: OnEncoder,
    weights: NDArray[np.float64] | None,
    seed: int,
    arguments: dict[str, Any],
) -> tuple[Network, Fit]:
    first = settings.on_features
    result = None
    if first is not None:
        train = encode(encoder, train)
        held_out = None if validation is None else encode(encoder, validation)
        kept = arguments["checkpoint"]
        own = {"checkpoint": None if kept is None else kept.of_stage("head")}
        result = _train_head(head, train, held_out, first, weights, arguments | own)
    network = join(copy(encoder), head)
    if not settings.fine_tune:
        assert result is not None  # noqa: S101 (the fit of a frozen network is that of its head)
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
    """Join the fit of the head alone with the later fit of the whole network."""
    history = pd.concat([head.history, whole.history], ignore_index=True)
    return replace(
        whole,
        history=history,
        head_epochs=head.best_epoch,
        epochs_before=head.epochs_before + whole.epochs_before,
    )
