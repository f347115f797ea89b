"""Heat maps of a plate: a value of each well, where the well lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from ck19ml.plots import style
from ck19ml.plots.plate import as_plate, hatched, places, texts

CONTROLS = {"vehicle": "o", "untreated": "s"}
"""Marker of each kind of control on a heat map; what is called otherwise gets a triangle."""

_NO_VALUE = "#9A9A9A"

_PAGE, _LEFT, _BESIDE, _ABOVE, _LEGEND = 11.0, 0.3, 0.95, 0.62, 0.5
"""Inches: width of a figure; room left of a panel, on both its sides, above it; below all."""


@dataclass(frozen=True)
class Measure:
    """The values and the label of one panel of `plate_heatmaps`.

    Attributes
    ----------
    values : array_like, (wells,), float
        NaN and infinity are wells that were imaged and have no value: grey.
    label : str
        Name of the value, with its unit.
    percent : bool
        Values are fractions, and the colour bar shows percent.
    diverging : bool
        Values are differences: 0 is white, and what lies below another colour than what lies
        above. The colours end at the 98th percentile of the sizes, so that a few wells do not
        pale the others.
    """

    values: ArrayLike
    label: str
    percent: bool = False
    diverging: bool = False


@style.styled
def plate_heatmaps(
    wells: Sequence[str],
    measures: Sequence[Measure],
    *,
    plate_format: tuple[int, int] = (16, 24),
    control: Sequence[str | None] | None = None,
    columns: int = 2,
) -> Figure:
    """Draw values of each well where the well lies on the plate: a panel, and an image, a measure.

    Parameters
    ----------
    wells : sequence of str, (n,)
        Such as A03 or A3, each once; wells of the plate that are not named are hatched.
    measures : sequence of Measure
    plate_format : (int, int)
        Rows and columns of the plate.
    control : sequence of str or None, (n,), optional
        Kind of control of each well, ``vehicle`` or ``untreated`` or another name; empty, None
        and NaN for wells that are none.
    columns : int
        Panels side by side.

    Raises
    ------
    PlateError
        If a well is named twice or is not on a plate of this format.
    ValueError
        If the arrays are not of the same length.
    """
    kinds = texts([None] * len(wells) if control is None else control)
    for measure in measures:
        style.same_length(wells=list(wells), values=measure.values, control=kinds)
    where = places(wells, plate_format)
    figure, panels = _panels(len(measures), min(columns, len(measures)), plate_format)
    handles: dict[str, Artist] = {"": hatched(Patch(label="not measured"))}
    for axes, measure in zip(panels, measures, strict=True):
        numbers = np.asarray(measure.values, float)
        if _heatmap(axes, where, numbers, measure):
            handles["none"] = Patch(facecolor=_NO_VALUE, label="no value")
        handles |= {
            str(marker.get_label()): marker for marker in _mark_controls(axes, where, kinds)
        }
    figure.legend(handles=list(handles.values()), loc="lower center", ncols=len(handles))
    return figure


def _panels(count: int, columns: int, plate_format: tuple[int, int]) -> tuple[Figure, list[Axes]]:
    """Lay out axes by the inch: a search for the best arrangement takes as long as the drawing."""
    rows = -(-count // columns)
    width = min(_PAGE / columns - _BESIDE, 0.32 * plate_format[1])
    height = width * plate_format[0] / plate_format[1]
    whole = (columns * (width + _BESIDE), rows * (height + _ABOVE) + _LEGEND)
    figure = Figure(figsize=whole)
    made = []
    for index in range(count):
        row, column = divmod(index, columns)
        left = column * (width + _BESIDE) + _LEFT
        bottom = whole[1] - (row + 1) * (height + _ABOVE)
        box = (left / whole[0], bottom / whole[1], width / whole[0], height / whole[1])
        axes = figure.add_axes(box)
        as_plate(axes, plate_format, width / plate_format[1])
        made.append(axes)
    return figure, made


def _heatmap(
    axes: Axes, places: NDArray[np.int64], values: NDArray[np.float64], measure: Measure
) -> bool:
    """Draw a measure; returns whether a well has no value."""
    columns, rows = (round(abs(high - low)) for low, high in (axes.get_xlim(), axes.get_ylim()))
    table = np.full((rows, columns), np.nan)
    finite = np.isfinite(values)
    without = table.copy()
    table[places[finite, 0], places[finite, 1]] = values[finite]
    without[places[~finite, 0], places[~finite, 1]] = 1
    look = _diverging(values) if measure.diverging else {"cmap": "viridis"}
    if not finite.all():
        _image(axes, without, cmap=ListedColormap([_NO_VALUE]))
    image = _image(axes, table, **look)
    letters = 15 * axes.bbox.width / axes.figure.dpi + 6
    axes.set_title(fill(measure.label, int(letters)), fontsize=style.SMALL, pad=4)
    beside = axes.inset_axes((1.02, 0.05, 0.035, 0.9))
    ends = "both" if measure.diverging else "neither"
    bar = axes.figure.colorbar(image, cax=beside, extend=ends)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=style.SMALL - 1.5)
    if finite.any() and np.ptp(values[finite]) == 0:
        bar.set_ticks([float(values[finite][0])])
    if measure.percent:
        style.percent_axis(bar.ax.yaxis)
    return not bool(finite.all())


def _image(axes: Axes, table: NDArray[np.float64], **look: Any) -> AxesImage:
    """Draw a value a well; where there is none, what lies behind is seen."""
    rows, columns = table.shape[:2]
    extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    return axes.imshow(np.ma.masked_invalid(table), extent=extent, aspect="auto", **look)


def _diverging(values: NDArray[np.float64]) -> dict[str, Any]:
    sizes = np.abs(values[np.isfinite(values)])
    limit = float(np.percentile(sizes, 98)) if sizes.any() else 1.0
    # Where few wells differ the percentile may be 0.
    limit = limit or float(sizes.max())
    return {"cmap": "PuOr_r", "vmin": -limit, "vmax": limit}


def _mark_controls(axes: Axes, places: NDArray[np.int64], kinds: list[str]) -> list[Line2D]:
    handles = []
    for kind in sorted(set(kinds) - {""}):
        shape = CONTROLS.get(kind, "^")
        rows = places[np.array(kinds) == kind]
        axes.plot(rows[:, 1], rows[:, 0], shape, color="white", mec="black", ms=4, zorder=3)
        handles.append(style.marker(shape, f"control: {kind}", "white"))
    return handles
