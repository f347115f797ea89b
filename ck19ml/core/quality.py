"""Quality of a field: focus, saturation, background and cells, and what makes it doubtful."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from ck19ml.core.mask_methods import Segmentation
from ck19ml.core.overlap import DC, TCELL
from ck19ml.core.settings import Frozen, Share

CHANNELS = {"dc": DC, "tcell": TCELL}

MEASURES = (
    *(f"{name}_{channel}" for name in ("focus", "saturated", "background") for channel in CHANNELS),
    "faulty_share",
    *(
        f"{name}_{channel}"
        for name in ("cells", "cell_area_um2", "covered")
        for channel in CHANNELS
    ),
    "cell_overlap_um2",
)
"""Names of all numbers that a field's quality consists of."""

COUNTS = tuple(f"cells_{channel}" for channel in CHANNELS)
"""Those of the cells counted."""

BACKGROUND_PERCENTILE = 10
"""Low enough to lie between the cells even where these cover most of a field."""

SAMPLED = 8
"""Focus and background are measured on one row, or pixel, in so many: enough for millions."""


class Thresholds(Frozen):
    """Limits beyond which a field is flagged; it stays in the dataset.

    Attributes
    ----------
    saturated : float
        Share of a channel's pixels at the camera's maximum.
    background : float
        Background level as a share of the camera's maximum.
    faulty : float
        Share of faulty patches.
    focus : float
        Focus as a share of the median over the plate's fields, from below; 0 switches it off.
    cells : float
        Cell count as a share of the median over the plate's fields, from below; 0 for off.
    """

    saturated: Share = 0.01
    background: Share = 0.25
    faulty: Share = 0.5
    focus: float = Field(default=0.3, ge=0)
    cells: float = Field(default=0.2, ge=0)


def focus(plane: NDArray[np.integer], step: int = 1) -> float:
    """Measure how sharp a plane is: the variance of its Laplacian over its mean.

    The variance of the Laplacian falls when an image is blurred [1]_; over the mean it does not
    depend on how bright the cells are stained as a whole [2]_. It compares fields of one plate
    and channel; its absolute value depends on the instrument and on the cells' number.

    Parameters
    ----------
    plane : ndarray, (height, width), integers
        Grey values.
    step : int
        The Laplacian is taken on one row in so many, of neighbours next to it.

    Returns
    -------
    float
        In grey values; 0 for a constant plane and for one below 3 x 3 pixels.

    References
    ----------
    .. [1] Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative
       study", ICPR 2000.
    .. [2] Groen, Young, Ligthart, "A comparison of different focus functions for use in
       autofocus algorithms", Cytometry 6 (1985).

    Examples
    --------
    >>> focus(np.array([[0, 0, 0, 0], [0, 8, 0, 0], [0, 0, 0, 0]]))
    600.0
    """
    if min(plane.shape) < 3:
        return 0.0
    centre = plane[1:-1:step].astype(np.int32)
    above, below = plane[:-2:step], plane[2::step]
    laplacian = above[:, 1:-1] + below[:, 1:-1].astype(np.int32)
    laplacian += centre[:, :-2]
    laplacian += centre[:, 2:]
    laplacian -= 4 * centre[:, 1:-1]
    mean = float(plane[::step].mean())
    return float(laplacian.var() / mean) if mean > 0 else 0.0


PLATEAU_PIXELS, PLATEAU_RATIO = 16, 4
"""A plateau has so many pixels, and so many times those of the 1.6 % of the range below it."""


