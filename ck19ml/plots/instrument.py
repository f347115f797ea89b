"""The overlap that patches add up to, beside the % overlap as the instrument defines it."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ck19ml.plots import style
from ck19ml.plots.pairs import Pairs, Values, pairs_of


@style.styled
def against_instrument(sums: ArrayLike, percent: ArrayLike, stimulation: ArrayLike) -> Figure:
    """Draw both distributions by stimulation, and each well's pair of values.

    The two differ in scale by what they divide by: % overlap, as the instrument defines it, is the
    share of the T-cell area that lies on DCs, the IoU is of both cells' areas (DOMAIN.md).

    Parameters
    ----------
    sums : array_like, (wells,), float
        Sum of overlap (IoU, fractions) over the patches of a well.
    percent : array_like, (wells,), float
        % overlap of the same wells. Rows with a value that is not finite
        are left out, and the figure says how many.
    stimulation : array_like, (wells,), str

    Returns
    -------
    Figure
        The title of the right panel gives Spearman's rank correlation over all wells.

    Raises
    ------
    ValueError
        If the arrays are not of the same length.
    """
    pairs = pairs_of(sums, percent, stimulation)
    if not pairs.order:
        return style.empty_figure("no wells")
    # The strips of many classes take a row each.
    many = len(pairs.order) > 4
    figure = style.new_figure(11, 11 if many else 4.2)
    rows, columns = (3, 1) if many else (1, 3)
    left, middle, right = figure.subplots(rows, columns)
    colours = style.stimulation_colours(pairs.order)
    labels = ("sum of overlap (IoU)\nover a well's patches", "share of the T-cell area\non DCs (%)")
    for axes, label, column in ((left, labels[0], 0), (middle, labels[1], 1)):
        for place, name in enumerate(pairs.order):
            _strip(axes, pairs.of(name)[column], place, colours[name])
        style.name_classes(axes, pairs.order, 8 if many else 2.1)
        axes.set_ylabel(label)
        axes.set_ylim(0, None)
    _scatter(right, pairs, colours)
    right.set(xlabel=labels[0].replace("\n", " "), ylabel=labels[1].replace("\n", " "))
    style.note(figure, pairs.left_out, "wells")
    return figure


def _strip(axes: Axes, values: Values, place: float, colour: str) -> None:
    if values.size == 0:
        return
    where = place + style.swarm(values.size, 0.25)
    axes.scatter(where, values, s=16, color=colour, alpha=0.7, linewidths=0)
    axes.errorbar(
        [place], [values.mean()], [values.std()], fmt="_", color="black", ms=18, mew=2, capsize=4
    )


def _scatter(axes: Axes, pairs: Pairs, colours: dict[str, str]) -> None:
    for name in pairs.order:
        axes.scatter(*pairs.of(name), s=18, color=colours[name], alpha=0.7, linewidths=0)
    varied = pairs.true.size > 2 and np.ptp(pairs.true) > 0 and np.ptp(pairs.predicted) > 0
    if varied:
        # Spearman's, without scipy.stats: loading it takes half a second
        ranks = [pd.Series(values).rank() for values in (pairs.true, pairs.predicted)]
        rank = float(np.corrcoef(*ranks)[0, 1])
        axes.set_title(f"rank correlation {style.signed(f'{rank:.2f}')}")
    handles = [
        style.marker("o", style.wrapped(f"{n}, n = {pairs.of(n)[0].size}", 20), colours[n])
        for n in pairs.order
    ]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0))
