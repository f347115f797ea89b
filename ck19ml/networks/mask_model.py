"""A trained mask network with its card: a registered model and a mask method."""

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
"""Threads that prepare fields share a network, which uses all cores by itself."""


class MaskCard(BaseCard):
    """Description of a mask network.

    The network scales each patch by its own brightness, so for patches of another camera it needs
    the background only. It has seen only simulated wells (`mask_examples.MaskWell`).

    Attributes
    ----------
    architecture : str
        See `unet.build_unet`.
    target : str
        ``truth`` for the true masks of simulated wells, or the mask method that it imitates.
    scores : dict
        Scores on the validation wells.
    """

    kind: Literal["unet"] = "unet"
    background: int = Field(ge=0)
    architecture: str
    target: str
    scores: dict[str, float] = Field(default={})


class MaskNetwork:
    """A network that masks patches and raw fields; saved and loaded without pickle."""

    def __init__(self, network: Network, card: MaskCard) -> None:
        self.network, self.card = network, card

    def __call__(self, patches: NDArray[np.unsignedinteger], background: int) -> NDArray[np.bool_]:
        """Mask patches, like every mask method."""
        with _ONE_AT_A_TIME:
            return find_cells(self.network, patches, background)

    def save(self, folder: Path) -> Path:
        """Write the network and its card into a new folder."""
        folder.mkdir(parents=True)
        self.network.save(folder / WEIGHTS)
        self.card.write(folder)
        return folder

    def predict(self, model_input: NDArray[Any], params: dict[str, Any] | None = None) -> Any:
        """Mask raw fields, for `mlflow.pyfunc` and its server.

        Parameters
        ----------
        model_input : ndarray, (n, height, width, 2)
            Raw grey values; channel 0 DC, channel 1 T cell.
        params : dict, optional
            Unused; part of the interface.

        Returns
        -------
        ndarray, (n, height, width, 2), uint8
            1 in cells. The margin that is not covered by patches (`core.patches.cut`) is 0.

        Raises
        ------
        PlateError
            If the input has the wrong shape.
        """
        fields, size = np.asarray(model_input), self.card.patch_size
        if fields.ndim != 4 or fields.shape[3] != 2 or min(fields.shape[1:3]) < size:
            raise PlateError(
                f"fields must have the shape (n, height, width, 2) and be at least {size} pixels "
                f"high and wide, found {fields.shape}; stack the DC and the T-cell image on the "
                "last axis"
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
    """A mask network given by its folder, so that worker processes can load it themselves.

    Attributes
    ----------
    folder : Path
        Folder that `MaskNetwork.save` wrote.
    """

    folder: Path

    def __call__(self, patches: NDArray[np.unsignedinteger], background: int) -> NDArray[np.bool_]:
        """Mask patches, like every mask method."""
        return self.loaded(patches, background)

    @property
    def loaded(self) -> MaskNetwork:
        """The network, loaded once per process."""
        with _ONE_AT_A_TIME:
            return _load_once(self.folder)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the network's file."""
        return hashlib.sha256((self.folder / WEIGHTS).read_bytes()).hexdigest()

    def copy_to(self, folder: Path) -> "StoredMasks":
        """Copy the network's files into a folder, and return the network there."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in (WEIGHTS, CARD):
            shutil.copyfile(self.folder / name, folder / name)
        return StoredMasks(folder)


@lru_cache(maxsize=4)
def _load_once(folder: Path) -> MaskNetwork:
    return load_mask_network(folder)


def load_mask_network(folder: Path) -> MaskNetwork:
    """Load a model folder without executing anything in it (Keras' safe mode).

    Raises
    ------
    PlateError
        If the folder is damaged or of another version.
    """
    try:
        card = read_card(MaskCard, folder)
        network = keras.models.load_model(folder / WEIGHTS, compile=False, safe_mode=True)
        return MaskNetwork(network, card)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, BadZipFile) as error:
        reason = " ".join(str(error).split())[:120]
        raise PlateError(
            f"{folder} is not a valid mask network: {reason}; train it again"
        ) from error


def _load_pyfunc(data_path: str) -> MaskNetwork:
    """Load the model for `mlflow.pyfunc`, which looks for a function of this name."""
    return load_mask_network(Path(data_path))
