"""Quality of a field: focus, saturation, background and cells, and what makes it doubtful."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from ck19ml.core.mask_methods import Segmentation
from ck19ml.core.measurements.panel import PAIR, Panel
from ck19ml.core.settings import Frozen, Share

OF_CHANNEL = ("focus", "saturated", "background", "noise", "darkness")
OF_CELLS = ("cells", "cell_area_um2", "covered")
"""Beginnings of the names of what is measured of each channel, and of each stained one."""


def measures(panel: Panel = PAIR) -> list[str]:
    """Return the names of all numbers that a field's quality consists of."""
    of_channels = [f"{name}_{channel}" for name in OF_CHANNEL for channel in panel.names]
    of_cells = [f"{name}_{channel}" for name in OF_CELLS for channel in panel.stained]
    both = ["cell_overlap_um2"] if panel.pair else []
    return [*of_channels, "faulty_share", *of_cells, *both]


def counts(panel: Panel = PAIR) -> list[str]:
    """Return the names of the numbers of cells."""
    return [f"cells_{channel}" for channel in panel.stained]


COUNTS = tuple(counts())
"""Those of DCs and T cells."""


BACKGROUND_PERCENTILE = 10
"""Low enough to lie between the cells even where these cover most of a field."""

SAMPLED = 8
"""Focus and background are measured on one row, or pixel, in so many: enough for millions."""


MOST_COVERED = 0.5
"""A mask that covers more of a field than this holds background."""

MANY, FEW = 4.0, 20.0
"""A count of so many times the plate's median, of at least so many cells, is implausible."""

DARKEST = 8.0
"""A fluorescence image has no pixels so far below its ground, see `darkness`."""

IMPLAUSIBLE = {
    "covered": "the mask covers more than half of the field; is the channel right?",
    "many": f"more than {MANY:g} times as many cells as in the plate's other wells",
    "brightfield": "dark and bright on a grey ground, which looks like brightfield; name the "
    "channel of the stained cells under 'channels' in plate.yaml, or those of several that are "
    "stained under 'stained'",
    "identical": "both channels have the same mask; name two channels under 'channels' in "
    "plate.yaml",
}
"""Flags that say that a mask is no mask of cells, and what follows."""


def _channel(name: str, panel: Panel) -> str:
    label = panel.label(name)
    return f"{label.replace(' ', '-')} channel" if label != name else f"channel {name}"


def implausible(fields: pd.DataFrame, panel: Panel = PAIR) -> list[str]:
    """Say which fields of a dataset have masks that cannot be right, one line a plate and reason.

    Parameters
    ----------
    fields : DataFrame
        One row a field: plate, well and flagged, see `flags`.
    panel : Panel
    """
    lines = []
    for plate, own in fields.groupby("plate", sort=True):
        flags_of = own["flagged"].str.split("; ")
        for flag in sorted({flag for found in flags_of for flag in found}):
            name, _, channel = flag.partition("_")
            if name not in IMPLAUSIBLE:
                continue
            wells = own.loc[flags_of.map(lambda found, flag=flag: flag in found), "well"]
            which = ", ".join(dict.fromkeys(wells.head(3))) + (", ..." if len(wells) > 3 else "")
            where = f"{plate}, {_channel(channel, panel)}" if channel else str(plate)
            lines.append(
                f"{where}: {len(wells)} of {len(own)} fields ({which}): {IMPLAUSIBLE[name]}"
            )
    return lines


LEVEL_SDS = 10
"""SDs of the noise between the background and the level that grey values are raised to: as many as
lie between the background of a simulated CK19 plate and the study's 255."""


def level_of(ground: float, noise_sd: float) -> int:
    """Return the level for grey values that is suggested by a background and its noise."""
    return round(ground + LEVEL_SDS * noise_sd)


def misplaced_level(
    fields: pd.DataFrame, levels: tuple[int, ...], panel: Panel = PAIR
) -> list[str]:
    """Say for which plates the level that grey values are raised to cannot be right.

    Parameters
    ----------
    fields : DataFrame
        One row a field: plate, and the columns of `measures`.
    levels : tuple of int
        Grey values of each channel below its level are raised to it.
    panel : Panel

    Returns
    -------
    list of str
        One line a plate and channel, with the level that the images suggest: `level_of`.
    """
    lines = []
    for plate, own in fields.groupby("plate", sort=True):
        for name, place in panel.placed:
            ground = float(own[f"background_{name}"].median())
            better = level_of(ground, float(own[f"noise_{name}"].median()))
            level = levels[place]
            what = ""
            if ground > level:
                what = f"the background, about {ground:.0f}, lies above the level {level}"
            elif (own["faulty_share"] == 1).all() and own[f"cells_{name}"].median() > 0:
                what = f"the cells, on a background of about {ground:.0f}, lie below {level}"
            if what:
                lines.append(
                    f"{plate}, {_channel(name, panel)}: {what} that grey values are raised to; set "
                    f"'background: {better}' in plate.yaml"
                )
    return lines


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


