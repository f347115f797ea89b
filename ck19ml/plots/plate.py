"""Figures of a plate, well by well."""

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Patch, Rectangle
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray

from ck19ml.errors import PlateError
from ck19ml.plots import style

_COLUMNS = ("well", "stimulation", "compound", "concentration_um", "control")
_BORDERS = {"vehicle": "solid", "untreated": "dotted"}
P = TypeVar("P", bound=Patch)


LONGEST_NAME = 7
"""Letters of a compound's name that fit a well; longer names end with an ellipsis."""

TINT = 0.45
"""Share of white in the colours of a layout, so that small black text reads on all of them."""


def places(wells: Sequence[str], plate_format: tuple[int, int]) -> NDArray[np.int64]:
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


def as_plate(axes: Axes, plate_format: tuple[int, int], cell: float) -> None:
    """Turn axes into an empty, hatched plate whose wells are so many inches wide."""
    rows, columns = plate_format
    # Each label takes a millisecond to draw, and there may be twenty such plates in a figure.
    every = next(step for step in (1, 2, 3, 4, 6, 12) if step * cell >= 0.3 or step == 12)
    size = style.SMALL if every == 1 else style.SMALL - 1.5
    axes.tick_params(length=0, pad=2, labelsize=size, top=False, labeltop=True, labelbottom=False)
    shown = range(0, columns, every)
    axes.set_xticks(shown, [str(column + 1) for column in shown])
    shown = range(0, rows, every)
    axes.set_yticks(shown, [row_name(row) for row in shown])
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    axes.spines[:].set_visible(False)
    hatched(axes.patch)


def hatched(patch: P) -> P:
    """Give a patch the look of an empty well; returns it."""
    patch.set(facecolor="white", edgecolor="#C0C0C0", hatch="////", linewidth=0)
    return patch


def texts(values: Iterable[object]) -> list[str]:
    """Return the values as text, an empty one for None and NaN; a number without its ``.0``."""
    column = pd.Series(list(values), dtype=object)
    texts = column.where(column.notna(), "").astype(str)
    return [re.sub(r"^(\d+)\.0$", r"\1", text) for text in texts]


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
    where = places(list(table["well"]), plate_format)
    names = style.as_names(table["stimulation"].to_numpy())
    colours = _tints(names)
    rows, columns = plate_format
    figure = style.new_figure(2.2 + 0.38 * columns, 1.3 + 0.38 * rows)
    axes = figure.subplots()
    as_plate(axes, plate_format, 0.38)
    shades = np.full((*plate_format, 4), np.nan)
    for (row, column), name in zip(where, names, strict=True):
        shades[row, column] = to_rgba(colours[str(name)])
    axes.imshow(np.nan_to_num(shades))
    kinds = texts(table["control"])
    amounts = pd.to_numeric(table["concentration_um"]).to_numpy(float)
    written = map(_well_text, texts(table["compound"]), amounts)
    for place, name, kind, text in zip(where, names, kinds, written, strict=True):
        _layout_cell(axes, place, colours[str(name)], kind, text)
    handles: list[Artist] = [
        Patch(facecolor=c, edgecolor="black", label=name) for name, c in colours.items()
    ]
    handles += [
        _bordered(Patch(label=f"control: {kind}"), kind) for kind in sorted({*kinds} - {""})
    ]
    handles.append(hatched(Patch(label="empty")))
    if without_images:
        lacking = places(without_images, plate_format)
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
    if kind:
        left, top = float(place[1]) - 0.45, float(place[0]) - 0.45
        axes.add_patch(_bordered(Rectangle((left, top), 0.9, 0.9), kind))
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
