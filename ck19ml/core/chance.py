"""Overlap that two masks would show by chance, and how far the observed one exceeds it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from ck19ml.core.overlap import DC, TCELL, score

BATCH = 16
"""Patches transformed at once: few enough for the processor's cache."""


@dataclass(frozen=True)
class Chance:
    """Overlap of two masks over all shifts of one against the other; arrays of shape (n,).

    Attributes
    ----------
    overlap_area_px : ndarray of int64
        Area of the overlap as observed, without a shift.
    expected_px : ndarray of float64
        Mean area of the overlap over all shifts.
    sd_px : ndarray of float64
        Standard deviation of this area over all shifts.
    """

    overlap_area_px: NDArray[np.int64]
    expected_px: NDArray[np.float64]
    sd_px: NDArray[np.float64]

    @property
    def excess_px(self) -> NDArray[np.float64]:
        """Observed minus expected area of overlap, (n,), in pixels; negative where cells avoid."""
        return np.asarray(self.overlap_area_px - self.expected_px)

    @property
    def z(self) -> NDArray[np.float64]:
        """Excess in standard deviations, (n,); 0 where every shift gives the same overlap."""
        return np.where(self.sd_px > 0, self.excess_px / np.where(self.sd_px > 0, self.sd_px, 1), 0)


def expected_area(
    tcell_area_px: ArrayLike, dc_area_px: ArrayLike, pixels: int
) -> NDArray[np.float64]:
    """Mean overlap of two masks over all cyclic shifts of one against the other, in pixels.

    In the sum over all shifts each pixel of one mask meets each pixel of the other exactly once,
    so the mean is the product of the areas over the number of pixels, whatever the masks look like.

    Parameters
    ----------
    tcell_area_px, dc_area_px : array_like, (n,) or one number
        Areas of the masks.
    pixels : int
        Pixels of the patch or field, and so the number of shifts.

    Returns
    -------
    ndarray, (n,), float64, in pixels

    Examples
    --------
    >>> float(expected_area(30, 20, 100))
    6.0
    """
    areas = np.asarray(tcell_area_px, np.float64) * np.asarray(dc_area_px, np.float64)
    return np.asarray(areas / pixels)


def expected_share(
    tcell_area_px: ArrayLike, dc_area_px: ArrayLike, pixels: int
) -> NDArray[np.float64]:
    """Share of the T-cell area that would lie on DCs by chance: Manders' M1 of a mean shift.

    It is the share of the patch or field that DCs cover, whatever the T cells are; 0 where there is
    no T cell, as M1 is. M1 minus this share is the excess: the part of the T-cell area that lies on
    DCs beyond chance. Unlike the IoU, M1 is linear in the overlap, so that this mean over all
    shifts is exact.

    Parameters
    ----------
    tcell_area_px, dc_area_px : array_like, (n,)
        Areas of the masks in pixels.
    pixels : int
        Area of the patch or field in pixels.

    Returns
    -------
    ndarray, (n,), float64 in [0, 1]

    Examples
    --------
    >>> expected_share([30, 0], [20, 20], 100).tolist()
    [0.2, 0.0]
    """
    share = np.asarray(dc_area_px, np.float64) / pixels
    return np.where(np.asarray(tcell_area_px) > 0, share, 0.0)


def measures(masks: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    """Measure the overlap of patches in every way of `overlap.TARGETS`, (n,) each.

    Parameters
    ----------
    masks : ndarray, (n, height, width, 2), bool
    """
    found = score(masks)
    pixels = masks.shape[1] * masks.shape[2]
    expected = expected_share(found.tcell_area_px, found.dc_area_px, pixels)
    return {
        "overlap": found.overlap,
        "tcell_overlap": found.tcell_overlap,
        "dc_overlap": found.dc_overlap,
        "overlap_excess": found.tcell_overlap - expected,
    }


def by_chance(masks: NDArray[np.bool_]) -> Chance:
    """Compare the overlap of two masks with that under every shift of one against the other.

    The shift is van Steensel's [1]_, in both directions and over all distances, cyclic: what
    leaves on one side comes in on the other, so that each shift sees the same areas and the same
    clumps. Cells that lie where they do without regard to the other kind overlap as much as under
    a mean shift; a z-score says how much of the shifts' own scatter the excess is. A shift keeps
    how each kind clumps, which a shuffle of pixels or blocks [2]_ does not.

    The overlap under every shift is the cross-correlation of the masks. Its standard deviation
    follows from the products of their power spectra (Parseval's theorem) without transforming
    back: no shift is sampled.

    Parameters
    ----------
    masks : ndarray, (n, height, width, 2), bool
        Channel 0 is the DC mask, channel 1 the T-cell mask.

    References
    ----------
    .. [1] van Steensel et al., J. Cell Science 109 (1996): cross-correlation by shifts.
    .. [2] Costes et al., Biophysical Journal 86 (2004): randomisation.

    Examples
    --------
    >>> masks = np.zeros((1, 1, 4, 2), bool)
    >>> masks[0, 0, :2] = True  # two pixels of four, the same in both channels
    >>> found = by_chance(masks)  # over the shifts the overlap is 2, 1, 0 and 1
    >>> float(found.expected_px[0]), round(float(found.sd_px[0]), 3), round(float(found.z[0]), 3)
    (1.0, 0.707, 1.414)
    """
    number, height, width = masks.shape[:3]
    dc, tcell = masks[..., DC], masks[..., TCELL]
    pixels = height * width
    areas = [np.array([np.count_nonzero(one) for one in kind], np.int64) for kind in (dc, tcell)]
    both = np.array(
        [np.count_nonzero(one & other) for one, other in zip(dc, tcell, strict=True)], np.int64
    )
    variance = np.zeros(number)
    # A mask that is empty or full overlaps alike under every shift.
    varied = np.flatnonzero(np.all([(area > 0) & (area < pixels) for area in areas], axis=0))
    for start in range(0, varied.size, BATCH):
        rows = varied[start : start + BATCH]
        variance[rows] = _variance(dc[rows], tcell[rows])
    return Chance(both, expected_area(areas[1], areas[0], pixels), np.sqrt(variance))


def _variance(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Variance of the overlap over all shifts, (n,), in square pixels."""
    height, width = one.shape[1:]
    power = _power(one) * _power(other)
    power[:, 0, 0] = 0  # the mean
    # A real image's spectrum is symmetric and only one half of its columns is computed.
    total = 2 * power.sum(axis=(1, 2), dtype=np.float64) - power[:, :, 0].sum(1, dtype=np.float64)
    if width % 2 == 0:
        total -= power[:, :, -1].sum(axis=1, dtype=np.float64)
    return np.asarray(total / (height * width) ** 2)


def _power(masks: NDArray[np.bool_]) -> NDArray[np.float32]:
    spectrum = fft.rfft2(masks.astype(np.float32))
    return np.asarray(spectrum.real**2 + spectrum.imag**2)
