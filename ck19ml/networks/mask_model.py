"""A trained mask network with its card: what the registry holds, and a mask method by itself."""

import hashlib
import shutil
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal
from zipfile import BadZipFile

import keras
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ck19ml.core.patches import cut, origins, raise_background
from ck19ml.errors import PlateError
from ck19ml.networks.architectures import Network
from ck19ml.networks.card import CARD, BaseCard, read_card
from ck19ml.networks.unet import find_cells

WEIGHTS = "network.keras"

_ONE_AT_A_TIME = Lock()
"""Threads that prepare fields share a network; it uses all cores by itself."""


class MaskCard(BaseCard):
    """What a mask network is and what it has seen.

    The network sees each patch by its own brightness, so on patches of another camera it needs to
    be told the background only. Its wells (`mask_examples.MaskWell`) are simulated; it has seen no
    others.

    Attributes
    ----------
    architecture : str
        See `unet.build_unet`.
    target : str
        ``truth``: the true masks of simulated wells; else the mask method that it imitates.
    scores : dict
        On the validation wells.
    """

    kind: Literal["unet"] = "unet"
    architecture: str
    target: str
    scores: dict[str, float] = Field(default={})


class MaskNetwork:
    """Masks patches and raw fields; made from a folder, without pickle."""

    def __init__(self, network: Network, card: MaskCard) -> None:
        self.network, self.card = network, card

    def __call__(self, patches: NDArray[np.unsignedinteger], background: int) -> NDArray[np.bool_]:
        """Mask patches, as every method of `masking` does."""
        with _ONE_AT_A_TIME:
            return find_cells(self.network, patches, background)

    def save(self, folder: Path) -> Path:
        """Write the network and ``card.json`` into a new folder."""
        folder.mkdir(parents=True)
        self.network.save(folder / WEIGHTS)
        self.card.write(folder)
        return folder

    def predict(self, model_input: NDArray[Any], params: dict[str, Any] | None = None) -> Any:
        """Mask raw fields: what `mlflow.pyfunc` and its server call.

        Parameters
        ----------
        model_input : ndarray, (n, height, width, 2)
            Raw grey values; channel 0 DC, channel 1 T cell.
        params : dict, optional
            Not used; part of the interface.

        Returns
        -------
        ndarray, (n, height, width, 2), uint8
            1 in the cells. The margin that patches leave out (`core.patches.cut`) is 0.

        Raises
        ------
        PlateError
            If the input has another shape.
        """
        fields, size = np.asarray(model_input), self.card.patch_size
        if fields.ndim != 4 or fields.shape[3] != 2 or min(fields.shape[1:3]) < size:
            raise PlateError(
                f"expected fields of shape (n, height, width, 2), at least {size} pixels high and "
                f"wide, found {fields.shape}; stack the DC and the T-cell image on the last axis"
            )
        masks = np.zeros(fields.shape, np.uint8)
        corners = origins(fields.shape[1], fields.shape[2], size)
        for image, mask in zip(fields, masks, strict=True):
            patches = raise_background(cut(image, size), self.card.background)
            found = self(np.asarray(patches, dtype=np.uint16), self.card.background)
            for (y, x), patch in zip(corners, found, strict=True):
                mask[y : y + size, x : x + size] = patch
        return masks


@dataclass(frozen=True)
class StoredMasks:
    """A mask network by its folder: it goes to worker processes, and is loaded where it works.

    Attributes
    ----------
    folder : Path
        What `MaskNetwork.save` wrote.
    """

    folder: Path

    def __call__(self, patches: NDArray[np.unsignedinteger], background: int) -> NDArray[np.bool_]:
        """Mask patches, as every method of `masking` does."""
        return self.loaded(patches, background)

    @property
    def loaded(self) -> MaskNetwork:
        """The network, loaded once a process."""
        with _ONE_AT_A_TIME:
            return _load_once(self.folder)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the network's file."""
        return hashlib.sha256((self.folder / WEIGHTS).read_bytes()).hexdigest()

    def copy_to(self, folder: Path) -> "StoredMasks":
        """Copy the network's files into a folder, and stand for them there."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in (WEIGHTS, CARD):
            shutil.copyfile(self.folder / name, folder / name)
        return StoredMasks(folder)


@lru_cache(maxsize=4)
def _load_once(folder: Path) -> MaskNetwork:
    return load_mask_network(folder)


def load_mask_network(folder: Path) -> MaskNetwork:
    """Load a model folder; nothing in it is executed (Keras' safe mode).

    Raises
    ------
    PlateError
        If the folder was made by another version or is damaged.
    """
    try:
        card = read_card(MaskCard, folder)
        network = keras.models.load_model(folder / WEIGHTS, compile=False, safe_mode=True)
        return MaskNetwork(network, card)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, BadZipFile) as error:
        reason = " ".join(str(error).split())[:120]
        raise PlateError(
            f"expected a mask network in {folder}, found: {reason}; train it again"
        ) from error


def _load_pyfunc(data_path: str) -> MaskNetwork:
    """Load the model for `mlflow.pyfunc`, which looks for this name."""
    return load_mask_network(Path(data_path))
