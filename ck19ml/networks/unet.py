"""The U-Net that finds stained cells: its input, its layers and its loss.

The network sees one channel of one patch at a time. A network that saw both would learn how cells
of the two kinds usually lie relative to each other. The overlap of its masks, which is to be
measured, would then partly be an expectation; bleed-through between the channels would add to it.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from ck19ml.core.patches import raise_background
from ck19ml.core.simulation.mask_examples import Variation
from ck19ml.networks.architectures import Network

ARCHITECTURES = ("compact", "study")
STEP = 16
"""Every network takes images whose sides are multiples of this."""

THRESHOLD = 0.5
"""Probability at or above which a pixel is in the mask."""

COMPRESSION = 20.0
"""Factor in the logarithm of the input: 1/20 of the brightness of a cell becomes a quarter."""

DIMMEST = 0.2
"""Smallest brightness, as a share of the background level, by which an image is scaled, so that
noise in an image without cells stays dark."""

RARE = -4.0
"""Logit of 2 %, the share of a patch that cells of one kind cover."""


def as_input(planes: NDArray[np.unsignedinteger], background: int) -> NDArray[np.float32]:
    """Scale images of one channel for the network, each by its own brightness.

    The brightness is the mean of the grey values above the background, weighted by themselves:
    that of the cells, however few they are and whatever the exposure, the dye and the bit depth.
    The logarithm keeps a cell at a tenth of the brightest visible.

    Parameters
    ----------
    planes : ndarray, (n, height, width), unsigned integers
        Grey values, raised to the background.
    background : int

    Returns
    -------
    ndarray, (n, height, width, 1), float32
        0 at the background, about 1 in the cells.
    """
    above = planes.astype(np.float32) - np.float32(background)
    total = above.sum(axis=(1, 2), dtype=np.float64)
    squares = np.einsum("nyx,nyx->n", above, above, dtype=np.float64)
    brightness = np.maximum(squares / np.maximum(total, 1.0), max(DIMMEST * background, 1.0))
    above *= (COMPRESSION / brightness).astype(np.float32)[:, None, None]
    np.log1p(above, out=above)
    above /= np.float32(math.log1p(COMPRESSION))
    return above[..., None]


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
        Takes (n, height, width, 1), see `as_input`, and gives the same shape, in [0, 1]; height
        and width are multiples of `STEP`.

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
    patches: NDArray[np.unsignedinteger],
    background: int,
    *,
    batch: int = 16,
) -> NDArray[np.bool_]:
    """Mask patches, one channel at a time.

    Parameters
    ----------
    patches : ndarray, (n, height, width, channels), unsigned integers
        Grey values, raised to the background; any height and width.
    background : int
    batch : int
        Images per call of the network; fixed, because the result of an image may differ in the
        last digit between batch sizes.

    Returns
    -------
    ndarray, (n, height, width, channels), bool
        Pixels with a probability of at least one half; none in an image without a value above
        the background.
    """
    height, width, channels = patches.shape[1:]
    planes = np.moveaxis(patches, -1, 0).reshape(-1, height, width)
    lit = np.flatnonzero(planes.max(axis=(1, 2), initial=0) > background)
    found = np.zeros(planes.shape, bool)
    # Padded with background to whole pixels of the coarsest level.
    rim = ((0, 0), (0, -height % STEP), (0, -width % STEP), (0, 0))
    for start in range(0, lit.size, batch):
        rows = lit[start : start + batch]
        seen = np.pad(as_input(planes[rows], background), rim)
        probability = np.asarray(network.predict_on_batch(seen))[:, :height, :width, 0]
        found[rows] = probability >= THRESHOLD
    return np.moveaxis(found.reshape(channels, -1, height, width), 0, -1)


class Examples(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of crops with their masks, varied anew each time they are used."""

    def __init__(
        self,
        planes: NDArray[np.uint16],
        masks: NDArray[np.bool_],
        batch_size: int,
        *,
        background: int,
        variation: Variation | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.planes, self.masks, self.batch_size = planes, masks, batch_size
        self.background, self.variation, self.rng = background, variation, rng
        self.order = np.arange(len(planes))
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self.planes) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        planes, masks = self.planes[rows], self.masks[rows]
        if self.variation is not None and self.rng is not None:
            planes, masks = self.variation(planes, masks, self.rng)
        raised = np.asarray(raise_background(planes, self.background))
        return as_input(raised, self.background), masks[..., None].astype(np.float32)

    def on_epoch_end(self) -> None:
        """Draw a new order, if a generator was given."""
        if self.rng is not None:
            self.order = self.rng.permutation(len(self.planes))
