"""Histograms of true and predicted overlap."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from ck19ml.plots import style
from ck19ml.plots.pairs import Pairs, Values, pairs_of

BIN_WIDTH = 0.01
"""Width of a bin of overlap; the mean of a plate is 0.01 to 0.04 (DOMAIN.md, real CK19)."""

TAIL = 0.1
"""Overlap from which the inset of a linear histogram starts: 6 % of CK19's patches."""

MOST_IN_INSET = 0.4
"""Share of the patches from `TAIL` on up to which they are drawn enlarged."""


@style.styled
def overlap_histograms(
    true: ArrayLike, predicted: ArrayLike, stimulation: ArrayLike, *, log_counts: bool = False
) -> Figure:
    """Draw how often each overlap occurs, true and predicted, a panel a stimulation.

    Most patches have an overlap of exactly 0; these stand in a bar of their own, left of the
    bins (predictions below 0 are counted there too). With linear counts an inset magnifies
    the patches from `TAIL` on where they are few.

    Parameters
    ----------
    true, predicted : array_like, (n,), float
        Overlap (IoU) of each patch, a fraction in [0, 1]; predictions may leave that range,
        those above 1 are counted in the last bin. Rows with a value that is not finite are
        left out, and the figure says how many.
    stimulation : array_like, (n,), str
    log_counts : bool
        Logarithmic count axis.

    Raises
    ------
    ValueError
        If the arrays are not of the same length.
    """
    pairs = pairs_of(true, predicted, stimulation)
    if not pairs.order:
        return style.empty_figure("no patches")
    figure = style.new_figure(8, 0.8 + 2.1 * len(pairs.order))
    grid = figure.subplots(len(pairs.order), 1, sharex=True, sharey=True, squeeze=False)
    edges = _bin_edges(pairs)
    colours = style.stimulation_colours(pairs.order)
    insets = []
    # Where many patches overlap they are seen without being enlarged.
    rare = 0 < np.mean(pairs.true > TAIL) < MOST_IN_INSET
    for axes, name in zip(grid[:, 0], pairs.order, strict=True):
        _histogram_panel(axes, pairs.of(name), edges, name, colours[name])
        if rare and not log_counts:
            insets.append(_tail_inset(axes, pairs.of(name), edges, colours[name]))
    for inset in insets:
        inset.set_ylim(0, max(other.get_ylim()[1] for other in insets))
    if log_counts:
        grid[0, 0].set_yscale("log")
        grid[0, 0].set_ylim(0.7, None)
    _overlap_ticks(grid[-1, 0], edges)
    figure.supylabel("patches", fontsize=style.RC["axes.labelsize"])
    style.note(figure, pairs.left_out, "patches")
    return figure


def _bin_edges(pairs: Pairs) -> Values:
    highest = max([0.05, *np.minimum(pairs.true, 1), *np.minimum(pairs.predicted, 1)])
    bins = 5 * int(np.ceil(highest / 0.05 - 1e-9))
    return np.arange(bins + 1, dtype=np.float64) * BIN_WIDTH


def _counts(values: Values, edges: Values) -> tuple[int, NDArray[np.int64]]:
    """Count the values that are not above 0, and the others by bin; the last bin is open."""
    positive = values[values > 0]
    binned = np.histogram(np.minimum(positive, edges[-1]), edges)[0]
    return values.size - positive.size, binned


def _histogram_panel(
    axes: Axes, values: tuple[Values, Values], edges: Values, name: str, colour: str
) -> None:
    true, predicted = values
    axes.set_title(name, pad=11)
    if true.size == 0:
        style.say_empty(axes, "no patches")
        return
    zero, binned = _counts(true, edges)
    lefts = np.concatenate([[-3 * BIN_WIDTH], edges[:-1]])
    widths = np.concatenate([[2 * BIN_WIDTH], np.diff(edges)])
    axes.bar(lefts, np.concatenate([[zero], binned]), widths, align="edge", color=colour, alpha=0.6)
    zero, binned = _counts(predicted, edges)
    outline = np.concatenate([[-3 * BIN_WIDTH, -BIN_WIDTH], edges])
    axes.stairs(np.concatenate([[zero, np.nan], binned]), outline, color=style.BLACK, linewidth=1.2)
    # The predicted mean is the smaller mark, so that both are seen where they are equal.
    for mean, face, line, size in ((true.mean(), colour, "-", 11), (predicted.mean(), "w", ":", 6)):
        place = float(np.clip(mean, -3 * BIN_WIDTH, edges[-1]))
        axes.axvline(place, color=style.BLACK, linestyle=line, linewidth=1)
        _mark_top(axes, place, face, size)
    _legend(axes, true, predicted, colour)


def _mark_top(axes: Axes, place: float, face: str, size: int) -> None:
    top = axes.get_xaxis_transform()
    axes.plot([place], [1.0], "v", color=face, mec="black", ms=size, transform=top, clip_on=False)


def _legend(axes: Axes, true: Values, predicted: Values, colour: str) -> None:
    handles = [
        Patch(color=colour, alpha=0.6, label="true"),
        style.marker("v", f"mean {100 * true.mean():.2f} %", colour),
        Patch(fill=False, linewidth=1.2, label="predicted"),
        style.marker("v", f"mean {style.signed(f'{100 * predicted.mean():.2f}')} %", "white"),
    ]
    title = f"n = {true.size:,} patches"
    place = (1.0, 1.1)
    legend = axes.legend(handles=handles, title=title, loc="upper left", bbox_to_anchor=place)
    legend.set_alignment("left")


def _tail_inset(axes: Axes, values: tuple[Values, Values], edges: Values, colour: str) -> Axes:
    inset = axes.inset_axes((0.44, 0.3, 0.54, 0.52))
    start = round(TAIL / BIN_WIDTH)
    true, predicted = (_counts(part, edges)[1][start:] for part in values)
    inset.bar(edges[start:-1], true, BIN_WIDTH, align="edge", color=colour, alpha=0.6)
    inset.stairs(predicted, edges[start:], color=style.BLACK, linewidth=1.2)
    inset.set_title(f"{100 * TAIL:g} % and more, enlarged", fontsize=style.SMALL, pad=2)
    inset.tick_params(labelsize=style.SMALL)
    style.percent_axis(inset.xaxis)
    return inset


def _overlap_ticks(axes: Axes, edges: Values) -> None:
    step = 0.1 if edges[-1] > 0.3 else 0.05 if edges[-1] > 0.1 else 0.01
    places = np.arange(1, int(edges[-1] / step + 1e-9) + 1) * step
    labels = ["≤ 0", *(f"{100 * place:.4g}" for place in places)]
    axes.set_xticks([-2 * BIN_WIDTH, *places], labels)
    axes.set_xlim(-4 * BIN_WIDTH, edges[-1])
    axes.set_xlabel(style.OVERLAP_LABEL)
