"""Images of cells with label images beside them, made by hand: what a mask network learns from."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.simulation.mask_fields import ROLES, MaskField
from ck19ml.core.splits import GATE
from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.images import ImageError, read_plane
from ck19ml.plates.label_images import check_labels
from ck19ml.plates.listing import image_files


@dataclass(frozen=True)
class Annotated:
    """An image of one channel with its cells.

    Attributes
    ----------
    name : str
        Name of the file.
    unit : str
        What is never divided between roles: the well in the instrument's file names, which stands
        before the bracket, else the image.
    plane : ndarray, (height, width), uint8 or uint16
    labels : ndarray, (height, width), int32
        Number of the cell of each pixel, from 1; 0 outside.
    sha256 : str
        Fingerprint of the pixels.
    """

    name: str
    unit: str
    plane: NDArray[np.unsignedinteger]
    labels: NDArray[np.int32]
    sha256: str

    @property
    def diameter_px(self) -> float:
        """Diameter of a disc of the cells' median area, in pixels."""
        return float(2 * np.sqrt(np.median(np.bincount(self.labels.ravel())[1:]) / np.pi))


def read_annotations(folder: Path) -> list[Annotated]:
    """Read all images that have a label image: ``NAME.tif`` and ``NAME_labels.tif``.

    A label image begins with the name of its image, and goes on with anything but a letter or
    digit.

    Raises
    ------
    PlateError
        If there is none, or one cannot be used.
    """
    if not folder.is_dir():
        raise PlateError(f"{folder} is not a folder of annotated images; check annotations")
    files = image_files(folder)[0]
    pairs = [(image, label) for image in files for label in files if _is_of(label, image)]
    if not pairs:
        raise PlateError(
            f"{folder} holds no image with a label image beside it; name them NAME.tif and "
            "NAME_labels.tif"
        )
    images = [image for image, _ in pairs]
    twice = next((image for image in images if images.count(image) > 1), None)
    if twice is not None:
        raise PlateError(f"{twice} has {images.count(twice)} label images; keep one")
    return [_read(image, label) for image, label in pairs]


def _is_of(label: Path, image: Path) -> bool:
    rest = label.stem.removeprefix(image.stem)
    own = label.parent == image.parent and label.stem.startswith(image.stem)
    return own and bool(rest) and not rest[0].isalnum()


def _read(image: Path, label: Path) -> Annotated:
    plane = read_plane(image)
    if plane.dtype not in (np.uint8, np.uint16):
        raise ImageError(
            image, f"expected 8 or 16 bits, found {plane.dtype}; export grey values", "wrong type"
        )
    labels = check_labels(label, read_plane(label), (plane.shape[0], plane.shape[1]))
    if not labels.any():
        raise PlateError(f"{label} holds no cell; leave it out")
    grey: NDArray[np.unsignedinteger] = np.ascontiguousarray(plane)
    mark = hashlib.sha256(grey.data).hexdigest()
    return Annotated(image.name, image.stem.split("(")[0].strip(), grey, labels, mark)


def annotated_fields(folder: Path, seed: int) -> dict[str, list[MaskField]]:
    """Read annotated images and split them by well, or by image, into the roles.

    A fifth of the wells is for validation, a fifth for the gate, one of each at least.

    Raises
    ------
    ConfigError
        If there are fewer than three wells.
    """
    images = read_annotations(folder)
    units = sorted({each.unit for each in images})
    if len(units) < len(ROLES):
        raise ConfigError(
            f"annotations: {folder} holds {len(units)} annotated wells or images, and training, "
            f"validation and gate need one each; annotate {len(ROLES)} or more"
        )
    order = np.random.default_rng(seed).permutation(units)
    held = max(round(len(units) / 5), 1)
    roles = {GATE: order[:held], "validation": order[held : 2 * held], "train": order[2 * held :]}
    return {role: [_field(each) for each in images if each.unit in roles[role]] for role in ROLES}


def _field(each: Annotated) -> MaskField:
    planes, masks = each.plane[None], each.labels[None] > 0
    return MaskField(each.name, planes, masks, [each.diameter_px], each.sha256, each.unit)
