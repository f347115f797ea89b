"""Mask methods by name: which pixels of a field are stained cells.

The default, ``instrument``, and the network's method, ``unet``, look at a raw field as a whole. All
others are functions of the field's patches, raised to the background, and of the background's
level. Nothing here knows of registries or Keras: whoever has loaded a network passes it to
`segment`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ck19ml.core import patch_masks
from ck19ml.core.cells import separate
from ck19ml.core.instrument_masks import CellKinds, label_field
from ck19ml.core.measurements.panel import PAIR, Panel
from ck19ml.core.patches import PATCH_SIZE, cut, grid_shape, raise_background
from ck19ml.errors import ConfigError

Method = Callable[[NDArray[np.unsignedinteger], int], NDArray[np.bool_]]
"""Takes the patches of one field, (n, height, width, channels), unsigned integers raised to the
background, and the background's level; returns masks of the same shape, bool. It leaves the patches
as they are, gives the same masks for the same patches, and none where nothing is above the
background."""

PlaneMethod = Callable[[NDArray[np.unsignedinteger], float, str | None], NDArray[np.bool_]]
"""Takes a raw image of one channel, (height, width), the diameter of its cells in pixels and the
channel's name, `None` where nobody knows what kind of cells it shows; returns its mask, bool."""

ATTEMPTS = 10
CRITERIA = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
"""At most 10 iterations, eps 1.0, 10 attempts (DOMAIN.md, the study's processing, step 4)."""

SEED = 2211
"""Of the starts of k-means. The same for every patch: a mask does not depend on which came first,
as it did in the study."""


def kmeans(patches: NDArray[np.unsignedinteger], background: int) -> NDArray[np.bool_]:
    """Mask the brighter cluster of each patch and channel, as the study did.

    OpenCV's k-means of the grey values, scaled to [0, 1] by their own minimum and maximum, with the
    study's parameters. `core.patch_masks.otsu` finds the best split of the same kind; this one,
    stopped early, comes near it.

    Parameters
    ----------
    patches : ndarray, (n, height, width, channels), unsigned integers
        Grey values, raised to the background.
    background : int
        Grey values at or below it are never part of a mask.

    Returns
    -------
    ndarray, (n, height, width, channels), bool
    """
    found = np.zeros(patches.shape, bool)
    for index, channel in np.ndindex(patches.shape[0], patches.shape[3]):
        plane = patches[index, :, :, channel]
        low, high = int(plane.min()), int(plane.max())
        if low == high:
            continue
        scaled = (plane.reshape(-1, 1) - np.float32(low)) / np.float32(high - low)
        cv2.setRNGSeed(SEED)
        _, labels, centres = cv2.kmeans(
            scaled, 2, np.empty((0, 1), np.int32), CRITERIA, ATTEMPTS, cv2.KMEANS_PP_CENTERS
        )
        brighter = (labels == centres.argmax()).reshape(plane.shape)
        found[index, :, :, channel] = brighter & (plane > background)
    return found


def per_field(patch_method: Method) -> Method:
    """Turn a method that looks at each patch alone into one that looks at a field's as a whole."""

    def whole(patches: NDArray[np.unsignedinteger], background: int) -> NDArray[np.bool_]:
        number, height, width, channels = patches.shape
        if not number:
            return np.zeros(patches.shape, bool)
        field = patches.reshape(1, number * height, width, channels)
        return patch_method(field, background).reshape(patches.shape)

    return whole


def without_noise(any_method: Method) -> Method:
    """Empty a method's mask where it finds no cell but noise, see `patch_masks.is_noise`."""

    def cells(patches: NDArray[np.unsignedinteger], background: int) -> NDArray[np.bool_]:
        found = any_method(patches, background)
        for index, channel in np.argwhere(patch_masks.is_noise(found)):
            found[index, :, :, channel] = False
        return found

    return cells


PLAIN: dict[str, Method] = {
    "otsu": patch_masks.otsu,
    "kmeans": kmeans,
    "threshold": patch_masks.threshold,
}

