"""A small model that predicts the class of a well by attention over its patches."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from ck19ml.networks.architectures import Network
from ck19ml.networks.training import seed_everything

FAR_BELOW = -1e9
"""Added to the attention of places without a patch."""


@dataclass(frozen=True)
class Bags:
    """Patches of wells, padded to rows of equal length.

    Attributes
    ----------
    features : ndarray, (wells, patches, features), float32
        Rows beyond a well's own patches are 0.
    present : ndarray, (wells, patches), float32
        1 where there is a patch.
    """

    features: NDArray[np.float32]
    present: NDArray[np.float32]


def pooled_features(
    features: NDArray[np.float32], shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Reduce each map of an encoder to its mean, spread and maximum over the patch.

    Parameters
    ----------
    features : ndarray, (n, rows * columns * maps), float32
    shape : (int, int, int)
        See `architectures.feature_shape`.

    Returns
    -------
    ndarray, (n, 3 * maps), float32
    """
    maps = features.reshape(len(features), shape[0] * shape[1], shape[2])
    return np.concatenate([maps.mean(axis=1), maps.std(axis=1), maps.max(axis=1)], axis=1)


def bags(features: NDArray[np.float32], well: NDArray[np.integer]) -> Bags:
    """Put the patches of each well into a row.

    Parameters
    ----------
    features : ndarray, (n, features)
    well : ndarray of int, (n,)
        Index of each patch's well, 0 .. wells - 1.
    """
    counts = np.bincount(well)
    order = np.argsort(well, kind="stable")
    place = np.arange(well.size) - np.repeat(np.cumsum(counts) - counts, counts)
    filled = np.zeros((counts.size, int(counts.max()), features.shape[1]), np.float32)
    present = np.zeros(filled.shape[:2], np.float32)
    filled[well[order], place] = features[order]
    present[well[order], place] = 1
    return Bags(filled, present)


def build_attention(features: int, classes: int, units: int = 16) -> Network:
    """Build the attention model: a well is the weighted mean of its patches [1]_.

    The inputs are `Bags.features`, (n, patches, features), and `Bags.present`, (n, patches), of any
    number of patches; the output is the wells' class probabilities, (n, classes).

    References
    ----------
    .. [1] Ilse, Tomczak, Welling, "Attention-based deep multiple instance learning", ICML (2018).
    """
    patches = keras.Input((None, features), name="features")
    present = keras.Input((None,), name="present")
    weights = layers.Dense(1)(layers.Dense(units, activation="tanh")(patches))
    weights = ops.squeeze(weights, axis=-1) + (1 - present) * FAR_BELOW
    weights = ops.expand_dims(ops.softmax(weights, axis=-1), -1)
    say = layers.Dropout(0.3)(layers.Dense(units, activation="relu")(patches))
    well = ops.sum(weights * say, axis=1)
    outputs = layers.Dense(classes, activation="softmax", name="probabilities")(well)
    return keras.Model([patches, present], outputs, name="attention")


def train_attention(
    train: Bags,
    labels: NDArray[np.integer],
    validation: Bags,
    validation_labels: NDArray[np.integer],
    *,
    classes: int,
    seed: int,
    epochs: int = 200,
) -> tuple[Network, NDArray[np.float32], NDArray[np.float32]]:
    """Train the attention model until the validation loss no longer falls.

    Parameters
    ----------
    train, validation : Bags
        Features of the wells' patches.
    labels, validation_labels : ndarray, (wells,), int
        Class indices.

    Returns
    -------
    network : keras.Model
    mean, scale : ndarray, (features,)
        Mean and standard deviation of the training patches, for standardising features.
    """
    seed_everything(seed)
    known = train.features[train.present > 0]
    mean, scale = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)
    network = build_attention(train.features.shape[2], classes)
    network.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    stop = keras.callbacks.EarlyStopping(patience=20, restore_best_weights=True)
    network.fit(
        _inputs(train, mean, scale),
        labels,
        validation_data=(_inputs(validation, mean, scale), validation_labels),
        batch_size=16,
        epochs=epochs,
        verbose=0,
        callbacks=[stop],
    )
    return network, mean, scale


def answer_wells(
    network: Network, wells: Bags, mean: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Predict the class probabilities of wells, (wells, classes)."""
    found = network.predict(_inputs(wells, mean, scale), verbose=0)
    return np.asarray(found, dtype=np.float64)


def _inputs(
    wells: Bags, mean: NDArray[np.float32], scale: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    standardised = (wells.features - mean) / scale * wells.present[..., None]
    return [standardised.astype(np.float32), wells.present]
