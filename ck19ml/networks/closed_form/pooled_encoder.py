"""Pooled features of a convolutional encoder, trained or not."""

from typing import Any

import keras
from keras import layers, ops

from ck19ml.networks.architectures import Network

QUANTILES = (0.1, 0.5, 0.9)


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
    rows, columns, number = maps.shape[1:]
    flat = ops.reshape(maps, (-1, rows * columns, number))
    ordered = ops.sort(flat, axis=1)
    places = [round(q * (rows * columns - 1)) for q in (*QUANTILES, 1.0)]
    moments = [ops.mean(flat, axis=1), ops.std(flat, axis=1)]
    return ops.concatenate([*moments, *(ordered[:, place] for place in places)], axis=1)