PATCH_METHODS: dict[str, Method] = {name: without_noise(each) for name, each in PLAIN.items()}
"""Methods that look at each patch and channel alone."""

FIELD_METHODS: dict[str, Method] = {
    f"{name}-field": without_noise(per_field(each)) for name, each in PLAIN.items()
}
"""The same with one threshold for all patches of a field: what is given at once is one field."""

METHODS: dict[str, Method] = PATCH_METHODS | FIELD_METHODS
"""Methods that need nothing but the patches."""

NETWORK = "unet"
"""Name of the method that is a trained network."""

INSTRUMENT = "instrument"
"""Name of the default, see `core.instrument_masks`."""

NAMES = (INSTRUMENT, *METHODS, NETWORK)
"""All names that configs and the command line take."""

LABELS = "labels"
"""Stands for masks that were read from another program's label images; no field can be masked so
again."""

MISSES = {
    "otsu": "it keeps the bright middle of a cell and loses half of the T cells",
    "kmeans": "it keeps the bright middle of a cell and loses half of the T cells",
    "threshold": "it loses the rims of cells and with them half of the overlap",
}
"""Shortcomings of the study's methods, against the simulator's truth (docs/masks.md)."""


def shortcoming(name: str) -> str | None:
    """Say what masks by one of the study's methods miss; None for the others."""
    misses = MISSES.get(name.removesuffix("-field"))
    return misses and f"mask method '{name}': {misses}; the default is '{INSTRUMENT}'"


def method(name: str) -> Method:
    """Look up a mask method that works on patches.

    Parameters
    ----------
    name : str
        One of `METHODS`.

    Raises
    ------
    ConfigError
        If the name is not known or does not work on patches.
    """
    if name not in METHODS:
        raise ConfigError(
            f"mask: {name!r} does not work on patches; choose one of {', '.join(METHODS)}"
        )
    return METHODS[name]


STUDY_SIEVES_UM2 = {"dc": 18.0, "tcell": 40.0}
"""Smallest DC and T cell among the masks of methods that work on patches: the instrument's own
sieves (DOMAIN.md, the study's processing, step 7)."""


@dataclass(frozen=True)
class MaskSettings:
    """Settings of the masks of raw fields.

    Attributes
    ----------
    method : str
        One of `NAMES`.
    cells : CellKinds
        What the cells look like; used by `INSTRUMENT`, and of it the diameters by `NETWORK`.
    pixel_size_um : float
        Side of a pixel in micrometres.
    patch_size : int
        Side of the patches in pixels, for methods that work on patches.
    levels : tuple of int
        Background of each channel that these methods raise values to.
    panel : Panel
        The image's channels.
    """

    method: str = INSTRUMENT
    cells: CellKinds = field(default_factory=CellKinds)
    pixel_size_um: float = 1.34
    patch_size: int = PATCH_SIZE
    levels: tuple[int, ...] = (255, 255)
    panel: Panel = PAIR


@dataclass(frozen=True)
class Segmentation:
    """The cells of a whole field, channel by channel.

    Attributes
    ----------
    masks : ndarray, (channels, height, width), bool
        Pixels of cells; of a channel without a stain those of all stained channels.
    labels : ndarray, (channels, height, width), int32
        Number of the cell of each pixel, from 1; 0 outside the cells. Pieces of a mask that are
        smaller than a cell have none, nor have channels without a stain.
    pixels : int
        Pixels of the field that were looked at: methods that work on patches leave a margin out.
    """

    masks: NDArray[np.bool_]
    labels: NDArray[np.int32]
    pixels: int


