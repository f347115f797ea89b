"""Figure of how a model compares with the champion, well by well."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from ck19ml.plots import style

if TYPE_CHECKING:  # it loads scipy.stats, which most figures do without
    from ck19ml.core.scores.intervals import Score


@style.styled
def paired_losses(
    champion: Sequence[float],
    challenger: Sequence[float],
    difference: "Score",
    *,
    label: str,
    verdict: str,
) -> Figure:
    """Draw the loss of each well under both models, and the mean difference with its interval.

    Parameters
    ----------
    champion, challenger : sequence of float, (wells,)
        Losses of the same wells in the same order.
    difference : Score
        Mean of champion - challenger, with its interval over wells.
    label : str
        Axis label of the loss, with its unit.
    verdict : str
        Decision of the gate in a few words.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    style.same_length(champion=champion, challenger=challenger)
    first, second = np.asarray(champion, float), np.asarray(challenger, float)
    figure = style.new_figure(9, 4.2)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    top = 1.05 * float(max(first.max(), second.max(), 1e-12))
    left.plot([0, top], [0, top], color=style.GREY, linewidth=1)
    better = second < first
    for rows, colour, shape, word in (
        (better, style.BLUE, "o", "better"),
        (~better, style.VERMILLION, "X", "not better"),
    ):
        left.plot(first[rows], second[rows], shape, color=colour, ms=6,
                  label=f"challenger {word} ({rows.sum()})")  # fmt: skip
    left.set(xlabel=f"champion: {label}", ylabel="challenger", xlim=(0, top), ylim=(0, top))
    left.legend(loc="lower right")
    # One well has no interval.
    arms = np.nan_to_num([difference.value - difference.low, difference.high - difference.value])
    right.errorbar([difference.value], [0], xerr=np.maximum(arms, 0.0).reshape(2, 1), fmt="o",
                   color=style.BLACK, capsize=5)  # fmt: skip
    right.axvline(0, color=style.GREY, linewidth=1)
    right.set(yticks=[], xlabel="champion - challenger, mean over wells")
    right.set_title(verdict)
    right.spines["left"].set_visible(False)
    return figure
