"""Figures of dose series: curves, and fitted beside true IC50s."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ck19ml.plots import style


@style.styled
def dose_curves(
    wells: pd.DataFrame, fits: pd.DataFrame, measure: str, label: str, *, percent: bool = False
) -> Figure:
    """Draw the wells and the fitted curve of each compound of a dose plate, one panel a compound.

    A curve that the data do not support is dashed, and the panel says why. The bar at the bottom is
    the 95 % interval of a supported IC50 or EC50, the dotted line the median of the vehicle wells.

    Parameters
    ----------
    wells : DataFrame
        One row a well: stimulation, compound, concentration_um, kind and the measure.
    fits : DataFrame
        Rows of this measure: stimulation, compound, direction, ic50_um, low_um, high_um, hill,
        without, saturated, supported, reason.
    measure, label : str
        Column of `wells`, and the axis label with its unit.
    percent : bool
        Values are fractions, and the axis shows percent.
    """
    compounds = sorted(fits["compound"].unique(), key=style.natural) if len(fits) else []
    if not compounds:
        return style.empty_figure("no dose series")
    names = style.stimulation_order(style.as_names(fits["stimulation"]))
    colours = style.stimulation_colours(names)
    columns = min(4, len(compounds))
    rows = -(-len(compounds) // columns)
    fitted = fits.groupby("compound").size().max()
    figure = style.new_figure(1.0 + 2.6 * columns, 1.1 + (2.3 + 0.28 * fitted) * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    treated = wells[wells["kind"] == "compound"]
    for axes, compound in zip(panels, compounds, strict=False):
        own = treated[treated["compound"] == compound]
        titles = [str(compound)]
        for turn, name in enumerate(names):
            chosen = own[own["stimulation"] == name]
            fit = fits[(fits["compound"] == compound) & (fits["stimulation"] == name)]
            axes.plot(
                chosen["concentration_um"], chosen[measure], ".", color=colours[name], ms=7,
                alpha=0.75,
            )  # fmt: skip
            vehicle = wells[(wells["kind"] == "vehicle") & (wells["stimulation"] == name)][measure]
            if vehicle.notna().any():
                axes.axhline(vehicle.median(), color=colours[name], ls=":", lw=1.2)
            for _, row in fit.iterrows():
                titles.append(style.wrapped(f"{name}: {_fit_text(row)}", 32))
                _curve(axes, row, colours[name], treated["concentration_um"], turn)
        axes.set_xscale("log")
        axes.set_title("\n".join(titles), fontsize=style.SMALL)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        if percent:
            style.percent_axis(axes.yaxis)
    for axes in panels[len(compounds) :]:
        axes.set_axis_off()
    for axes in panels[max(0, len(compounds) - columns) : len(compounds)]:
        axes.tick_params(labelbottom=True)  # also where the panel below is empty
        axes.set_xlabel("concentration (µM)")
    figure.supylabel(label, fontsize=style.SMALL + 2)
    handles = [style.marker("o", name, colours[name]) for name in names]
    handles += [
        style.line("-", "supported fit", style.BLACK),
        style.line("--", "not supported", style.BLACK),
        style.line(":", "vehicle", style.BLACK),
    ]
    columns = max(1, int((figure.get_figwidth() - 1) / (0.7 + style.LETTER * _longest(handles))))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(columns, len(handles)))
    return figure


def _longest(handles: list[Line2D]) -> int:
    return max(len(str(handle.get_label())) for handle in handles)


def _fit_text(row: "pd.Series[Any]") -> str:
    if not row["supported"]:
        return str(row["reason"])
    return f"{row['direction']} {row['ic50_um']:.2g} ({row['low_um']:.2g}–{row['high_um']:.2g})"


def _curve(
    axes: Axes, fit: "pd.Series[Any]", colour: str, doses: "pd.Series[Any]", turn: int
) -> None:
    if not np.isfinite(fit["ic50_um"]):
        return
    x = np.geomspace(doses.min(), doses.max(), 100)
    from ck19ml.core.screening.dose_response import logistic  # loads scipy.stats

    share = logistic(x, np.log10(fit["ic50_um"]), fit["hill"])
    y = fit["without"] + (fit["saturated"] - fit["without"]) * share
    axes.plot(
        x, y, color=colour, ls="-" if fit["supported"] else "--", lw=2 if fit["supported"] else 1.2
    )
    if fit["supported"]:
        height = 0.04 + 0.04 * turn
        where = axes.get_xaxis_transform()
        axes.plot(
            [fit["low_um"], fit["high_um"]], [height] * 2, color=colour, lw=3, transform=where
        )
        axes.plot([fit["ic50_um"]], [height], "|", color="black", ms=9, mew=2, transform=where)


@style.styled
def ic50_agreement(fits: pd.DataFrame, titles: dict[str, str]) -> Figure:
    """Draw fitted against true IC50 of simulated compounds, a panel a measure.

    Parameters
    ----------
    fits : DataFrame
        measure, stimulation, compound, ic50_um, low_um, high_um, supported, true_ic50_um.
    titles : dict
        Measure to the panel's title.
    """
    shown = fits[np.isfinite(fits["ic50_um"].to_numpy(float))]
    if shown.empty:
        return style.empty_figure("no fitted curve")
    figure = style.new_figure(1.0 + 3.1 * len(titles), 4.4)
    panels = figure.subplots(1, len(titles), sharex=True, sharey=True, squeeze=False)[0]
    ends = np.array([shown["true_ic50_um"].min(), shown["true_ic50_um"].max()]) * [0.3, 3.0]
    for axes, (measure, title) in zip(panels, titles.items(), strict=True):
        own = shown[shown["measure"] == measure]
        axes.plot(ends, ends, color="black", ls=":", lw=1.4)
        for supported in (True, False):
            rows = own[own["supported"] == supported]
            face = style.BLUE if supported else "white"
            axes.plot(
                rows["true_ic50_um"], rows["ic50_um"], "o", color=face, mec=style.BLUE, mew=1.5
            )
            if supported:
                bars = [rows["ic50_um"] - rows["low_um"], rows["high_um"] - rows["ic50_um"]]
                axes.errorbar(
                    rows["true_ic50_um"], rows["ic50_um"], np.array(bars),
                    ls="", ecolor=style.BLUE, lw=1.5,
                )  # fmt: skip
        for _, row in own.iterrows():
            axes.annotate(
                str(row["compound"]), (row["true_ic50_um"], row["ic50_um"]), (5, 4),
                textcoords="offset points", fontsize=style.SMALL,
            )  # fmt: skip
        axes.set(xscale="log", yscale="log")
        axes.set_title(title, fontsize=style.SMALL + 1)
        axes.set_xlabel("true IC50 (µM)")
    panels[0].set_ylabel("fitted IC50 (µM)")
    figure.legend(
        handles=[
            style.marker("o", "supported, with its 95 % interval", style.BLUE),
            style.marker("o", "not supported", "white"),
            style.line(":", "equal", style.BLACK),
        ],
        loc="outside lower center",
        ncols=3,
    )
    return figure