def segment(
    image: NDArray[np.unsignedinteger],
    settings: MaskSettings,
    network: PlaneMethod | None = None,
) -> Segmentation:
    """Find the cells of a raw field.

    Parameters
    ----------
    image : ndarray, (height, width, channels), unsigned integers
        Raw grey values of the channels of ``settings.panel``.
    settings : MaskSettings
    network : callable, optional
        What `NETWORK` stands for. It goes to worker processes, so it can be pickled: an object with
        the path of its model folder that loads it when first called.

    Raises
    ------
    ConfigError
        If the method is `LABELS`, or `NETWORK` without a network, or `method` refuses it.
    """
    if settings.method == LABELS:
        raise ConfigError(
            "the masks were read from label images, and raw fields have none; prepare a dataset "
            "with --labels and evaluate on it"
        )
    if settings.method == INSTRUMENT:
        labels = label_field(image, settings.cells, settings.pixel_size_um, settings.panel)
    elif settings.method == NETWORK:
        labels = _label_by(network, image, settings)
    else:
        return segment_by(method(settings.method), image, settings)
    return whole(labels > 0, labels, labels[0].size, settings.panel)


def whole(
    masks: NDArray[np.bool_], labels: NDArray[np.int32], pixels: int, panel: Panel
) -> Segmentation:
    """Return the segmentation of all channels from the masks and labels of the stained ones.

    Parameters
    ----------
    masks, labels : ndarray, (stained channels, height, width), bool and int32
    pixels : int
        See `Segmentation`.
    panel : Panel
    """
    if panel.stained == panel.names:
        return Segmentation(masks, labels, pixels)
    shape = (len(panel.names), *labels.shape[1:])
    every, numbers = np.broadcast_to(masks.any(axis=0), shape).copy(), np.zeros(shape, np.int32)
    every[list(panel.places)], numbers[list(panel.places)] = masks, labels
    return Segmentation(every, numbers, pixels)


def _label_by(
    network: PlaneMethod | None, image: NDArray[np.unsignedinteger], settings: MaskSettings
) -> NDArray[np.int32]:
    """Label the cells that a network finds in a raw field, (stained, height, width)."""
    if network is None:
        raise ConfigError(
            f"the mask method '{NETWORK}' needs a network; give --mask-model, or choose another"
        )
    labels = []
    for name, channel in settings.panel.placed:
        kind = settings.cells.of(name)
        diameter_px = kind.diameter_um / settings.pixel_size_um
        mask = network(np.ascontiguousarray(image[..., channel]), diameter_px, name)
        smallest = kind.min_area_um2 / settings.pixel_size_um**2
        labels.append(label_mask(mask, smallest, diameter_px))
    return np.stack(labels)


def segment_by(
    patch_method: Method, image: NDArray[np.unsignedinteger], settings: MaskSettings
) -> Segmentation:
    """Find the cells of a raw field, (height, width, channels), by a method that takes patches."""
    (height, width), size = image.shape[:2], settings.patch_size
    rows, columns = grid_shape(height, width, size)
    inside = (slice(0, rows * size), slice(width - columns * size, None))
    panel = settings.panel
    found = np.zeros((len(panel.stained), height, width), bool)
    labels = np.zeros(found.shape, np.int32)
    for channel, (name, place) in enumerate(panel.placed):
        level = settings.levels[place]
        patches = np.asarray(raise_background(cut(image[..., place], size), level))
        part = patch_method(patches[..., None], level)[..., 0]
        grid = part.reshape(rows, columns, size, size).swapaxes(1, 2)
        found[channel][inside] = grid.reshape(rows * size, columns * size)
        sieve = STUDY_SIEVES_UM2.get(name) or settings.cells.of(name).min_area_um2
        smallest = sieve / settings.pixel_size_um**2
        labels[channel][inside] = label_mask(found[channel][inside], smallest)
    return whole(found, labels, rows * columns * size**2, panel)


def label_mask(
    mask: NDArray[np.bool_], smallest: float, diameter_px: float | None = None
) -> NDArray[np.int32]:
    """Label the cells of a mask, (height, width), from 1 without gaps.

    Touching ones are separated, see `cells.separate`, and pieces of fewer pixels than `smallest`
    are left out.
    """
    labels = separate(mask, smallest, diameter_px)
    large = np.bincount(labels.ravel()) >= smallest
    large[0] = False
    return np.where(large, np.cumsum(large), 0).astype(np.int32)[labels]
