"""Closed-form heads as Keras networks: a normalisation and one dense layer."""

import keras
from keras import layers, ops

from ck19ml.core.closed_form.heads import LinearHead
from ck19ml.networks.architectures import Network


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
