"""Figures of true and predicted overlap."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from ck19ml.plots import style
from ck19ml.plots.pairs import Pairs, Values, pairs_of


@style.styled
def field_sums(true: ArrayLike, predicted: ArrayLike, stimulation: ArrayLike) -> Figure:
    """Draw the sum of overlap over each well's patches, true beside predicted.

    Parameters
    ----------
    true, predicted : array_like, (wells,), float
        Sum of overlap (IoU, fractions) over the patches of a well, in [0, patches]; not finite:
        left out, and the figure says how many.
    stimulation : array_like, (wells,), str

    Raises
    ------
    ValueError
        If the arrays are not of the same length.
    """
    pairs = pairs_of(true, predicted, stimulation)
    if not pairs.order:
        return style.empty_figure("no wells")
    width = min(1.6 * len(pairs.order), 9)
    figure = style.new_figure(3.2 + width, 4.5)
    axes = figure.subplots()
    colours = style.stimulation_colours(pairs.order)
    for place, name in enumerate(pairs.order):
        columns = zip(pairs.of(name), (-0.2, 0.2), (True, False), strict=True)
        for values, shift, filled in columns:
            _strip(axes, values, place + shift, colours[name], filled)
    notes = [f"n = {pairs.of(name)[0].size}" for name in pairs.order]
    style.name_classes(axes, pairs.order, width, notes)
    axes.set_xlim(-0.6, len(notes) - 0.4)
    axes.set_ylabel("sum of overlap (IoU)\nover a well's patches")
    handles = [style.marker("o", "true", style.GREY), style.marker("o", "predicted", "white")]
    title = "a point a well,\nbar: mean ± SD"
    axes.legend(handles=handles, title=title, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    style.note(figure, pairs.left_out, "wells")
    return figure


def _strip(axes: Axes, values: Values, place: float, colour: str, filled: bool) -> None:
    if values.size == 0:
        return
    axes.scatter(
        place + style.swarm(values.size, 0.12),
        values,
        s=16,
        facecolor=colour if filled else "none",
        edgecolor=colour,
        alpha=0.8,
    )
    axes.errorbar(
        [place], [values.mean()], [values.std()], fmt="_", color="black", ms=18, mew=2, capsize=4
    )


@style.styled
def predicted_against_true(true: ArrayLike, predicted: ArrayLike, stimulation: ArrayLike) -> Figure:
    """Draw predicted against true overlap with the line on which both are equal.

    Parameters
    ----------
    true, predicted : array_like, (n,), float
        Overlap (IoU), fractions in [0, 1]; predictions may leave that range. Rows with a
        value that is not finite are left out, and the figure says how many.
    stimulation : array_like, (n,), str

    Returns
    -------
    Figure
        The legend gives, a stimulation, n, the root of the mean squared error in percentage
        points and R² (a dash where the truth does not vary).

    Raises
    ------
    ValueError
        If the arrays are not of the same length.
    """
    pairs = pairs_of(true, predicted, stimulation)
    if not pairs.order:
        return style.empty_figure("no patches")
    figure = style.new_figure(8, _beside_legend(5.2, len(pairs.order)))
    axes = figure.subplots()
    colours = style.stimulation_colours(pairs.order)
    _shuffled_points(axes, pairs, colours)
    both = np.concatenate([pairs.true, pairs.predicted, [0.0, 0.05]])
    limits = (both.min() - 0.02 * np.ptp(both), both.max() + 0.02 * np.ptp(both))
    identity = axes.plot(limits, limits, "--", color=style.BLACK, linewidth=1, label="identity")
    handles = [_agreement_handle(pairs, name, colours[name]) for name in pairs.order]
    handles += identity
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), labelspacing=0.9)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.set(xlabel="true " + style.OVERLAP_LABEL, ylabel="predicted " + style.OVERLAP_LABEL)
    style.percent_axis(axes.xaxis)
    style.percent_axis(axes.yaxis)
    style.note(figure, pairs.left_out, "patches")
    return figure


def _beside_legend(least: float, classes: int) -> float:
    """Height in inches of a figure beside whose axes a legend has three lines a class."""
    return max(least, 0.8 + 0.56 * classes)


def _shuffled_points(axes: Axes, pairs: Pairs, colours: dict[str, str]) -> None:
    """Draw all points at once in a shuffled order: else the last stimulation would hide all."""
    order = np.random.default_rng(0).permutation(pairs.true.size)
    axes.scatter(
        pairs.true[order],
        pairs.predicted[order],
        c=[colours[name] for name in pairs.names[order]],
        s=14,
        alpha=0.35,
        linewidths=0,
        rasterized=True,
    )


def _agreement_handle(pairs: Pairs, name: str, colour: str) -> Line2D:
    true, predicted = pairs.of(name)
    if true.size == 0:
        return style.marker("o", f"{name}\nno patches", colour)
    squared = float(np.mean((predicted - true) ** 2))
    # The variance of equal numbers is not always exactly 0 in floating point.
    r2 = style.signed(f"{1 - squared / true.var():.2f}") if np.ptp(true) > 0 else "–"
    of = style.wrapped(f"{name}, n = {true.size:,}", 26)
    text = f"{of}\nRMSE {100 * squared**0.5:.2f} pp, R² {r2}"
    return style.marker("o", text, colour)


@style.styled
def error_distribution(true: ArrayLike, predicted: ArrayLike, stimulation: ArrayLike) -> Figure:
    """Draw how the errors of predicted overlap are distributed, a line a stimulation.

    Parameters
    ----------
    true, predicted : array_like, (n,), float
        Overlap (IoU), fractions in [0, 1]; predictions may leave that range. Rows with a
        value that is not finite are left out, and the figure says how many.
    stimulation : array_like, (n,), str

    Returns
    -------
    Figure
        Share of a stimulation's patches by predicted minus true overlap, logarithmic; the
        legend gives mean (bias) and standard deviation in percentage points.

    Raises
    ------
    ValueError
        If the arrays are not of the same length.
    """
    pairs = pairs_of(true, predicted, stimulation)
    if not pairs.order:
        return style.empty_figure("no patches")
    figure = style.new_figure(8.5, _beside_legend(4.2, len(pairs.order)))
    axes = figure.subplots()
    error = pairs.predicted - pairs.true
    edges = _error_edges(error)
    for name, colour in style.stimulation_colours(pairs.order).items():
        part = error[pairs.names == name]
        if part.size == 0:
            axes.plot([], [], color=colour, label=f"{name}\nno patches")
            continue
        share = np.histogram(part, edges)[0] / part.size
        bias = style.signed(f"{100 * part.mean():+.2f}")
        of = style.wrapped(f"{name}, n = {part.size:,}", 26)
        label = f"{of}\nbias {bias}, SD {100 * part.std():.2f} pp"
        axes.stairs(share, edges, baseline=None, color=colour, linewidth=1.8, label=label)
    axes.axvline(0, color=style.BLACK, linewidth=1, linestyle="--")
    axes.set_yscale("log")
    axes.set_xlabel("predicted − true overlap (IoU, percentage points)")
    axes.set_ylabel("share of patches (%)")
    style.percent_axis(axes.xaxis)
    style.percent_axis(axes.yaxis)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), labelspacing=0.9)
    style.note(figure, pairs.left_out, "patches")
    return figure


def _error_edges(error: Values) -> Values:
    """Return bins that are symmetrical about 0, so that the sign of a small error is seen."""
    reach = max(float(np.abs(error).max(initial=0.0)), 0.05)
    width = max(0.01, reach / 40)
    half = np.arange(int(np.ceil(reach / width)) + 1) + 0.5
    return np.concatenate([-half[::-1], half]) * width


@style.styled
def interaction_curve(curve: pd.DataFrame, chosen: float) -> Figure:
    """Draw how well interaction is told, over the threshold on overlap that defines it.

    Parameters
    ----------
    curve : DataFrame
        Columns of `core.scores.interaction.interaction_curve`; NaN leaves a gap.
    chosen : float
        The threshold that is used, marked by a vertical line.

    Returns
    -------
    Figure
        Left precision, recall and F1 above the prevalence, as far as any patch interacts; right
        the share of wrong answers beside that of "never", logarithmic: none wrong leaves a gap.
    """
    figure = style.new_figure(10.5, 4.2)
    left, right = figure.subplots(1, 2)
    x = curve["threshold"]
    found = (
        ("precision", style.BLUE, "-"),
        ("recall", style.VERMILLION, "--"),
        ("f1", style.GREEN, "-."),
        ("prevalence", style.BLACK, ":"),
    )
    for name, colour, pattern in found:
        shown = curve[name].where(curve["prevalence"] > 0)
        left.plot(x, shown, pattern, color=colour, label=name.replace("f1", "F1"))
    left.set_ylim(-0.02, 1.02)
    left.set_ylabel("share (%)")
    wrong = 1 - curve[["accuracy", "never_accuracy"]]
    wrong = wrong.where(wrong > 0)
    right.plot(x, wrong["accuracy"], color=style.PURPLE, label="model")
    right.plot(x, wrong["never_accuracy"], ":", color=style.BLACK, label="“never”")
    right.set_yscale("log")
    right.set_ylabel("wrong answers (% of patches)")
    for axes in (left, right):
        axes.axvline(chosen, color=style.GREY, linewidth=3, alpha=0.6)
        axes.set_xlabel("threshold: " + style.OVERLAP_LABEL)
        style.percent_axis(axes.xaxis)
        style.percent_axis(axes.yaxis)
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=4, handlelength=1.6, columnspacing=1.2
        )
    right.annotate(
        f"chosen: {100 * chosen:.3g} %",
        (chosen, 0.98),
        xycoords=("data", "axes fraction"),
        xytext=(5, 0),
        textcoords="offset points",
        va="top",
        fontsize=style.SMALL,
    )
    return figure
