"""Mask methods by name: which pixels of a patch are stained cells.

Each method is a function of patches, raised to the background, and of the level of the
background. The networks' method, ``unet``, needs a trained network: whoever has loaded one passes
it to `method`, for nothing here knows of registries or Keras.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from ck19ml.core import masks
from ck19ml.errors import ConfigError

Method = Callable[[NDArray[np.unsignedinteger], int], NDArray[np.bool_]]
"""Takes the patches of one field, (n, height, width, channels), unsigned integers raised to the
background, and the background's level; returns masks of the same shape, bool. It leaves the patches
as they are, gives the same masks for the same patches, and none where nothing is above the
background."""

ATTEMPTS = 10
CRITERIA = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
"""At most 10 iterations, eps 1.0, 10 attempts (DOMAIN.md, the study's processing, step 4)."""

SEED = 2211
"""Of the starts of k-means. The same for every patch: a mask does not depend on which came first,
as it did in the study."""


def kmeans(patches: NDArray[np.unsignedinteger], background: int) -> NDArray[np.bool_]:
    """Mask the brighter cluster of each patch and channel, as the study did.

    OpenCV's k-means of the grey values, scaled to [0, 1] by their own minimum and maximum, with the
    study's parameters. `core.masks.otsu` finds the best split of the same kind; this one, stopped
    early, comes near it.

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
    """Let a method give an empty mask where it finds no cell but noise, see `masks.is_noise`."""

    def cells(patches: NDArray[np.unsignedinteger], background: int) -> NDArray[np.bool_]:
        found = any_method(patches, background)
        for index, channel in np.argwhere(masks.is_noise(found)):
            found[index, :, :, channel] = False
        return found

    return cells


PLAIN: dict[str, Method] = {"otsu": masks.otsu, "kmeans": kmeans, "threshold": masks.threshold}

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

NAMES = (*METHODS, NETWORK)
"""All names that configs and the command line take."""


def method(name: str, network: Method | None = None) -> Method:
    """Look up a mask method.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    network : Method, optional
        The trained network's method, which ``unet`` stands for. It goes to worker processes, so it
        can be pickled: an object with the path of its model folder that loads it when first called.

    Raises
    ------
    ConfigError
        If the name is not known, or there is no network for ``unet``.
    """
    if name in METHODS:
        return METHODS[name]
    if name != NETWORK:
        raise ConfigError(
            f"expected a mask method ({', '.join(NAMES)}), found {name!r}; correct 'mask'"
        )
    if network is None:
        raise ConfigError(
            "expected a trained network for the mask method 'unet', found none; train one by "
            "'ck19ml unet' and name its model"
        )
    return without_noise(network)
