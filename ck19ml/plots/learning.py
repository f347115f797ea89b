"""Figures of how a model learned, and of how a study went."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from ck19ml.plots import style

_PHASES = {"train": (style.BLUE, "o", "--"), "validation": (style.VERMILLION, "s", "-")}
_ABBREVIATIONS = {"auc", "bce", "iou", "mae", "mse", "rmse", "r2"}
_STATES = {"complete": "complete", "pruned": "pruned", "fail": "failed", "failed": "failed"}


@style.styled
def learning_curves(history: pd.DataFrame, *, best_epoch: int | None = None) -> Figure:
    """Draw each metric over the epochs, training and validation in one panel.

    Parameters
    ----------
    history : DataFrame
        One row an epoch: column epoch (int), and columns ``train/<metric>`` and
        ``validation/<metric>`` (float; NaN leaves a gap), either of which may be missing.
        Other columns are not drawn.
    best_epoch : int, optional
        The epoch to mark; else that of the least ``validation/loss``, or without validation
        of the least ``train/loss``; without a loss none is marked.

    Raises
    ------
    ValueError
        If the column epoch is missing.
    """
    if "epoch" not in history.columns:
        raise ValueError(f"expected a column epoch, found {list(history.columns)}")
    metrics = _metrics(history)
    if not metrics or history.empty:
        return style.empty_figure("no metric of training or validation")
    best = best_epoch if best_epoch is not None else _best_epoch(history)
    columns = min(len(metrics), 2)
    rows = -(-len(metrics) // columns)
    figure = style.new_figure(4.2 * columns, 0.6 + 2.7 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, metric in zip(grid, metrics, strict=False):
        _metric_panel(axes, history, metric, best)
    for axes in grid[len(metrics) :]:
        axes.set_axis_off()
    figure.legend(handles=_legend_handles(history, best), loc="outside upper center", ncols=3)
    return figure


def _metrics(history: pd.DataFrame) -> list[str]:
    """Return the metrics' names in the order of the columns, each once."""
    split = [str(column).partition("/") for column in history.columns]
    return list(dict.fromkeys(metric for phase, _, metric in split if phase in _PHASES and metric))


def _best_epoch(history: pd.DataFrame) -> int | None:
    for column in ("validation/loss", "train/loss"):
        if np.isfinite(_finite(history, column)).any():
            return int(history["epoch"].to_numpy()[int(np.nanargmin(_finite(history, column)))])
    return None


def _metric_panel(axes: Axes, history: pd.DataFrame, metric: str, best: int | None) -> None:
    drawn = False
    for phase, (colour, shape, pattern) in _PHASES.items():
        values = _finite(history, f"{phase}/{metric}")
        if np.isfinite(values).any():
            drawn = True
            axes.plot(history["epoch"], values, shape + pattern, color=colour, ms=4.5)
    if not drawn:
        style.say_empty(axes, "no finite value")
    if best is not None:
        axes.axvline(best, color=style.GREY, linewidth=4, alpha=0.5, zorder=0)
    axes.set_title(_title(metric))
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if metric.endswith("accuracy"):
        style.percent_axis(axes.yaxis)


def _finite(history: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Return a column with NaN for what is infinite or absent: matplotlib leaves a gap there."""
    if column not in history.columns:
        return np.full(len(history), np.nan)
    values = history[column].to_numpy(float)
    return np.where(np.isfinite(values), values, np.nan)


def _title(metric: str) -> str:
    words = " ".join(word.upper() if word in _ABBREVIATIONS else word for word in metric.split("_"))
    return f"{words} (%)" if metric.endswith("accuracy") else words


def _legend_handles(history: pd.DataFrame, best: int | None) -> list[Line2D]:
    handles: list[Line2D] = []
    for phase, (colour, shape, pattern) in _PHASES.items():
        if any(str(column).startswith(f"{phase}/") for column in history.columns):
            handle = style.line(pattern, phase, colour)
            handle.set_marker(shape)
            handles.append(handle)
    if best is not None:
        handle = style.line("-", f"best epoch: {best}", style.GREY)
        handle.set(linewidth=4, alpha=0.5)
        handles.append(handle)
    return handles


@style.styled
def study_history(
    values: ArrayLike,
    states: Sequence[str],
    direction: str,
    *,
    label: str = "value",
) -> Figure:
    """Draw the value of each trial of a study, and the best so far.

    Parameters
    ----------
    values : array_like, (trials,), float
        The objective of each trial in their order; NaN where there is none. A trial without
        a finite value is marked at the lower edge.
    states : sequence of str, (trials,)
        complete, pruned, fail or failed, in any case; what has another state (a trial that
        runs) is not drawn.
    direction : str
        ``minimize`` or ``maximize``.
    label : str
        What the value is, with its unit.

    Raises
    ------
    ValueError
        If the lengths differ or the direction is neither.
    """
    style.same_length(values=values, states=list(states))
    if direction not in ("minimize", "maximize"):
        raise ValueError(f"expected the direction minimize or maximize, found {direction!r}")
    height = np.asarray(values, float)
    state = np.array([_STATES.get(str(name).lower(), "") for name in states], dtype=str)
    if not np.any(state != ""):
        return style.empty_figure("no trial has ended")
    figure = style.new_figure(8, 4.2)
    axes = figure.subplots()
    looks = {"complete": ("o", style.BLUE), "pruned": ("^", style.ORANGE)}
    for name, look in (looks | {"failed": ("X", style.VERMILLION)}).items():
        _trials(axes, height, state == name, name, look)
    complete = (state == "complete") & np.isfinite(height)
    _best_so_far(axes, np.where(complete, height, np.nan), direction)
    axes.set(xlabel="trial", ylabel=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _trials(
    axes: Axes,
    height: NDArray[np.float64],
    rows: NDArray[np.bool_],
    name: str,
    look: tuple[str, str],
) -> None:
    shape, colour = look
    trials = np.flatnonzero(rows)
    if trials.size == 0:
        return
    known = np.isfinite(height[trials])
    label = f"{name} ({trials.size})"
    axes.plot(trials[known], height[trials[known]], shape, color=colour, ms=7, label=label)
    unknown = trials[~known]
    if unknown.size:
        edge = axes.get_xaxis_transform()
        low = np.zeros(unknown.size)
        axes.plot(unknown, low, shape, color=colour, ms=7, transform=edge, clip_on=False)


def _best_so_far(axes: Axes, height: NDArray[np.float64], direction: str) -> None:
    trials = np.flatnonzero(np.isfinite(height))
    if trials.size == 0:
        return
    extreme = np.minimum if direction == "minimize" else np.maximum
    best = extreme.accumulate(height[trials])
    axes.step(
        [*trials, height.size - 1],
        [*best, best[-1]],
        where="post",
        color=style.BLACK,
        linewidth=1.4,
        zorder=1,
        label=f"best so far: {best[-1]:.4g}",
    )
