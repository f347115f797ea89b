"""Closed-form heads as Keras networks: a normalisation and one dense layer."""

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from ck19ml.core.closed_form.heads import LinearHead
from ck19ml.networks.architectures import Network
from ck19ml.networks.training import predict_features


def build_head(head: LinearHead) -> Network:
    """Build the network of a closed-form head.

    Returns
    -------
    keras.Model
        From features, (n, features), float32, in which NaN stands for a missing one, to class
        probabilities, (n, classes).
    """
    inputs = keras.Input((head.mean.size,), name="features")
    scaled = layers.Normalization(mean=head.mean, variance=head.scale**2)(inputs)
    known = ops.where(ops.isnan(scaled), 0.0, scaled)
    dense = layers.Dense(head.biases.size, activation="softmax", name="probabilities")
    network = keras.Model(inputs, dense(known), name="head")
    dense.set_weights([head.weights, head.biases])
    return network


def head_logits(head: Network, features: NDArray[np.floating]) -> NDArray[np.float64]:
    """Evaluate a head of `build_head` up to its softmax, which loses what lies beyond certainty.

    Parameters
    ----------
    features : ndarray, (n, features)
        NaN stands for a missing one.

    Returns
    -------
    ndarray, (n, classes), float64
    """
    last = head.layers[-1]
    seen = predict_features(keras.Model(head.input, last.input), features.astype(np.float32))
    weights, biases = (part.astype(np.float64) for part in last.get_weights())
    return np.asarray(seen.astype(np.float64) @ weights + biases)
