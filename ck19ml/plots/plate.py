"""Figures of a plate, well by well."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.textpath import text_to_path
from numpy.typing import ArrayLike, NDArray

from ck19ml.errors import PlateError
from ck19ml.plots import style

CONTROLS = {"vehicle": "o", "untreated": "s"}
"""Marker of each kind of control on a heat map; what is called otherwise gets a triangle."""

_COLUMNS = ("well", "stimulation", "compound", "concentration_um", "control")
_BORDERS = {"vehicle": "solid", "untreated": "dotted"}
_NO_VALUE = "#9A9A9A"

LONGEST_NAME = 7
"""Letters of a compound's name that fit a well; longer names end with an ellipsis."""

TINT = 0.45
"""Share of white in the colours of a layout, so that small black text reads on all of them."""


@style.styled
def plate_heatmap(
    wells: Sequence[str],
    values: ArrayLike,
    *,
    label: str,
    plate_format: tuple[int, int] = (16, 24),
    control: Sequence[str | None] | None = None,
    percent: bool = False,
    diverging: bool = False,
) -> Figure:
    """Draw a value of each well where the well lies on the plate.

    Parameters
    ----------
    wells : sequence of str, (n,)
        Such as A03 or A3, each once; wells of the plate that are not named are hatched.
    values : array_like, (n,), float
        NaN and infinity are wells that were imaged and have no value: grey.
    label : str
        What the value is, with its unit; stands at the colour bar.
    plate_format : (int, int)
        Rows and columns of the plate.
    control : sequence of str or None, (n,), optional
        Kind of control of each well, ``vehicle`` or ``untreated`` or another name; empty, None
        and NaN for wells that are none.
    percent : bool
        Values are fractions, and the colour bar shows percent.
    diverging : bool
        Values are differences: 0 is white, and what lies below another colour than what lies
        above. The colours end at the 98th percentile of the sizes, so that a few wells do not
        pale the others.

    Raises
    ------
    PlateError
        If a well is named twice or is not on a plate of this format.
    ValueError
        If the arrays are not of the same length.
    """
    kinds = _texts([None] * len(wells) if control is None else control)
    style.same_length(wells=list(wells), values=values, control=kinds)
    places = _places(wells, plate_format)
    table = np.full(plate_format, np.nan)
    numbers = np.asarray(values, float)
    table[places[:, 0], places[:, 1]] = np.where(np.isfinite(numbers), numbers, np.nan)
    figure, axes = _plate_axes(plate_format)
    look = _diverging(numbers) if diverging else {"cmap": "viridis"}
    image = axes.imshow(np.ma.masked_invalid(table), zorder=1, **look)
    without = places[~np.isfinite(numbers)]
    for place in without:
        axes.add_patch(_cell(place, facecolor=_NO_VALUE, edgecolor="white", linewidth=0.5))
    _hatch_empty(axes, places, plate_format)
    ends = "both" if diverging else "neither"
    bar = figure.colorbar(image, ax=axes, label=label, shrink=0.8, pad=0.01, extend=ends)
    bar.outline.set_visible(False)
    if percent:
        style.percent_axis(bar.ax.yaxis)
    handles: list[Artist] = [_hatched(Patch(label="not measured"))]
    if without.size:
        handles.append(Patch(facecolor=_NO_VALUE, label="no value"))
    handles += _mark_controls(axes, places, kinds)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _diverging(values: NDArray[np.float64]) -> dict[str, Any]:
    sizes = np.abs(values[np.isfinite(values)])
    limit = float(np.percentile(sizes, 98)) if sizes.any() else 1.0
    # Where few wells differ the percentile may be 0.
    limit = limit or float(sizes.max())
    return {"cmap": "PuOr_r", "vmin": -limit, "vmax": limit}


def _places(wells: Sequence[str], plate_format: tuple[int, int]) -> NDArray[np.int64]:
    """Return row and column of each well, counted from 0, shape (n, 2)."""
    places = [_place(str(well), plate_format) for well in wells]
    twice = sorted(
        {str(well) for well, place in zip(wells, places, strict=True) if places.count(place) > 1}
    )
    if twice:
        raise PlateError(f"{', '.join(twice)}: more than one row for a well; merge its rows")
    return np.array(places, dtype=np.int64).reshape(-1, 2)


def _place(well: str, plate_format: tuple[int, int]) -> tuple[int, int]:
    match = re.fullmatch(r"([A-Z]{1,2})0*([1-9]\d*)", well)
    if match:
        row = -1
        for letter in match[1]:
            row = 26 * (row + 1) + ord(letter) - ord("A")
        column = int(match[2]) - 1
        if row < plate_format[0] and column < plate_format[1]:
            return row, column
    last = f"{row_name(plate_format[0] - 1)}{plate_format[1]:02d}"
    raise PlateError(f"well {well!r} is not among A01 to {last}; give the plate's own format")


def row_name(row: int) -> str:
    """Name a row, counted from 0, by its letters: A to Z, then AA to AF of 1536 wells."""
    first, second = divmod(row, 26)
    return ("" if first == 0 else chr(ord("A") + first - 1)) + chr(ord("A") + second)


def _plate_axes(plate_format: tuple[int, int], cell: float = 0.32) -> tuple[Figure, Axes]:
    rows, columns = plate_format
    figure = style.new_figure(2.2 + cell * columns, 1.3 + cell * rows)
    axes = figure.subplots()
    axes.set_xticks(range(columns), [str(column + 1) for column in range(columns)])
    axes.set_yticks(range(rows), [row_name(row) for row in range(rows)])
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal")
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    return figure, axes


