"""Figures that set mask methods beside one another and beside the truth."""

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ck19ml.plots import style

DIFFERENCE_COLOURS = {
    "found and true": "#D9D9D9",
    "missed": style.SKY,
    "not a cell": style.VERMILLION,
}
"""Colours of the difference to the true mask, on black."""


@style.styled
def mask_scores(table: pd.DataFrame) -> Figure:
    """Draw the mask IoU of each method under each condition, with its interval over wells.

    Parameters
    ----------
    table : DataFrame
        One row a condition and method: condition, method (str), iou, iou_low, iou_high, fractions.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    needed = ("condition", "method", "iou", "iou_low", "iou_high")
    absent = [name for name in needed if name not in table]
    if absent:
        raise ValueError(f"expected columns {', '.join(needed)}, found no {', '.join(absent)}")
    if table.empty:
        return style.empty_figure("no masks")
    conditions, methods = (list(dict.fromkeys(table[name])) for name in ("condition", "method"))
    figure = style.new_figure(8.5, 1.2 + (0.18 + 0.09 * len(conditions)) * len(methods))
    axes = figure.subplots()
    steps = np.linspace(-0.33, 0.33, len(conditions)) if len(conditions) > 1 else np.zeros(1)
    for condition, step, colour in zip(conditions, steps, _colours(), strict=False):
        rows = table[table["condition"] == condition].set_index("method").reindex(methods)
        y = np.arange(len(methods)) + step
        axes.hlines(y, rows["iou_low"], rows["iou_high"], color=colour, linewidth=2.2)
        axes.plot(rows["iou"], y, "o", color=colour, mec="black", mew=0.6, ms=5.5, label=condition)
    axes.set_yticks(range(len(methods)), methods)
    for edge in np.arange(1, len(methods)) - 0.5:
        axes.axhline(edge, color="#E4E4E4", linewidth=1)
    axes.set(xlim=(0, 1), ylim=(len(methods) - 0.5, -0.5))
    axes.set_xlabel("mask IoU against the true masks (%), mean over wells")
    axes.tick_params(axis="y", length=0)
    style.percent_axis(axes.xaxis)
    figure.legend(title="wells (lines: 95 %\ninterval over wells)", loc="outside right upper")
    return figure


def _colours() -> Iterator[str]:
    palette = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.VERMILLION, style.GREY)
    return (style.mix(colour, style.BLACK, share) for share in count(0, 0.3) for colour in palette)


@style.styled
def mask_methods(
    patches: NDArray[np.integer],
    true: NDArray[np.bool_],
    found: NDArray[np.bool_],
    methods: Sequence[str],
    titles: Sequence[str],
) -> Figure:
    """Draw what each method makes of some patches: a row a method, a column a patch.

    Parameters
    ----------
    patches : ndarray, (n, height, width)
        Grey values of one channel.
    true : ndarray, (n, height, width), bool
    found : ndarray, (methods, n, height, width), bool
    methods : sequence of str
        Names of the rows.
    titles : sequence of str, (n,)
        Stand above the columns.

    Returns
    -------
    Figure
        The first row shows the patches, their grey values on a logarithmic scale of their own;
        the others the difference of the mask to the truth, and its IoU.

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    """
    if found.shape != (len(methods), *true.shape) or patches.shape != true.shape:
        raise ValueError(
            f"expected patches and true masks of one shape and a mask of each for {len(methods)} "
            f"methods, found {patches.shape}, {true.shape} and {found.shape}"
        )
    columns = len(titles)
    figure = style.new_figure(1.4 + 1.1 * columns, 1.6 + 1.1 * (len(methods) + 1))
    grid = figure.subplots(len(methods) + 1, columns, squeeze=False)
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    for column, title in enumerate(titles):
        grid[0, column].set_title(title, loc="center", fontsize=style.SMALL)
        grid[0, column].imshow(_logarithm(patches[column]), cmap="gray", vmin=0, vmax=1)
        for row in range(len(methods)):
            _difference(grid[row + 1, column], found[row, column], true[column])
    for row, name in enumerate(["image", *methods]):
        grid[row, 0].set_ylabel(name.replace("-", "\n"), rotation=0, ha="right", va="center")
    handles = [Patch(color=colour, label=name) for name, colour in DIFFERENCE_COLOURS.items()]
    figure.legend(handles=handles, title="mask and truth (number: IoU in %)",
                  loc="outside lower center", ncols=3)  # fmt: skip
    return figure


def _logarithm(patch: NDArray[np.integer]) -> NDArray[np.float64]:
    above = patch - float(patch.min())
    return np.asarray(np.log1p(above) / max(float(np.log1p(above.max())), 1e-6))


def _difference(axes: Axes, found: NDArray[np.bool_], true: NDArray[np.bool_]) -> None:
    shown = np.zeros((*true.shape, 3))
    parts = (found & true, true & ~found, found & ~true)
    for part, colour in zip(parts, DIFFERENCE_COLOURS.values(), strict=True):
        shown[part] = to_rgb(colour)
    axes.imshow(shown)
    union = int((found | true).sum())
    iou = int((found & true).sum()) / union if union else 1.0
    axes.text(
        *(0.96, 0.95),
        f"{100 * iou:.0f}",
        transform=axes.transAxes,
        ha="right",
        va="top",
        color="white",
        weight="bold",
        fontsize=style.SMALL,
        bbox={"facecolor": "black", "edgecolor": "none", "pad": 1},
    )


@style.styled
def masking_effect(table: pd.DataFrame) -> Figure:
    """Draw what networks score on whole and on masked images: a panel a measure.

    Parameters
    ----------
    table : DataFrame
        One row a measure: measure (str), normal, masked and difference (float), each with ``_low``
        and ``_high``, and verdict (str).

    Raises
    ------
    ValueError
        If a column is missing.
    """
    values = [f"{name}{end}" for name in ("normal", "masked", "difference") for end in _ENDS]
    absent = [name for name in ("measure", "verdict", *values) if name not in table]
    if absent:
        raise ValueError(f"expected the columns of a comparison, found no {', '.join(absent)}")
    if table.empty:
        return style.empty_figure("no comparison")
    rows = -(-len(table) // 3)
    figure = style.new_figure(10.5, 0.6 + 2.9 * rows)
    grid = figure.subplots(rows, 3, squeeze=False).ravel()
    for axes in grid[len(table) :]:
        axes.set_axis_off()
    for axes, row in zip(grid, table.to_dict(orient="records"), strict=False):
        for place, (name, colour) in enumerate(_ARMS.items()):
            low, high = row[f"{name}_low"], row[f"{name}_high"]
            axes.hlines(place, low, high, color=colour, linewidth=3)
            axes.plot(row[name], place, "o", color=colour, mec="black", ms=8)
        axes.set_yticks([0, 1], ["whole", "masked"])
        axes.set_ylim(1.6, -0.6)
        axes.margins(x=0.2)
        axes.locator_params(axis="x", nbins=4)
        axes.set_title(row["measure"])
        interval = style.signed(
            f"{row['difference']:+.2g} [{row['difference_low']:+.2g}, "
            f"{row['difference_high']:+.2g}]"
        )
        axes.set_xlabel(f"masked less whole:\n{interval}\n{row['verdict']}", fontsize=style.SMALL)
    figure.suptitle("Test wells, lines: 95 % interval over wells", fontsize=style.SMALL)
    return figure


_ENDS = ("", "_low", "_high")
_ARMS = {"normal": style.BLUE, "masked": style.ORANGE}