def saturated_share(plane: NDArray[np.integer], maximum: int) -> float:
    """Share of the pixels of a plane, (height, width), that the camera could not tell apart.

    These are the pixels at the camera's maximum, or at the plane's own where a camera's values
    end lower (12 bits shifted left by four end at 65520): there a plateau of equal values stands
    over the range below, which a bright cell's peak does not.
    """
    top = int(plane.max()) if plane.size else 0
    if top >= maximum or top <= maximum // 2:
        return np.count_nonzero(plane >= maximum) / plane.size
    at_top = np.count_nonzero(plane == top)
    below = np.count_nonzero(plane >= top - max(1, top // 64)) - at_top
    plateau = at_top >= PLATEAU_PIXELS and at_top > PLATEAU_RATIO * below
    return at_top / plane.size if plateau else 0.0


def background_level(plane: NDArray[np.integer], step: int = 1) -> float:
    """Grey value between the cells of a plane, (height, width).

    It is a low percentile of one pixel in `step` each way.
    """
    return float(np.percentile(plane[::step, ::step], BACKGROUND_PERCENTILE))


def cells(labels: NDArray[np.integer]) -> tuple[int, float]:
    """Count the cells of a label image and measure their mean area.

    Parameters
    ----------
    labels : ndarray, (height, width), integers
        Number of the cell of each pixel, from 1 without gaps; 0 outside the cells.

    Returns
    -------
    count : int
    mean_area : float
        In pixels; NaN where there is no cell.

    Examples
    --------
    >>> cells(np.array([[1, 1, 0, 0], [0, 0, 0, 2], [0, 0, 2, 2]]))
    (2, 2.5)
    """
    count = int(labels.max(initial=0))
    return count, np.count_nonzero(labels) / count if count else float("nan")


def measure(
    field: NDArray[np.integer],
    found: Segmentation,
    *,
    maximum: int,
    faulty_share: float,
    pixel_size_um: float,
) -> dict[str, float]:
    """Measure a field.

    Parameters
    ----------
    field : ndarray, (height, width, 2), integers
        Grey values as the camera gave them.
    found : Segmentation
        The field's cells.
    maximum : int
        The camera's largest grey value.
    faulty_share : float
        Share of the field's patches that are faulty.
    pixel_size_um : float
        Side of a pixel in micrometres.

    Returns
    -------
    dict of float
        The keys are `MEASURES`: per channel focus, share of saturated pixels, background in grey
        values, number of cells, their mean area in square micrometres (NaN without a cell) and the
        share of the field that the mask covers; and the area in which cells of both kinds overlap.
    """
    pixel_um2 = pixel_size_um**2
    measured = {"faulty_share": faulty_share}
    for name, index in CHANNELS.items():
        plane = field[..., index]
        measured[f"focus_{name}"] = focus(plane, SAMPLED)
        measured[f"saturated_{name}"] = saturated_share(plane, maximum)
        measured[f"background_{name}"] = background_level(plane, SAMPLED)
        count, area = cells(found.labels[index])
        measured[f"cells_{name}"], measured[f"cell_area_um2_{name}"] = count, area * pixel_um2
        measured[f"covered_{name}"] = np.count_nonzero(found.masks[index]) / found.pixels
    both = np.count_nonzero(found.masks[DC] & found.masks[TCELL])
    measured["cell_overlap_um2"] = both * pixel_um2
    return {name: measured[name] for name in MEASURES}


def flags(fields: pd.DataFrame, thresholds: Thresholds, maximum: int) -> list[str]:
    """Say why each field of one plate is doubtful.

    Parameters
    ----------
    fields : DataFrame
        One row a field, with the columns of `MEASURES`.
    thresholds : Thresholds
    maximum : int
        The camera's largest grey value.

    Returns
    -------
    list of str
        For each row its reasons, such as ``"saturated_dc; focus_tcell"``; "" where there is none.
    """
    beyond = {"faulty": fields["faulty_share"] > thresholds.faulty}
    for name in CHANNELS:
        beyond[f"saturated_{name}"] = fields[f"saturated_{name}"] > thresholds.saturated
        beyond[f"background_{name}"] = (
            fields[f"background_{name}"] > thresholds.background * maximum
        )
        for measure_name, share in (("focus", thresholds.focus), ("cells", thresholds.cells)):
            column = fields[f"{measure_name}_{name}"]
            beyond[f"{measure_name}_{name}"] = column < share * column.median()
    table = pd.DataFrame(beyond, index=fields.index)
    return ["; ".join(table.columns[row]) for row in table.to_numpy(bool)]
