"""Keras networks built from plain arguments; all take patches scaled to [0, 1]."""

import math
from typing import Any

import keras
from keras import layers, ops

ARCHITECTURES = ("compact", "slides", "dissertation")
COMPRESSION = 30.0
"""Factor in the logarithm of ``compact``: 1/30 of the largest brightness becomes a fifth."""

DARK = -5.0
"""Logit of 0.7 %, about the mean of a scaled patch (0.3 % on simulated plates)."""

Network = Any
"""A keras.Model; Keras has no type hints."""


def build_encoder(architecture: str, patch_size: int, channels: int = 2) -> Network:
    """Build an encoder from patches, (n, patch_size, patch_size, channels), to features.

    ``slides`` and ``dissertation`` are those of the study (DOMAIN.md): three colour planes, of
    which blue is empty, and one PReLU slope per element. ``compact`` treats 4 x 4 pixels as one
    position from the first layer on, compresses the brightness, and shares one slope per feature
    map. It has as many features at a fraction of the cost.

    Parameters
    ----------
    architecture : {'compact', 'slides', 'dissertation'}
    patch_size : int
        Side of a patch in pixels, a multiple of 16 (32 for ``dissertation``).
    channels : int

    Returns
    -------
    keras.Model
        At 192 pixels ``compact`` and ``slides`` have 2,304 features and ``dissertation`` 1,152;
        ``slides`` has 2,764,368 parameters.

    Raises
    ------
    ValueError
        If the architecture is unknown or cannot take the patch size.
    """
    step = 32 if architecture == "dissertation" else 16
    if architecture not in ARCHITECTURES or patch_size % step:
        raise ValueError(
            f"the architecture must be one of {', '.join(ARCHITECTURES)}, and its patch size a "
            f"multiple of {step}, found {architecture} and {patch_size}"
        )
    inputs = keras.Input((patch_size, patch_size, channels), name="patches")
    if architecture == "compact":
        # Brightness is heavy-tailed: on a linear scale, all but the brightest cells are black.
        x = ops.log1p(inputs * COMPRESSION) / math.log1p(COMPRESSION)
        for filters, kernel, stride in ((32, 4, 4), (32, 3, 1), (48, 3, 2), (16, 3, 2)):
            x = layers.Conv2D(filters, kernel, strides=stride, padding="same")(x)
            x = layers.PReLU(shared_axes=[1, 2])(x)
    else:
        blocks = (64, 32, 32) if architecture == "slides" else (64, 32, 32, 32)
        # The study's images are RGB with an empty blue plane.
        x = ops.pad(inputs, ((0, 0), (0, 0), (0, 0), (0, max(3 - channels, 0))))
        for filters in blocks:
            x = layers.Conv2D(filters, 3, padding="same")(x)
            x = layers.PReLU()(x)
            x = layers.MaxPooling2D(2)(x)
        last = 16 if architecture == "slides" else 32
        x = layers.Conv2D(last, 3, strides=2, padding="same")(x)
        x = layers.PReLU()(x)
    return keras.Model(inputs, layers.Flatten(name="features")(x), name="encoder")


def build_autoencoder(architecture: str, patch_size: int, channels: int = 2) -> Network:
    """Build an autoencoder whose layer ``encoder`` is made by `build_encoder`.

    The output, (n, patch_size, patch_size, channels), lies in [0, 1]. The study's blue plane is
    computed and dropped, so that the losses of all architectures are over the same planes.
    """
    encoder = build_encoder(architecture, patch_size, channels)
    inputs = keras.Input((patch_size, patch_size, channels), name="patches")
    decode = _decode_compact if architecture == "compact" else _decode_study
    outputs = decode(encoder(inputs), encoder.layers[-2].output.shape[1:], architecture, channels)
    return keras.Model(inputs, outputs, name="autoencoder")


def _decode_compact(features: Any, shape: tuple[int, ...], _: str, channels: int) -> Any:
    x = layers.Reshape(shape)(features)
    for filters in (32, 24):
        x = layers.UpSampling2D(2)(x)
        x = layers.Conv2D(filters, 3, padding="same")(x)
        x = layers.PReLU(shared_axes=[1, 2])(x)
    # Most of a patch is black: starting from grey, an epoch or two would be spent on learning that.
    dark = keras.initializers.Constant(DARK)
    return layers.Conv2DTranspose(
        channels, 4, strides=4, activation="sigmoid", bias_initializer=dark, name="reconstruction"
    )(x)


