"""Mask methods by name: which pixels of a patch are stained cells.

Each method is a function of patches, raised to the background, and of the level of the
background. The networks' method, ``unet``, needs a trained network: whoever has loaded one passes
it to `method`, for nothing here knows of registries or Keras.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ck19ml.core import masks
from ck19ml.errors import ConfigError

Method = Callable[[NDArray[np.unsignedinteger], int], NDArray[np.bool_]]
"""Takes the patches of one field, (n, height, width, channels), unsigned integers raised to the
background, and the background's level; returns masks of the same shape, bool. It leaves the patches
as they are, gives the same masks for the same patches, and none where nothing is above the
background."""

METHODS: dict[str, Method] = {"otsu": masks.otsu}
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
    return network