def _cell(place: NDArray[np.int64], inset: float = 0.0, **look: Any) -> Rectangle:
    """Return the square of a well, smaller by the inset (in cells) on each side."""
    left, top = float(place[1]) - 0.5 + inset, float(place[0]) - 0.5 + inset
    return Rectangle((left, top), 1 - 2 * inset, 1 - 2 * inset, zorder=2, **look)


def _hatched(patch: Patch) -> Patch:
    patch.set(facecolor="white", edgecolor="#C0C0C0", hatch="////", linewidth=0)
    return patch


def _hatch_empty(axes: Axes, places: NDArray[np.int64], plate_format: tuple[int, int]) -> None:
    used = np.zeros(plate_format, bool)
    used[places[:, 0], places[:, 1]] = True
    for place in np.argwhere(~used):
        axes.add_patch(_hatched(_cell(place)))


def _texts(values: Iterable[object]) -> list[str]:
    """Return the values as text, an empty one for None and NaN; a number without its ``.0``."""
    column = pd.Series(list(values), dtype=object)
    texts = column.where(column.notna(), "").astype(str)
    return [re.sub(r"^(\d+)\.0$", r"\1", text) for text in texts]


def _mark_controls(axes: Axes, places: NDArray[np.int64], kinds: list[str]) -> list[Line2D]:
    handles = []
    for kind in sorted(set(kinds) - {""}):
        shape = CONTROLS.get(kind, "^")
        rows = places[np.array(kinds) == kind]
        axes.plot(rows[:, 1], rows[:, 0], shape, color="white", mec="black", ms=6, zorder=3)
        handles.append(style.marker(shape, f"control: {kind}", "white"))
    return handles


@style.styled
def plate_layout(
    layout: pd.DataFrame,
    *,
    plate_format: tuple[int, int] = (16, 24),
    without_images: Sequence[str] = (),
) -> Figure:
    """Draw what each well holds: stimulation as colour, compound and concentration as text.

    Parameters
    ----------
    layout : DataFrame
        One row a well: well (A03 or A3, each once), stimulation (str), compound (str or
        number), concentration_um (float, uM), control (``vehicle``, ``untreated`` or another
        kind); all but the well may be missing or NaN.
    plate_format : (int, int)
        Rows and columns of the plate.
    without_images : sequence of str
        Wells to cross out: the layout has them, the plate's images do not.

    Raises
    ------
    PlateError
        If a well is named twice or is not on a plate of this format.
    """
    table = layout.reindex(columns=list(_COLUMNS))
    table = table[table[["stimulation", "compound", "control"]].notna().any(axis=1)]
    places = _places(list(table["well"]), plate_format)
    names = style.as_names(table["stimulation"].to_numpy())
    colours = _tints(names)
    figure, axes = _plate_axes(plate_format, cell=0.38)
    _hatch_empty(axes, places, plate_format)
    kinds = _texts(table["control"])
    amounts = pd.to_numeric(table["concentration_um"]).to_numpy(float)
    texts = map(_well_text, _texts(table["compound"]), amounts)
    for place, name, kind, text in zip(places, names, kinds, texts, strict=True):
        _layout_cell(axes, place, colours[str(name)], kind, text)
    handles: list[Artist] = [
        Patch(facecolor=c, edgecolor="black", label=name) for name, c in colours.items()
    ]
    handles += [
        _bordered(Patch(label=f"control: {kind}"), kind) for kind in sorted({*kinds} - {""})
    ]
    handles.append(_hatched(Patch(label="empty")))
    if without_images:
        lacking = _places(without_images, plate_format)
        axes.plot(lacking[:, 1], lacking[:, 0], "x", color="black", ms=12, zorder=4)
        handles.append(style.marker("x", "no images", "black"))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6))
    figure.suptitle("compound, and below it its concentration in µM", fontsize=style.SMALL + 2)
    return figure


def _tints(names: NDArray[np.str_]) -> dict[str, str]:
    colours = style.stimulation_colours(style.stimulation_order(names))
    tints = {name: style.mix(colour, "white", TINT) for name, colour in colours.items()}
    return tints | ({style.MISSING: "#FFFFFF"} if style.MISSING in tints else {})


def _well_text(compound: str, amount: float) -> str:
    name = compound if len(compound) <= LONGEST_NAME else compound[: LONGEST_NAME - 1] + "…"
    return name if np.isnan(amount) else f"{name}\n{amount:.3g}"


def _layout_cell(axes: Axes, place: NDArray[np.int64], colour: str, kind: str, text: str) -> None:
    axes.add_patch(_cell(place, facecolor=colour, edgecolor="white"))
    if kind:
        axes.add_patch(_bordered(_cell(place, inset=0.05), kind))
    axes.text(
        float(place[1]),
        float(place[0]),
        text,
        ha="center",
        va="center",
        fontsize=_text_size(text),
        color=style.text_colour(colour),
        zorder=3,
    )


def _text_size(text: str) -> float:
    """Return the size in points at which the longest line is at most 24 points wide.

    A well is 0.38 inches, 27 points, wide.
    """
    font = FontProperties(size=8.5)
    widths = (
        text_to_path.get_text_width_height_descent(line, font, False)[0]
        for line in text.split("\n")
        if line
    )
    return float(8.5 * min(1.0, 24.0 / max(widths, default=1.0)))


def _bordered(patch: Patch, kind: str) -> Patch:
    pattern = _BORDERS.get(kind, "dashed")
    patch.set(fill=False, edgecolor="black", linewidth=1.3, linestyle=pattern)
    return patch
