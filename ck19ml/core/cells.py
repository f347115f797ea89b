"""Cells of a mask: touching ones are separated, each is measured, small ones are left out."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import watershed

SINGLE = 1.3
"""Pieces up to so many times the typical piece's area are one cell: areas vary by a quarter, and
two cells that touch lie beyond."""

SPECK_PX = 8
"""Pieces below say nothing of a cell's typical size; a T cell of the CK plates has 56 pixels."""

APART = 0.4
"""Middles of cells of a known diameter lie at least so many diameters apart."""

SMOOTHING = 0.25
"""SD of the blur of the distances as a share of a cell's radius: the steps of an outline on the
pixel grid, and a cell's arms, are no cells."""


@dataclass(frozen=True)
class Pieces:
    """Connected pieces of a mask; pixels that touch at a corner are of one piece.

    Attributes
    ----------
    labels : ndarray, (height, width), int32
        Number of the piece of each pixel, from 1; 0 outside the mask.
    inside : ndarray, (pixels,), intp
        Flat indices of the pixels of the mask, in order.
    boxes : ndarray, (n, 4), int32
        Left, top, width and height of each piece.
    areas : ndarray, (n,), int64
        In pixels.
    """

    labels: NDArray[np.int32]
    inside: NDArray[np.intp]
    boxes: NDArray[np.int32]
    areas: NDArray[np.int64]


def pieces(mask: NDArray[np.bool_]) -> Pieces:
    """Find the connected pieces of a mask, (height, width)."""
    # OpenCV labels a field in a third of scipy's time. Its own statistics of the pieces look at
    # every pixel of the field, which takes longer than all else here: most are of no piece.
    count, labels = cv2.connectedComponentsWithAlgorithm(
        np.ascontiguousarray(mask).view(np.uint8), 8, cv2.CV_32S, cv2.CCL_GRANA
    )
    inside = np.flatnonzero(mask)
    own = labels.ravel()[inside]
    first, last = np.full((2, count), mask.size), np.zeros((2, count), np.intp)
    for axis, place in enumerate(np.divmod(inside, mask.shape[1])[::-1]):
        np.minimum.at(first[axis], own, place)
        np.maximum.at(last[axis], own, place)
    boxes = np.concatenate([first, last - first + 1]).T[1:].astype(np.int32)
    areas = np.bincount(own, minlength=count)[1:].astype(np.int64)
    return Pieces(np.asarray(labels, np.int32), inside, boxes, areas)


def separate(
    mask: NDArray[np.bool_], min_area_px: float = 0.0, diameter_px: float | None = None
) -> NDArray[np.int32]:
    """Give each cell of a mask a number, also those that touch.

    Cells are told apart by the watershed of the distance to the outline: where two round cells
    touch, their piece has a waist, and the distance a maximum on either side of it. How wide a cell
    is follows from the median piece, so that any magnification will do where most cells are single;
    where there is no single cell to compare with, a clump stays one. So do cells that lie wholly on
    one another.

    Parameters
    ----------
    mask : ndarray, (height, width), bool
    min_area_px : float
        Smaller pieces are no cells: they keep their number, and are not asked how wide a cell is.
    diameter_px : float, optional
        Width of a typical cell, where it is known; otherwise the median piece tells it.

    Returns
    -------
    ndarray, (height, width), int32
        Number of the cell of each pixel, from 1; 0 outside the mask.
    """
    found = pieces(mask)
    several, radius = _may_be_several(found, min_area_px, diameter_px)
    numbers = np.concatenate([[0], np.where(several, 0, np.cumsum(~several))]).astype(np.int32)
    cells = np.zeros(found.labels.shape, np.int32)
    cells.ravel()[found.inside] = numbers[found.labels.ravel()[found.inside]]
    last = int(numbers.max(initial=0))
    edge = _edge(radius)
    for sheet, places in _sheets(found, np.flatnonzero(several), radius):
        split = _split(sheet, radius)
        for column, (left, top, width, height) in places:
            part = split[edge : edge + height, column : column + width]
            view = cells[top : top + height, left : left + width]
            view[part > 0] = part[part > 0] + last
        last += int(split.max(initial=0))
    return cells


def _may_be_several(
    found: Pieces, min_area_px: float, diameter_px: float | None = None
) -> tuple[NDArray[np.bool_], int]:
    """Return the pieces larger than one cell, and a typical cell's radius in pixels."""
    if diameter_px is not None:
        typical = np.pi / 4 * diameter_px**2
        return found.areas > SINGLE * typical, max(1, round(APART * diameter_px))
    sizes = found.areas[found.areas >= max(min_area_px, SPECK_PX)]
    if not sizes.size:
        return np.zeros(found.areas.size, bool), 1
    typical = float(np.median(sizes))
    return found.areas > SINGLE * typical, max(1, round((typical / np.pi) ** 0.5))


def _edge(radius: int) -> int:
    """Empty pixels around each piece, so that no piece hides the middle of another's cell."""
    return radius // 2 + 1


def _sheets(
    found: Pieces, chosen: NDArray[np.intp], radius: int
) -> Iterator[tuple[NDArray[np.bool_], list[tuple[int, NDArray[np.int32]]]]]:
    """Lay these pieces side by side: a tenth of the pixels of the field, or less, to work on.

    Yields
    ------
    sheet : ndarray, (height, width), bool
        Pieces of about one height, `_edge` empty pixels around each.
    places : list
        For each piece its first column in the sheet, and its box in the field.
    """
    boxes, edge = found.boxes[chosen], _edge(radius)
    heights = boxes[:, 3]
    size = np.ceil(np.log2(np.maximum(heights, 16))).astype(int)
    for group in np.unique(size):
        rows = np.flatnonzero(size == group)
        ends = np.cumsum(boxes[rows, 2] + 2 * edge)
        sheet = np.zeros((int(heights[rows].max()) + 2 * edge, int(ends[-1])), bool)
        places = []
        for row, end in zip(rows, ends, strict=True):
            left, top, width, height = boxes[row]
            column = int(end) - width - edge
            own = found.labels[top : top + height, left : left + width] == chosen[row] + 1
            sheet[edge : edge + height, column : column + width] = own
            places.append((column, boxes[row]))
        yield sheet, places


def _split(mask: NDArray[np.bool_], radius: int) -> NDArray[np.int32]:
    """Separate the touching cells of a mask by the watershed of the distance to the outline.

    Middles of cells, where the distance is largest, are at least a typical radius apart.
    """
    distance = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    smooth = cv2.GaussianBlur(distance, (0, 0), max(SMOOTHING * radius, 0.5))
    smooth[~mask] = 0
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    top = (smooth == cv2.dilate(smooth, near)) & mask
    count, middles = cv2.connectedComponents(top.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    # The watershed takes longer than all the rest, and most pieces have one middle after all.
    number, wholes = cv2.connectedComponents(mask.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    owner = np.zeros(count, np.intp)
    owner[middles[top]] = wholes[top]
    only = np.zeros(number, np.int32)
    only[owner] = np.arange(count)
    only[np.bincount(owner, minlength=number) > 1] = 0
    cells = only[wholes]
    shared = mask & (cells == 0)
    middles[~shared] = 0
    if shared.any():
        cells += watershed(-smooth, middles, connectivity=2, mask=shared)
    return np.asarray(cells, np.int32)
