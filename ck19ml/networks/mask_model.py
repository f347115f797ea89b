"""A trained mask network with its card: a registered model, a mask method, and the shipped one."""

import hashlib
import shutil
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal
from zipfile import BadZipFile

import keras
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ck19ml.core.instrument_masks import CellKinds
from ck19ml.core.mask_methods import NETWORK, MaskSettings, segment
from ck19ml.errors import PlateError
from ck19ml.files.reading import read_json
from ck19ml.networks.architectures import Network
from ck19ml.networks.card import CARD, BaseCard, read_card
from ck19ml.networks.unet import THRESHOLD, find_cells

WEIGHTS = "network.keras"

SHIPPED = Path(__file__).parent / "shipped"
"""Folder of the network that comes with the package; ``make unet`` writes it."""

REMEDY = "train it again with 'ck19ml unet', or use the network that comes with ck19ml"

_ONE_AT_A_TIME = Lock()
"""Threads that prepare fields share a network, which uses all cores by itself."""


Probability = Annotated[float, Field(gt=0, lt=1)]


class MaskCard(BaseCard):
    """Description of a mask network.

    Attributes
    ----------
    architecture : str
        See `unet.build_unet`.
    target : str
        ``truth`` for the true masks of simulated wells, ``annotations`` for those of annotated
        images, or the mask method that it imitates.
    trained_on : str
        What it was trained on, in words.
    cells, pixel_size_um : CellKinds, float
        Cells and pixels of fields of which nothing else is said. Any others will do, because images
        are rescaled by the diameter of their cells in pixels.
    thresholds : dict of str to float
        Probability from which on a pixel is in the mask, by the channel's name; `unet.THRESHOLD`
        for all others. The network is not told the kind of cell; where outlines are sharper than
        it expects, the threshold is higher. Chosen on the validation wells, see
        `unet.best_threshold`.
    scores : dict
        Scores on the validation wells.
    """

    kind: Literal["unet"] = "unet"
    architecture: str
    target: str
    trained_on: str = ""
    cells: CellKinds = CellKinds()
    pixel_size_um: float = Field(default=1.34, gt=0)
    thresholds: dict[str, Probability] = Field(default={})
    scores: dict[str, float] = Field(default={})


class MaskNetwork:
    """A network that masks raw fields; saved and loaded without pickle."""

    def __init__(self, network: Network, card: MaskCard) -> None:
        self.network, self.card = network, card

    def __call__(
        self, plane: NDArray[np.unsignedinteger], diameter_px: float, channel: str | None = None
    ) -> NDArray[np.bool_]:
        """Mask a raw image of one channel, see `unet.find_cells`."""
        threshold = self.card.thresholds.get(channel or "", THRESHOLD)
        with _ONE_AT_A_TIME:
            return find_cells(self.network, plane, diameter_px, threshold)

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
            Raw grey values; channel 0 DC, channel 1 T cell. Cells and pixels are taken for those of
            the card.
        params : dict, optional
            Unused; part of the interface.

        Returns
        -------
        ndarray, (n, height, width, 2), uint8
            1 in cells.

        Raises
        ------
        PlateError
            If the input has the wrong shape.
        """
        fields = np.asarray(model_input)
        if fields.ndim != 4 or fields.shape[3] != 2 or min(fields.shape[1:3]) < 1:
            raise PlateError(
                f"fields must have the shape (n, height, width, 2), found {fields.shape}; stack "
                "the DC and the T-cell image on the last axis"
            )
        how = MaskSettings(NETWORK, self.card.cells, self.card.pixel_size_um)
        masks = [np.moveaxis(segment(image, how, self).masks, 0, -1) for image in fields]
        return np.array(masks, np.uint8).reshape(fields.shape)


@dataclass(frozen=True)
class StoredMasks:
    """A mask network given by its folder, so that worker processes can load it themselves.

    Attributes
    ----------
    folder : Path
        Folder that `MaskNetwork.save` wrote.
    """

    folder: Path

    def __call__(
        self, plane: NDArray[np.unsignedinteger], diameter_px: float, channel: str | None = None
    ) -> NDArray[np.bool_]:
        """Mask a raw image of one channel, see `unet.find_cells`."""
        return self.loaded(plane, diameter_px, channel)

    @property
    def loaded(self) -> MaskNetwork:
        """The network, loaded once per process."""
        with _ONE_AT_A_TIME:
            return _load_once(self.folder)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the network's file, and of its thresholds where it has any."""
        mark = hashlib.sha256((self.folder / WEIGHTS).read_bytes())
        thresholds = read_card(MaskCard, self.folder).thresholds
        if thresholds:
            mark.update(str(sorted(thresholds.items())).encode())
        return mark.hexdigest()

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
        if "background" in read_json(folder / CARD):  # up to 0.2.0
            raise PlateError(
                f"{folder} is a mask network of an earlier ck19ml, which saw patches raised to the "
                f"background; {REMEDY}"
            )
        card = read_card(MaskCard, folder)
        network = keras.models.load_model(folder / WEIGHTS, compile=False, safe_mode=True)
        return MaskNetwork(network, card)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, BadZipFile) as error:
        reason = " ".join(str(error).split())[:120]
        raise PlateError(f"{folder} is not a valid mask network: {reason}; {REMEDY}") from error


def _load_pyfunc(data_path: str) -> MaskNetwork:
    """Load the model for `mlflow.pyfunc`, which looks for a function of this name."""
    return load_mask_network(Path(data_path))
