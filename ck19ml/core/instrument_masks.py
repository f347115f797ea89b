"""Masks as the instrument's own analysis makes them: cells are what stands out on the raw image.

The steps are the instrument's (DOMAIN.md, the study's processing, step 7): white top-hat,
threshold, watershed, sieve. All lengths are in micrometres and follow from the diameter of a cell.
A channel is looked at as a whole, as the camera gave it. Adding a constant to all grey values
changes nothing; multiplying them changes no more than rounding to whole grey values does.
"""

from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from ck19ml.core.cells import separate
from ck19ml.core.measurements.panel import PAIR, Panel
from ck19ml.core.normalisation import sorted_blocks
from ck19ml.core.settings import Frozen

SMOOTHING_UM = 0.94
"""SD of the Gaussian that the image is smoothed with: 0.7 pixels of 1.34 um."""

RADIUS = 1.25
"""Half the side of the top-hat's square, in cell diameters: clumps of two or three cells are
narrower than the square, so that they stand out as a whole."""

SIEVE = 0.4
"""Smallest area of a cell as a share of a disc of its diameter. For T cells that is 40 um2, the
instrument's own sieve."""

COARSEST_PX = 5
"""The opening is taken on an image reduced so far that the radius is still so many pixels or more:
a tenth of the time, and masks that agree to 0.99 (IoU) with those of the full image."""

BLOCK_UM = 256.0
"""Side of the blocks in which the noise of the background is measured."""

SAMPLES = 600
"""Pixels of a block that its noise is measured on: enough for an SD that is right to 4 %."""

ROUNDING = 0.12
"""SD that rounding to whole grey values leaves in the smoothed image, in grey values: noise is
never taken to be lower, so that single steps of a dark 8-bit image are no cells."""

LOWER_SD = 0.1587
"""Share of a normal distribution that lies more than one SD below its median."""

CLIPPINGS = 4
"""Times that values of more than three SDs above the median are left out of the noise."""

Positive = Annotated[float, Field(gt=0)]
Rim = Annotated[float, Field(ge=0, lt=1)]


class CellKind(Frozen):
    """Appearance of the cells of a channel.

    Attributes
    ----------
    diameter_um : float
        Diameter of a typical cell as it appears in the image, in micrometres.
    noise : float
        A pixel of a cell stands out from its surroundings by at least this many SDs of the noise.
    rim : float
        A pixel of a cell has at least this share of the cell's largest value: the blur around a
        bright cell exceeds the noise and is no part of the cell.
    """

    diameter_um: Positive
    noise: Positive
    rim: Rim

    @property
    def min_area_um2(self) -> float:
        """Area in square micrometres below which a piece of the mask is no cell."""
        return float(SIEVE * np.pi / 4 * self.diameter_um**2)

    @property
    def radius_um(self) -> float:
        """Half the side of the top-hat's square in micrometres."""
        return RADIUS * self.diameter_um


class DendriticCells(CellKind):
    """DCs: 154 um2 on average, between the instrument's 141 (Unstimulated) and 175 (ConA).

    Their light falls off slowly towards the rim, so the rim is taken at a lower share.
    """

    diameter_um: Positive = 14.0
    noise: Positive = 8.0
    rim: Rim = 0.1


class TCells(CellKind):
    """T cells: 100 um2 on average, as the instrument measures them on CK19 (Unstimulated)."""

    diameter_um: Positive = 11.3
    noise: Positive = 12.0
    rim: Rim = 0.25


class OtherCells(CellKind):
    """Cells of a channel of another name, until ``cells`` in ``plate.yaml`` says more of them."""

    diameter_um: Positive = 12.0
    noise: Positive = 10.0
    rim: Rim = 0.25


