"""Overlap of the masks of two cell types."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DC, TCELL = 0, 1
"""Channel index of the dendritic cells (red) and of the T cells (green)."""

TARGETS = {
    "overlap": "IoU of the two masks",
    "tcell_overlap": "share of the T-cell area on DCs (M1)",
    "dc_overlap": "share of the DC area under T cells (M2)",
    "overlap_excess": "share of the T-cell area on DCs beyond chance",
}
"""Columns of a dataset that say how much two cell types overlap, as fractions."""


@dataclass(frozen=True)
class OverlapScore:
    """Areas in pixels and overlap as fractions in [0, 1]; every array has shape (n,).

    Attributes
    ----------
    tcell_area_px, dc_area_px, overlap_area_px : ndarray of int64
        Area of each mask and of their intersection.
    overlap : ndarray of float64
        Intersection over union; 0 where both masks are empty.
    tcell_overlap : ndarray of float64
        Share of the T-cell area that lies on DCs (Manders' M1 [1]_, what the instrument prints);
        0 where there is no T cell.
    dc_overlap : ndarray of float64
        Share of the DC area that lies under T cells (Manders' M2); 0 where there is no DC.

    References
    ----------
    .. [1] Manders, Verbeek, Aten, "Measurement of co-localization of objects in dual-colour
       confocal images", J. Microscopy 169 (1993); of masks here, not of intensities.
    """

    tcell_area_px: NDArray[np.int64]
    dc_area_px: NDArray[np.int64]
    overlap_area_px: NDArray[np.int64]
    overlap: NDArray[np.float64]
    tcell_overlap: NDArray[np.float64]
    dc_overlap: NDArray[np.float64]


def score(masks: NDArray[np.bool_]) -> OverlapScore:
    """Measure the overlap of the two channels of each patch.

    Parameters
    ----------
    masks : ndarray, (n, height, width, 2), bool
        Channel 0 is the DC mask, channel 1 the T-cell mask.

    Examples
    --------
    >>> masks = np.zeros((1, 1, 4, 2), bool)
    >>> masks[0, 0, :3, DC] = True
    >>> masks[0, 0, 2:, TCELL] = True
    >>> result = score(masks)
    >>> float(result.overlap[0]), float(result.tcell_overlap[0])
    (0.25, 0.5)
    >>> float(result.dc_overlap[0])
    0.3333333333333333
    """
    dc, tcell = masks[..., DC], masks[..., TCELL]
    dc_area, tcell_area, both = areas(dc), areas(tcell), areas(dc & tcell)
    union = dc_area + tcell_area - both
    return OverlapScore(
        tcell_area_px=tcell_area,
        dc_area_px=dc_area,
        overlap_area_px=both,
        overlap=both / np.maximum(union, 1),
        tcell_overlap=both / np.maximum(tcell_area, 1),
        dc_overlap=both / np.maximum(dc_area, 1),
    )


def areas(masks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the pixels of masks, (n, height, width), each: (n,)."""
    # Without an axis numpy counts ten times as fast.
    return np.array([np.count_nonzero(mask) for mask in masks], dtype=np.int64)
