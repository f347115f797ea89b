"""Train in half precision where the device computes faster in it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from ck19ml.networks.architectures import Network
from ck19ml.networks.settings import Mode


def has_accelerator() -> bool:
    """Tell whether the backend has a GPU or a TPU."""
    if keras.backend.backend() == "torch":
        return bool(sys.modules["torch"].cuda.is_available())  # Keras lists none for it
    for kind in ("gpu", "tpu"):
        try:
            if keras.distribution.list_devices(kind):
                return True
        except RuntimeError:  # how JAX says that there is none
            continue
    return False


@contextmanager
def mixed_precision(network: Network, mode: Mode) -> Iterator[bool]:
    """Compute the network's layers in bfloat16 while the context lasts.

    The weights stay float32, and so does the last layer, whose output the loss is taken of.
    Afterwards the network computes in float32 again: it is registered as if it had been trained
    so, and scores alike everywhere. bfloat16 has float32's range, so the loss needs no scaling.

    Parameters
    ----------
    mode : {'auto', 'on', 'off'}
        ``auto``: on a GPU or TPU only, for processors are slower in it.

    Yields
    ------
    bool
        Whether it is on.
    """
    if mode == "off" or (mode == "auto" and not has_accelerator()):
        yield False
        return
    layers = list(_with_weights(network))[:-1]
    before = [layer.dtype_policy for layer in layers]
    for layer in layers:
        layer.dtype_policy = "mixed_bfloat16"
    try:
        yield True
    finally:
        for layer, policy in zip(layers, before, strict=True):
            layer.dtype_policy = policy


def _with_weights(network: Network) -> Iterator[Any]:
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _with_weights(layer)
        elif layer.weights:
            yield layer
