"""Fields as they would look without some of their cells: what a model's answer rests on."""

from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.overlap import DC, TCELL

HALO_UM = 4.0
"""Width of the rim that is removed with a cell: its light is blurred beyond the outline."""

BLOCK = 64
"""Side in pixels of the squares whose background is taken for local."""

FEWEST = 50
"""Background pixels of a square below which the whole field's are used."""

IN_CONTACT, ELSEWHERE = "T cells on DCs", "as many other T cells"


@dataclass(frozen=True)
class Removal:
    """Cells of one channel that are taken out of a field.

    Attributes
    ----------
    name : str
        What is removed.
    channel : int
        `DC` or `TCELL`.
    labels : ndarray of int, (n,)
        Numbers of the cells.
    """

    name: str
    channel: int
    labels: NDArray[np.integer]


def removals(cells: pd.DataFrame, rng: np.random.Generator) -> list[Removal]:
    """Choose what to remove from a field: each kind, the contacts, and a control for these.

    Parameters
    ----------
    cells : DataFrame
        channel, label and partners of each cell, see `core.contacts.measure_cells`.
    rng : numpy.random.Generator
        Draws the control: T cells that touch no DC, as many as touch one, or all there are.

    Returns
    -------
    list of Removal
        All DCs, all T cells, the T cells that touch a DC, and the control.
    """
    dcs, tcells = (cells[cells["channel"] == name] for name in ("dc", "tcell"))
    touches = tcells["partners"] > 0
    bound, free = (tcells.loc[part, "label"].to_numpy() for part in (touches, ~touches))
    chosen = rng.choice(free, min(len(bound), len(free)), replace=False)
    return [
        Removal("all DCs", DC, dcs["label"].to_numpy()),
        Removal("all T cells", TCELL, tcells["label"].to_numpy()),
        Removal(IN_CONTACT, TCELL, bound),
        Removal(ELSEWHERE, TCELL, chosen),
    ]


def without(
    image: NDArray[np.unsignedinteger],
    labels: NDArray[np.integer],
    removal: Removal,
    pixel_um: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.unsignedinteger], NDArray[np.bool_]]:
    """Remove cells from a field; the other channel and the other cells stay as they are.

    Each pixel of the cells and of a rim of `HALO_UM` takes the grey value of a random background
    pixel of its square, so that brightness and noise are those of the surroundings: an even patch
    would be a texture of its own.

    Parameters
    ----------
    image : ndarray, (height, width, 2), unsigned integers
    labels : ndarray, (2, height, width), integers
        Number of the cell of each pixel; 0 outside the cells.
    removal : Removal
    pixel_um : float
        Side of a pixel in micrometres.
    rng : numpy.random.Generator

    Returns
    -------
    image : ndarray, of the same shape and dtype
    gone : ndarray, (height, width), bool
        Pixels of the removed cells themselves, which leave the channel's mask.
    """
    own, plane = labels[removal.channel], image[..., removal.channel]
    gone = np.isin(own, removal.labels) & (own > 0)
    reach = 2 * max(1, round(HALO_UM / pixel_um)) + 1
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    replaced = cv2.dilate(gone.view(np.uint8), rim).view(np.bool_) & ((own == 0) | gone)
    background = cv2.dilate((own > 0).view(np.uint8), rim) == 0
    if not background.any():
        background = plane <= np.quantile(plane, 0.05)
    made = image.copy()
    everywhere = plane[background]
    for top in range(0, own.shape[0], BLOCK):
        for left in range(0, own.shape[1], BLOCK):
            square = slice(top, top + BLOCK), slice(left, left + BLOCK)
            here = replaced[square]
            local = plane[square][background[square]]
            known = local if local.size >= FEWEST else everywhere
            made[square][here, removal.channel] = rng.choice(known, np.count_nonzero(here))
    return made, gone
