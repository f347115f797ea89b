"""Pooled features of a convolutional encoder, trained or not."""

from typing import Any

import keras
from keras import layers, ops

from ck19ml.networks.architectures import Network

QUANTILES = (0.1, 0.5, 0.9)

SIDE = 12
"""Quantiles are taken over a grid of so many points in each direction: sorting all takes longest.

Flips and turns move the grid over other points."""


def build_pooled_encoder(encoder: Network) -> Network:
    """Build a network from patches to the pooled feature maps of an encoder's levels.

    Each map of each level, after its activation, is reduced to its mean, spread, maximum and
    quantiles over the patch, and these are averaged over the eight flips and turns: what a cell
    looks like counts, and neither where it lies nor which way it points. Encoders with random
    weights give useful features too [1]_.

    Parameters
    ----------
    encoder : keras.Model
        See `architectures.build_encoder`; its weights are shared.

    Returns
    -------
    keras.Model
        Patches, (n, size, size, channels) in [0, 1], to features, (n, features); its name is
        ``encoder``.

    References
    ----------
    .. [1] Saxe et al., "On random weights and unsupervised feature learning", ICML (2011).
    """
    levels = [layer.output for layer in encoder.layers if isinstance(layer, layers.PReLU)]
    pooled = keras.Model(encoder.inputs, ops.concatenate([_pool(maps) for maps in levels], axis=1))
    inputs = keras.Input(encoder.input_shape[1:], name="patches")
    turned = [inputs, ops.transpose(inputs, (0, 2, 1, 3))]
    for axis in (1, 2):
        turned += [ops.flip(each, axis) for each in turned]
    features = layers.Average(name="features")([pooled(each) for each in turned])
    return keras.Model(inputs, features, name="encoder")


def _pool(maps: Any) -> Any:
    step = max(1, min(maps.shape[1:3]) // SIDE)
    grid = maps[:, ::step, ::step]
    points = grid.shape[1] * grid.shape[2]
    ordered = ops.sort(ops.reshape(grid, (-1, points, maps.shape[3])), axis=1)
    quantiles = [ordered[:, round(q * (points - 1))] for q in QUANTILES]
    mean, spread, largest = (f(maps, axis=(1, 2)) for f in (ops.mean, ops.std, ops.max))
    return ops.concatenate([mean, spread, *quantiles, largest], axis=1)
