"""Figures that set scores beside their baselines."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ck19ml.plots import style

_COLUMNS = ("name", "level", "value", "low", "high", "kind")
_LOOKS = {"model": ("o", style.BLUE), "baseline": ("D", "#FFFFFF")}
_PLURALS = {"patch": "patches", "well": "wells"}
_EDGES = {"model": style.BLUE, "baseline": "#555555"}


@style.styled
def scores_with_baselines(
    table: pd.DataFrame,
    *,
    label: str = "score",
    chance: float | None = None,
    percent: bool = False,
) -> Figure:
    """Draw each score with its interval, models beside baselines, a panel a level.

    Parameters
    ----------
    table : DataFrame
        One row a score: name (str), level (``patch`` or ``well``), value, low, high (float; the
        95 % interval, NaN where there is none) and kind (``model`` or ``baseline``). A score
        that is not finite is written as such in its place.
    label : str
        What the score is, with its unit.
    chance : float, optional
        Score of a guess, drawn as a line.
    percent : bool
        Scores are fractions, and the axis shows percent.

    Raises
    ------
    ValueError
        If a column is missing or a kind is another.
    """
    _check(table)
    if table.empty:
        return style.empty_figure("no scores")
    names, levels = list(dict.fromkeys(table["name"])), list(dict.fromkeys(table["level"]))
    size = (3.2 + 3.4 * len(levels), 1.5 + 0.42 * len(names))
    figure = style.new_figure(*size)
    panels = figure.subplots(1, len(levels), sharex=True, sharey=True, squeeze=False)[0]
    for axes, level in zip(panels, levels, strict=True):
        _level_panel(axes, table[table["level"] == level], names, chance)
        axes.set_title(_PLURALS.get(str(level), str(level)))
        axes.set_xlabel(label)
        if percent:
            style.percent_axis(axes.xaxis)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    figure.legend(
        handles=_handles(table, chance),
        title="lines: 95 % interval",
        loc="outside lower center",
        ncols=3,
    )
    return figure


def _check(table: pd.DataFrame) -> None:
    absent = set(_COLUMNS) - set(table.columns)
    strange = set() if absent else set(table["kind"]) - set(_LOOKS)
    if absent or strange:
        raise ValueError(
            f"expected columns {', '.join(_COLUMNS)} and the kinds {', '.join(_LOOKS)}, "
            f"missing {sorted(absent)}, found {sorted(map(str, strange))}"
        )


def _level_panel(axes: Axes, table: pd.DataFrame, names: list[str], chance: float | None) -> None:
    axes.hlines(
        range(len(names)), 0, 1, transform=axes.get_yaxis_transform(), color="#E4E4E4", lw=1
    )
    if chance is not None:
        axes.axvline(chance, color=style.BLACK, linestyle=":", linewidth=1.4)
    numbers = table[["value", "low", "high"]].to_numpy(float)
    for name, kind, (value, *interval) in zip(table["name"], table["kind"], numbers, strict=True):
        place = names.index(name)
        if not np.isfinite(value):
            _say_not_finite(axes, place)
            continue
        (shape, face), edge = _LOOKS[kind], _EDGES[kind]
        if np.isfinite(interval).all():
            axes.plot(interval, [place, place], color=edge, linewidth=2.2)
        axes.plot([value], [place], shape, color=face, mec=edge, mew=1.6, ms=8)
    axes.tick_params(axis="y", length=0)


def _say_not_finite(axes: Axes, place: int) -> None:
    axes.text(
        0.5,
        place,
        "not finite",
        transform=axes.get_yaxis_transform(),
        ha="center",
        va="center",
        fontsize=style.SMALL,
        backgroundcolor="white",
    )


def _handles(table: pd.DataFrame, chance: float | None) -> list[Line2D]:
    handles: list[Line2D] = []
    for kind, (shape, face) in _LOOKS.items():
        if (table["kind"] == kind).any():
            handle = style.marker(shape, kind, face)
            handle.set_markeredgecolor(_EDGES[kind])
            handles.append(handle)
    if chance is not None:
        handles.append(style.line(":", "chance", style.BLACK))
    return handles
