"""Closed-form heads as Keras networks: a normalisation and one dense layer."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers, ops

from ck19ml.core.linear_heads import LinearHead
from ck19ml.networks.architectures import Network


def build_head(heads: Mapping[str, LinearHead]) -> Network:
    """Build a network that averages the log-probabilities of closed-form heads.

    Parameters
    ----------
    heads : mapping of str to LinearHead
        By the name of what each is fitted on; all of the same classes.

    Returns
    -------
    keras.Model
        Takes a dict with an array, (n, features), float32, for each name, in which NaN stands for
        a missing feature; gives class probabilities, (n, classes).
    """
    inputs = {name: keras.Input((len(head.mean),), name=name) for name, head in heads.items()}
    logits = [_logits(inputs[name], name, head) for name, head in heads.items()]
    # Log-probabilities are logits up to a constant, which the softmax takes out again.
    mean = logits[0] if len(logits) == 1 else layers.Average(name="mean")(logits)
    outputs = layers.Softmax(name="probabilities")(mean)
    return keras.Model(inputs, outputs, name="head")


def _logits(features: Any, name: str, head: LinearHead) -> Any:
    scaled = layers.Normalization(
        mean=head.mean, variance=head.scale**2, name=f"{name}_normalisation"
    )(features)
    known = ops.where(ops.isnan(scaled), 0.0, scaled)
    dense = layers.Dense(head.biases.size, name=f"{name}_logits")
    logits = dense(known)
    dense.set_weights([head.weights, head.biases])
    return logits
