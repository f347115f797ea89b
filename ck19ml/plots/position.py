"""Figures of what a well's place on the plate does to what is measured in it."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ck19ml.plots import style
from ck19ml.plots.plate import row_name


@style.styled
def position_effects(
    wells: pd.DataFrame, residual: str, label: str, tests: pd.DataFrame, *, percent: bool = False
) -> Figure:
    """Draw the residuals of the wells by row, by column and by zone, with their tests.

    Parameters
    ----------
    wells : DataFrame
        One row a tested well: row and column (int, from 0), edge (bool), and the residual.
    residual, label : str
        Column of `wells`: the value minus the median of the well's stimulation; and what the
        value is, with its unit.
    tests : DataFrame
        factor (``row``, ``column``, ``edge``), share, expected, q.
    """
    figure = style.new_figure(9.6, 4.0)
    panels = figure.subplots(1, 3, sharey=True, width_ratios=[16, 22, 9])
    values = wells[residual].to_numpy(float)
    factors = {"row": wells["row"], "column": wells["column"], "edge": wells["edge"].astype(int)}
    for axes, (factor, place) in zip(panels, factors.items(), strict=True):
        where = place.to_numpy(int)
        axes.axhline(0, color="black", lw=1)
        axes.plot(where + style.swarm(where.size, 0.2), values, ".", color=style.GREY, ms=4)
        for index in np.unique(where):
            own = values[(where == index) & np.isfinite(values)]
            if own.size:
                axes.plot([index - 0.4, index + 0.4], [np.median(own)] * 2, color=style.BLUE, lw=3)
        found = tests[tests["factor"] == factor]
        axes.set_title(f"{factor}\n{_test_text(found)}", fontsize=style.SMALL + 1)
        _name_places(axes.xaxis, factor, np.unique(where))
    if percent:
        style.percent_axis(panels[0].yaxis)
    known = np.abs(values[np.isfinite(values)])
    if known.any():
        limit = 1.05 * float(np.percentile(known, 99))
        panels[0].set_ylim(-limit, limit)
    panels[0].set_ylabel(f"{label}\nminus its stimulation's median")
    figure.supxlabel(
        "blue: median; hits are left out; a well in a hundred may lie outside of the axes",
        fontsize=style.SMALL,
        color="#444444",
    )
    return figure


def _test_text(tests: pd.DataFrame) -> str:
    if tests.empty or not np.isfinite(tests["q"].iloc[0]):
        return "not testable"
    row = tests.iloc[0]
    return f"explains {row['share']:.0%}\nchance {row['expected']:.0%}, q {row['q']:.2g}"


def _name_places(axis: Axis, factor: str, places: NDArray[Any]) -> None:
    if factor == "row":
        axis.set_ticks(places, [row_name(int(place)) for place in places])
    elif factor == "column":
        shown = places[:: max(1, len(places) // 8)]
        axis.set_ticks(shown, [str(place + 1) for place in shown])
    else:
        axis.set_ticks([0, 1], ["inside", "edge"])
        axis.axes.set_xlim(-0.7, 1.7)