class CellKinds(Frozen):
    """The cells of each channel; ``cells`` in ``plate.yaml``."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, OtherCells] = Field(init=False)

    dc: DendriticCells = DendriticCells()
    tcell: TCells = TCells()

    def of(self, channel: str) -> CellKind:
        """Return the cells of a channel by its name."""
        found: Any = getattr(self, channel, None)
        return found if isinstance(found, CellKind) else OtherCells()


def label_field(
    image: NDArray[np.unsignedinteger], kinds: CellKinds, pixel_um: float, panel: Panel = PAIR
) -> NDArray[np.int32]:
    """Label the cells of the stained channels of a raw field.

    Parameters
    ----------
    image : ndarray, (height, width, channels), uint8 or uint16
        Raw grey values; channel 0 DC, channel 1 T cell, or those of `panel`.
    kinds : CellKinds
    pixel_um : float
        Side of a pixel in micrometres.
    panel : Panel

    Returns
    -------
    ndarray, (stained channels, height, width), int32
        See `label_cells`.
    """
    return np.stack(
        [label_cells(image[..., place], kinds.of(name), pixel_um) for name, place in panel.placed]
    )


def label_cells(
    plane: NDArray[np.unsignedinteger], kind: CellKind, pixel_um: float
) -> NDArray[np.int32]:
    """Label the cells of a raw image of one channel, also those that touch.

    Parameters
    ----------
    plane : ndarray, (height, width), uint8 or uint16
        Raw grey values of a whole field, not raised to any background.
    kind : CellKind
    pixel_um : float
        Side of a pixel in micrometres.

    Returns
    -------
    ndarray, (height, width), int32
        Number of the cell of each pixel, from 1 without gaps; 0 outside the mask.

    Examples
    --------
    >>> plane = np.full((60, 60), 5000, np.uint16)
    >>> plane[10:18, 10:18] = 5400
    >>> plane[40:50, 30:40] = 7000
    >>> labels = label_cells(plane, TCells(), pixel_um=1.34)
    >>> np.bincount(labels.ravel())[1:].tolist()
    [64, 100]
    """
    values, step = _stretched(np.ascontiguousarray(plane))
    smooth = cv2.GaussianBlur(
        values, (0, 0), SMOOTHING_UM / pixel_um, borderType=cv2.BORDER_REFLECT
    )
    height = _top_hat(smooth, kind.radius_um / pixel_um)
    mask = height > _threshold(height, kind.noise, BLOCK_UM / pixel_um, ROUNDING * step)
    smallest = kind.min_area_um2 / pixel_um**2
    cells = separate(mask, smallest, kind.diameter_um / pixel_um)
    return _within_rims(cells, height, kind.rim, smallest)


def _stretched(plane: NDArray[np.unsignedinteger]) -> tuple[NDArray[np.uint16], int]:
    """Use all 16 bits: from the smallest value on, doubled until the largest would overflow.

    Returns
    -------
    values : ndarray, (height, width), uint16
    step : int
        What one grey value of the camera has become.
    """
    low, high = int(plane.min()), int(plane.max())
    doublings = max(16 - max(high - low, 1).bit_length(), 0)
    values = np.subtract(plane, low, dtype=np.uint16)
    return np.left_shift(values, doublings, out=values), 1 << doublings


def _top_hat(image: NDArray[np.uint16], radius_px: float) -> NDArray[np.float32]:
    """Subtract what remains where a square of this half side fits below the image.

    Below 0 in a valley of the noise, where the ground was taken from a reduced image.
    """
    rows, columns = image.shape
    reduction = int(np.clip(radius_px // COARSEST_PX, 1, max(min(rows, columns) // 8, 1)))
    small = image
    if reduction > 1:
        size = (-(-columns // reduction), -(-rows // reduction))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    side = 2 * max(round(radius_px / reduction), 1) + 1
    square = np.ones((side, side), np.uint8)
    ground = cv2.morphologyEx(small, cv2.MORPH_OPEN, square, borderType=cv2.BORDER_REFLECT)
    if reduction > 1:
        ground = cv2.resize(ground, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.subtract(image, ground, dtype=cv2.CV_32F))


def _threshold(
    height: NDArray[np.float32], noise: float, block_px: float, least: float
) -> NDArray[np.float32]:
    """Median of the top-hat plus so many robust SDs, block by block, and smooth in between.

    Where the light is brighter the noise is, too. A block full of cells, or behind a droplet, says
    nothing of the noise: none is further than a factor of two from the middle of all blocks.

    Parameters
    ----------
    height : ndarray, (height, width), float32
        See `_top_hat`.
    noise : float
        SDs above the median.
    block_px : float
        Side of a block in pixels.
    least : float
        No SD is taken to be lower.
    """
    samples = sorted_blocks(height, block_px, SAMPLES)
    # Cells are left out step by step: their brightness is no noise, however many there are.
    kept = np.full((*samples.shape[:2], 1), samples.shape[-1])
    for _ in range(CLIPPINGS):
        middle = np.take_along_axis(samples, kept // 2, axis=-1)
        low = np.take_along_axis(samples, (LOWER_SD * kept).astype(np.intp), axis=-1)
        deviation = np.maximum(middle - low, least)
        below = np.count_nonzero(samples <= middle + 3 * deviation, axis=-1, keepdims=True)
        kept = np.maximum(below, 1)
    level = (middle + noise * deviation)[..., 0].astype(np.float32)
    typical = float(np.median(level))
    level = np.clip(cv2.medianBlur(level, 3), typical / 2, typical * 2)
    return np.asarray(cv2.resize(level, height.shape[::-1], interpolation=cv2.INTER_LINEAR))


def _within_rims(
    cells: NDArray[np.int32], height: NDArray[np.float32], rim: float, smallest: float
) -> NDArray[np.int32]:
    """Cut each cell down to a share of its own largest value, and leave out what is too small."""
    inside = np.flatnonzero(cells > 0)  # a quarter of the time that whole numbers take
    flat = cells.ravel()
    own, values = flat[inside], height.ravel()[inside]
    count = int(own.max(initial=0)) + 1
    peaks = np.zeros(count, np.float32)
    np.maximum.at(peaks, own, values)
    own[values < rim * peaks[own]] = 0
    large = np.bincount(own, minlength=count) >= smallest
    large[0] = False
    numbers = np.where(large, np.cumsum(large), 0).astype(np.int32)
    flat[inside] = numbers[own]
    return cells
