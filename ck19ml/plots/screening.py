"""Figures of a screen: controls, ranked compounds, and the list beside the truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ck19ml.plots import style

MOST_ROWS = 25
"""Rows of a hit list on half a page."""

_SHAPES = {"vehicle": "o", "untreated": "s", "no compound": "D", "compound": "."}
_MEASURES = {"score": ("o", style.BLUE), "overlap": ("D", style.VERMILLION)}


@style.styled
def control_strips(
    wells: pd.DataFrame,
    measures: dict[str, str],
    quality: dict[str, str] | None = None,
    percent: Sequence[str] = (),
) -> Figure:
    """Draw the wells of each stimulation by what they hold, one panel a measure.

    Parameters
    ----------
    wells : DataFrame
        One row a well: stimulation, kind (``vehicle``, ``untreated``, ``no compound``,
        ``compound``) and the measures (float; NaN is left out).
    measures : dict
        Column to axis label, with the unit.
    quality : dict, optional
        Column to a line under the panel's title, such as its Z'.
    percent : sequence of str
        Columns that are fractions and are shown as percent.
    """
    if wells.empty:
        return style.empty_figure("no wells")
    names = style.stimulation_order(style.as_names(wells["stimulation"]))
    colours = style.stimulation_colours(names)
    present = [kind for kind in _SHAPES if (wells["kind"] == kind).any()]
    many = len(names) > 4  # a row a measure
    width = 9.0 if many else 3.3
    shape = (len(measures), 1) if many else (1, len(measures))
    figure = style.new_figure(1.2 + width * shape[1], 1.0 + 3.4 * shape[0])
    panels = figure.subplots(*shape, squeeze=False).ravel()
    for axes, (measure, label) in zip(panels, measures.items(), strict=True):
        for place, name in enumerate(names):
            for turn, kind in enumerate(present):
                chosen = (wells["stimulation"] == name) & (wells["kind"] == kind)
                values = wells.loc[chosen, measure].to_numpy(float)
                where = place + (turn - (len(present) - 1) / 2) * 0.27
                _strip(axes, where, values, kind, colours[name])
        style.name_classes(axes, names, width - 0.7)
        axes.set_ylabel(label)
        axes.set_title((quality or {}).get(measure, ""), fontsize=style.SMALL + 1)
        if measure in percent:
            style.percent_axis(axes.yaxis)
    handles = [style.marker(_SHAPES[kind], kind, style.GREY) for kind in present]
    handles.append(style.line("-", "median", style.BLACK))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _strip(axes: Axes, place: float, values: NDArray[Any], kind: str, colour: str) -> None:
    values = values[np.isfinite(values)]
    if not values.size:
        return
    where = place + style.swarm(values.size, 0.09)
    edge = "none" if kind == "compound" else "black"
    size = 22 if kind == "compound" else 34
    axes.scatter(where, values, size, color=colour, marker=_SHAPES[kind], edgecolor=edge, alpha=0.8)
    axes.plot([place - 0.12, place + 0.12], [np.median(values)] * 2, color="black", lw=2.2)


@style.styled
def ranked_hits(
    hits: pd.DataFrame, *, fdr: float, known: Sequence[bool] | None = None, most: int = MOST_ROWS
) -> Figure:
    """Draw the head of a hit list: each compound's SSMD by the model and by the plain overlap.

    Parameters
    ----------
    hits : DataFrame
        In the order of the rank: stimulation, compound, concentration_um, and of ``score`` and
        ``overlap`` NAME_ssmd and NAME_hit; ``toxic`` (bool), if given, marks the rows that lose
        cells.
    fdr : float
        The false discovery rate of the hits, in [0, 1].
    known : sequence of bool, optional
        Whether a row is known to inhibit, where that is known.
    most : int
        Rows that are drawn.
    """
    if hits.empty:
        return style.empty_figure("no compounds to rank")
    head = hits.iloc[:most]
    stars = np.zeros(len(head), bool) if known is None else np.asarray(known, bool)[:most]
    labels = [_row_name(row, star) for (_, row), star in zip(head.iterrows(), stars, strict=True)]
    figure = style.new_figure(5 + style.LETTER * max(map(len, labels)), 1.9 + 0.27 * len(head))
    axes = figure.subplots()
    axes.axvline(0, color="black", lw=1)
    axes.hlines(range(len(head)), 0, 1, transform=axes.get_yaxis_transform(), color="#E4E4E4", lw=1)
    for measure, (shape, colour) in _MEASURES.items():
        called = head[f"{measure}_hit"].to_numpy(bool)
        x = head[f"{measure}_ssmd"].to_numpy(float)
        for own, face in ((called, colour), (~called, "white")):
            axes.plot(
                x[own], np.flatnonzero(own), shape, color=face, mec=colour, mew=1.5, ms=7, zorder=3
            )
    axes.set_yticks(range(len(head)), labels)
    axes.set_ylim(len(head) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("SSMD against the vehicle wells of the same stimulation")
    if len(hits) > most:
        axes.set_title(f"the first {most} of {len(hits)}", fontsize=style.SMALL + 1)
    toxic = "toxic" in head and bool(head["toxic"].any())
    handles = _hit_handles(fdr, known is not None, toxic)
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _row_name(row: "pd.Series[Any]", star: bool) -> str:
    amount = row["concentration_um"]
    dose = "" if pd.isna(amount) else f", {amount:.3g} µM"
    marks = f"{' ★' if star else ''}{' †' if row.get('toxic', False) else ''}"
    return f"{row['stimulation']}: {row['compound']}{dose}{marks}"


def _hit_handles(fdr: float, known: bool, toxic: bool) -> list[Line2D]:
    names = {"score": "model", "overlap": "plain overlap"}
    handles = []
    for measure, (shape, colour) in _MEASURES.items():
        handle = style.marker(shape, names[measure], colour)
        handle.set_markeredgecolor(colour)
        handles.append(handle)
    filled = style.marker("o", f"filled: hit (FDR {100 * fdr:.3g} %)", style.GREY)
    filled.set_markeredgecolor(style.GREY)
    star = Line2D([], [], linestyle="", marker="$★$", color="black", label="known inhibitor")
    dagger = Line2D([], [], linestyle="", marker="$†$", color="black", label="cells are lost")
    return [*handles, filled, *([star] if known else []), *([dagger] if toxic else [])]


@style.styled
def precision_recall(
    inhibits: Sequence[bool], rankings: dict[str, Sequence[float]], titles: dict[str, str]
) -> Figure:
    """Draw how a hit list fares against the truth, from its first row to its last.

    Parameters
    ----------
    inhibits : sequence of bool, (n,)
        Truth of each compound and stimulation.
    rankings : dict
        Measure to strength of inhibition, (n,) each.
    titles : dict
        Measure to its entry in the legend.
    """
    from sklearn.metrics import precision_recall_curve

    true = np.asarray(inhibits, bool)
    if not true.any():
        return style.empty_figure("no known inhibitor on this plate")
    figure = style.new_figure(5.6, 4.6)
    axes = figure.subplots()
    colours = (style.BLUE, style.SKY, style.VERMILLION, style.PURPLE, style.ORANGE, style.GREEN)
    for (measure, strength), colour in zip(rankings.items(), colours, strict=False):
        precision, recall, _ = precision_recall_curve(true, np.asarray(strength, float))
        axes.step(recall, precision, where="post", color=colour, label=titles[measure])
    axes.axhline(
        true.mean(), color="black", ls=":", lw=1.4, label=f"chance {100 * true.mean():.0f} %"
    )
    axes.set(xlabel="known inhibitors found (%)", ylabel="of these, inhibitors (%)")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04))
    for axis in (axes.xaxis, axes.yaxis):
        style.percent_axis(axis)
    figure.legend(loc="outside lower center", ncols=1)
    return figure