def darkness(plane: NDArray[np.integer], step: int = 1) -> float:
    """Measure how far the darkest pixels of a plane, (height, width), lie below the ground.

    Fluorescence has cells that are brighter than the ground and none that are darker: its darkest
    pixels differ by noise. In brightfield cells have dark rims.

    Returns
    -------
    float
        Distance of the 0.1st percentile from the median in robust SDs; 3 for noise.
    """
    middle, low = np.percentile(plane[::step, ::step], (50, 0.1))
    return float(middle - low) / max(noise(plane, step), 0.5)


def noise(plane: NDArray[np.integer], step: int = 1) -> float:
    """Return the robust SD of the grey values of a plane, (height, width)."""
    values = plane[::step, ::step].astype(np.float64)
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


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
    return count, float(np.count_nonzero(labels)) / count if count else float("nan")


def measure(
    field: NDArray[np.integer],
    found: Segmentation,
    *,
    maximum: int,
    faulty_share: float,
    pixel_size_um: float,
    panel: Panel = PAIR,
) -> dict[str, float]:
    """Measure a field.

    Parameters
    ----------
    field : ndarray, (height, width, channels), integers
        Grey values as the camera gave them.
    found : Segmentation
        The field's cells.
    maximum : int
        The camera's largest grey value.
    faulty_share : float
        Share of the field's patches that are faulty.
    pixel_size_um : float
        Side of a pixel in micrometres.
    panel : Panel

    Returns
    -------
    dict of float
        The keys are `measures`: per channel focus, share of saturated pixels, background in grey
        values, number of cells, their mean area in square micrometres (NaN without a cell) and the
        share of the field that the mask covers; and the area in which cells of both kinds overlap.
    """
    pixel_um2 = pixel_size_um**2
    measured = {"faulty_share": faulty_share}
    for index, name in enumerate(panel.names):
        plane = field[..., index]
        measured[f"focus_{name}"] = focus(plane, SAMPLED)
        measured[f"saturated_{name}"] = saturated_share(plane, maximum)
        measured[f"background_{name}"] = background_level(plane, SAMPLED)
        measured[f"noise_{name}"] = noise(plane, SAMPLED)
        measured[f"darkness_{name}"] = darkness(plane, SAMPLED)
        if name not in panel.stained:
            continue
        count, area = cells(found.labels[index])
        measured[f"cells_{name}"], measured[f"cell_area_um2_{name}"] = count, area * pixel_um2
        measured[f"covered_{name}"] = np.count_nonzero(found.masks[index]) / found.pixels
    if panel.pair:
        measured["cell_overlap_um2"] = np.count_nonzero(found.masks[0] & found.masks[1]) * pixel_um2
    return {name: measured[name] for name in measures(panel)}


def flags(
    fields: pd.DataFrame, thresholds: Thresholds, maximum: int, panel: Panel = PAIR
) -> list[str]:
    """Say why each field of one plate is doubtful.

    Parameters
    ----------
    fields : DataFrame
        One row a field, with the columns of `measures`.
    thresholds : Thresholds
    maximum : int
        The camera's largest grey value.
    panel : Panel

    Returns
    -------
    list of str
        For each row its reasons, such as ``"saturated_dc; focus_tcell"``; "" where there is none.
    """
    beyond = {"faulty": fields["faulty_share"] > thresholds.faulty}
    for name in panel.names:
        beyond[f"saturated_{name}"] = fields[f"saturated_{name}"] > thresholds.saturated
        if name in panel.stained:
            limit = thresholds.background * maximum
            beyond[f"background_{name}"] = fields[f"background_{name}"] > limit
        focused = fields[f"focus_{name}"]
        beyond[f"focus_{name}"] = focused < thresholds.focus * focused.median()
        if name not in panel.stained:
            continue
        cells_found = fields[f"cells_{name}"]
        beyond[f"cells_{name}"] = cells_found < thresholds.cells * cells_found.median()
        beyond[f"many_{name}"] = cells_found > MANY * max(float(cells_found.median()), FEW)
        beyond[f"covered_{name}"] = fields[f"covered_{name}"] > MOST_COVERED
        beyond[f"brightfield_{name}"] = fields[f"darkness_{name}"] > DARKEST
    if panel.pair:
        same = fields["covered_dc"] == fields["covered_tcell"]
        same &= fields["cells_dc"] == fields["cells_tcell"]
        beyond["identical"] = (fields["covered_dc"] > 0) & same
    table = pd.DataFrame(beyond, index=fields.index)
    return ["; ".join(table.columns[row]) for row in table.to_numpy(bool)]