def _decode_study(features: Any, shape: tuple[int, ...], architecture: str, channels: int) -> Any:
    x = layers.Reshape(shape)(features)
    for filters in (16, 32, 32, 64) if architecture == "slides" else (32, 32, 32, 32, 64):
        x = layers.Conv2D(filters, 3, padding="same")(x)
        x = layers.PReLU()(x)
        x = layers.UpSampling2D(2)(x)
    planes = max(3, channels)
    x = layers.Conv2D(planes, 3, padding="same", activation="sigmoid", name="reconstruction")(x)
    return x[..., :channels]


def feature_shape(encoder: Network) -> tuple[int, int, int]:
    """Return the rows, columns and maps from which the encoder's features are flattened."""
    rows, columns, maps = encoder.layers[-2].output.shape[1:]
    return int(rows), int(columns), int(maps)


def build_classifier_head(
    shape: tuple[int, int, int],
    *,
    classes: int,
    units: int,
    depth: int,
    dropout: float,
    normalise: bool,
    pooled: bool,
) -> Network:
    """Build a head from features, (n, features), to class probabilities, (n, classes).

    With one hidden layer of 128 units and all options off it is the head of the slides.

    Parameters
    ----------
    shape : (int, int, int)
        See `feature_shape`.
    units, depth : int
        Width and number of the hidden layers.
    dropout : float
        Share of hidden units dropped during training, in [0, 1).
    normalise : bool
        Whether features are scaled by their batch statistics first.
    pooled : bool
        Whether each map is reduced to its mean, spread and maximum first: the position of a cell
        in its patch says nothing about the stimulation.
    """
    inputs = keras.Input((math.prod(shape),), name="features")
    x = _pool(inputs, shape) if pooled else inputs
    if normalise:
        # Suits the few hundred steps of a head's training; Keras' default suits thousands.
        x = layers.BatchNormalization(momentum=0.9)(x)
    for _ in range(depth):
        x = layers.Dense(units, activation="relu")(x)
        if dropout:
            x = layers.Dropout(dropout)(x)
    outputs = layers.Dense(classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="head")


def _pool(features: Any, shape: tuple[int, int, int]) -> Any:
    maps = layers.Reshape((shape[0] * shape[1], shape[2]))(features)
    spread = ops.sqrt(ops.var(maps, axis=1) + 1e-6)  # the root's slope at 0 is infinite
    return ops.concatenate([ops.mean(maps, axis=1), spread, ops.max(maps, axis=1)], axis=1)


def build_regressor_head(
    shape: tuple[int, int, int], *, dropout: float = 0.15, local: bool = True
) -> Network:
    """Build a head from features, (n, features), to an overlap, (n, 1).

    Parameters
    ----------
    shape : (int, int, int)
        See `feature_shape`.
    dropout : float
        Share of hidden units dropped during training, in [0, 1).
    local : bool
        Whether the same small network judges each position of the feature maps, and its outputs
        are pooled, because overlap is local. Otherwise the head is that of the study. Both end in
        a unit with non-negative weights.
    """
    inputs = keras.Input((math.prod(shape),), name="features")
    x = _judge_positions(inputs, shape) if local else layers.Dense(128, activation="relu")(inputs)
    x = layers.Dropout(dropout)(x)
    x = layers.Dense(64, activation="relu")(x)
    constraint = keras.constraints.NonNeg()
    return keras.Model(
        inputs, layers.Dense(1, kernel_constraint=constraint, name="overlap")(x), name="head"
    )


def _judge_positions(features: Any, shape: tuple[int, int, int]) -> Any:
    x = layers.Reshape((shape[0] * shape[1], shape[2]))(features)
    x = layers.BatchNormalization(momentum=0.9)(x)
    for _ in range(2):
        x = layers.Dense(64, activation="relu")(x)
    return ops.concatenate([ops.mean(x, axis=1), ops.max(x, axis=1)], axis=1)


def join(encoder: Network, head: Network) -> Network:
    """Put a head on an encoder, for a network from patches to the head's output."""
    return keras.Sequential([encoder, head], name="network")


def copy(network: Network) -> Network:
    """Copy a network with its weights, so that training one does not change the other."""
    twin = keras.models.clone_model(network)
    twin.set_weights(network.get_weights())
    return twin
