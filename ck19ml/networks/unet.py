"""The U-Net that finds stained cells: its input, its layers and its loss.

The network sees one channel of a field at a time. A network that saw both would learn how cells
of the two kinds usually lie relative to each other. The overlap of its masks, which is to be
measured, would then partly be an expectation; bleed-through between the channels would add to it.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from ck19ml.core.normalisation import resized, standardise
from ck19ml.core.simulation.mask_examples import Examples, Variation
from ck19ml.networks.architectures import Network
from ck19ml.networks.batches import Shuffled

ARCHITECTURES = ("compact", "study")
STEP = 16
"""Every network takes images whose sides are multiples of this."""

THRESHOLD = 0.5
"""Probability at or above which a pixel is in the mask, where the kind of cell is not known."""

TRIED = np.arange(5, 100, 5) / 100
"""Probabilities that `best_threshold` chooses from."""

BAND = 512
"""Rows of an image that the network masks at a time: little memory, whatever the image."""

HALO = 48
"""Rows above and below that it sees beside: more than reach a pixel of the band."""

RARE = -4.0
"""Logit of 2 %, the share of a patch that cells of one kind cover."""


def build_unet(architecture: str, *, filters: int = 16) -> Network:
    """Build a U-Net from images of one channel to the probability of a stained cell in each pixel.

    ``study`` has the study's parameters (DOMAIN.md, the study's processing, step 4): 16 filters at
    full resolution, doubled at each of four halvings, and batch normalisation. ``compact`` treats
    2 x 2 pixels as one position and halves twice; its field of view is wide enough for cells, which
    are about ten pixels wide.

    Parameters
    ----------
    architecture : {'compact', 'study'}
    filters : int
        Feature maps at the finest level.

    Returns
    -------
    keras.Model
        Takes (n, height, width, 1), see `core.normalisation.standardise`, and gives the same shape,
        in [0, 1]; height and width are multiples of `STEP`.

    Raises
    ------
    ValueError
        If the architecture is unknown.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"the architecture must be one of {', '.join(ARCHITECTURES)}, found {architecture}"
        )
    inputs = keras.Input((None, None, 1), name="plane")
    depth, step = (2, 2) if architecture == "compact" else (4, 1)
    # The first step is linear, so that the four pixels of a position remain distinguishable.
    x = layers.Conv2D(filters, step, strides=step, name="stem")(inputs) if step > 1 else inputs
    skipped = []
    for level in range(depth):
        x = _block(x, filters * 2**level)
        skipped.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = _block(x, filters * 2**depth)
    for level in reversed(range(depth)):
        x = layers.Conv2DTranspose(filters * 2**level, 2, strides=2)(x)
        x = _block(layers.Concatenate()([x, skipped[level]]), filters * 2**level)
    # Cells are rare: starting from one half, an epoch would be spent on learning that.
    rare = keras.initializers.Constant(RARE)
    outputs = layers.Conv2DTranspose(
        1, step, strides=step, activation="sigmoid", bias_initializer=rare, name="probability"
    )(x)
    return keras.Model(inputs, outputs, name=f"unet_{architecture}")


def _block(x: Any, filters: int) -> Any:
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        # Suits the few thousand steps of a training; Keras' default suits tens of thousands.
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
    return x


def bce_dice(true: Any, predicted: Any) -> Any:
    """Return the binary cross-entropy plus the Dice loss of the whole batch.

    Where pixels of cells are rare, cross-entropy alone settles for probabilities far below one
    half; Dice [1]_ counts the pixels in both masks. It is taken over the batch, because it is
    undefined for an image without cells.

    Parameters
    ----------
    true, predicted : tensor, (n, height, width, 1), in [0, 1]

    References
    ----------
    .. [1] Milletari et al., "V-Net", 3DV (2016).
    """
    entropy = ops.mean(keras.losses.binary_crossentropy(true, predicted))
    both, all_ = ops.sum(true * predicted), ops.sum(true) + ops.sum(predicted)
    return entropy + 1 - (2 * both + 1) / (all_ + 1)


def find_cells(
    network: Network,
    plane: NDArray[np.unsignedinteger],
    diameter_px: float,
    threshold: float = THRESHOLD,
) -> NDArray[np.bool_]:
    """Mask a raw image of one channel.

    Parameters
    ----------
    plane : ndarray, (height, width), unsigned integers
        Raw grey values of a whole field.
    diameter_px : float
        Diameter of a typical cell in pixels.
    threshold : float, optional

    Returns
    -------
    ndarray, (height, width), bool
        True where the network's probability is at least the threshold.
    """
    probability = probabilities(network, standardise(plane, diameter_px))
    return resized(probability, plane.shape) >= threshold


def best_threshold(
    network: Network,
    planes: Sequence[NDArray[np.unsignedinteger]],
    masks: Sequence[NDArray[np.bool_]],
    diameters_px: Sequence[float],
) -> float:
    """Return the threshold of `TRIED` with the highest mask IoU, on average over images.

    Parameters
    ----------
    network : keras.Model
    planes, masks : sequence of ndarray, (height, width)
        Raw images of one kind of cell, and their true masks.
    diameters_px : sequence of float
        Diameter of the cells of each image, in pixels.
    """
    ious = []
    for plane, mask, diameter_px in zip(planes, masks, diameters_px, strict=True):
        found = resized(probabilities(network, standardise(plane, diameter_px)), plane.shape)
        inside = np.sort(found[mask]), np.sort(found[~mask])
        both, beside = (len(each) - np.searchsorted(each, TRIED) for each in inside)
        ious.append(both / np.maximum(np.count_nonzero(mask) + beside, 1))
    return float(TRIED[np.mean(ious, axis=0).argmax()])


def probabilities(network: Network, seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probability of a cell in each pixel of a standardised image, (height, width)."""
    height, width = seen.shape
    # Multiples of the coarsest level's pixels; beyond the rim there is background.
    whole = np.pad(seen, ((HALO, HALO + -height % STEP), (0, -width % STEP)))
    found = np.empty((height, width), np.float32)
    for start in range(0, height, BAND):
        rows = min(BAND, height - start)
        band = whole[start : start + rows + 2 * HALO + -rows % STEP]
        answer = np.asarray(network.predict_on_batch(band[None, :, :, None]))
        found[start : start + rows] = answer[0, HALO : HALO + rows, :width, 0]
    return found


class Batches(Shuffled):
    """Batches of crops with their masks, varied anew each time they are used.

    Parameters
    ----------
    examples : Examples
    batch_size : int
    variation : Variation, optional
    rng : numpy.random.Generator, optional
        Draws the order of each epoch and the variation; without one both are off.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        *,
        variation: Variation | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.examples, self.variation = examples, variation
        count = len(examples.planes)
        super().__init__(
            count, batch_size, None if rng is None else lambda: rng.permutation(count), rng
        )

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rows = self.rows(index)
        planes, masks = self.examples.planes[rows], self.examples.masks[rows]
        if self.variation is not None and self.rng is not None:
            planes, masks = self.variation(planes, masks, self.rng)
        return planes[..., None], masks[..., None].astype(np.float32)
