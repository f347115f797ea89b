"""Figures of what a classifier says: confusion, reliability, wells."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_hex
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ck19ml.plots import style

SHARES = "Blues"
"""Colour map of a row's shares: one hue, light to dark, so that it prints in grey too."""


@style.styled
def confusion(counts: ArrayLike, class_names: Sequence[str], *, title: str = "") -> Figure:
    """Draw a confusion matrix: the count and, as colour and percent, the share of its row.

    Parameters
    ----------
    counts : array_like, (k, k), int
        True classes by row, predicted classes by column.
    class_names : sequence of str, (k,)
    title : str
        Stands above the matrix, with the number and share of right answers.

    Raises
    ------
    ValueError
        If the counts are not square or do not fit the names.
    """
    side = _cell_side(class_names)
    size = _matrix_size(class_names)
    figure = style.new_figure(size + 0.8, size)
    axes = figure.subplots()
    _matrix(axes, counts, class_names, title, side)
    _share_bar(figure, [axes])
    return figure


def _cell_side(class_names: Sequence[str]) -> float:
    """Side in inches of a cell: matrices of many classes would be too wide to read on a page."""
    return 1.15 if len(class_names) <= 3 else 0.9 if len(class_names) <= 6 else 0.7


def _matrix_size(class_names: Sequence[str]) -> float:
    """Return the side in inches of a matrix with its labels; a title needs 2.4."""
    labels = style.LETTER * min(20, max(map(len, class_names), default=0))
    return 1.8 + labels + max(2.4, _cell_side(class_names) * len(class_names))


@style.styled
def confusions(
    patch_counts: ArrayLike, well_counts: ArrayLike, class_names: Sequence[str]
) -> Figure:
    """Draw the confusion of patches and, beside or below it, of wells.

    Parameters
    ----------
    patch_counts, well_counts : array_like, (k, k), int
        True classes by row, predicted classes by column.
    class_names : sequence of str, (k,)

    Raises
    ------
    ValueError
        If the counts are not square or do not fit the names.
    """
    side, size = _cell_side(class_names), _matrix_size(class_names)
    below = len(class_names) > 6
    figure = style.new_figure(size + 0.8, 2 * size) if below else style.new_figure(2 * size, size)
    figure.set_layout_engine("compressed")  # keeps the matrices square and their texts inside
    grid = figure.subplots(2, 1) if below else figure.subplots(1, 2)
    _matrix(grid[0], patch_counts, class_names, "patches", side)
    _matrix(grid[1], well_counts, class_names, "wells", side)
    if not below:
        grid[1].set_ylabel("")
        grid[1].set_yticklabels([])
    _share_bar(figure, list(grid))
    return figure


def _matrix(
    axes: Axes, counts: ArrayLike, class_names: Sequence[str], title: str, side: float
) -> None:
    table = np.asarray(counts)
    k = len(class_names)
    if table.shape != (k, k):
        raise ValueError(f"expected counts of shape ({k}, {k}), found {table.shape}")
    totals = table.sum(axis=1, keepdims=True)
    shares = np.where(totals > 0, table / np.maximum(totals, 1), np.nan)
    image = axes.imshow(shares, cmap=SHARES, vmin=0, vmax=1)
    for row, column in np.ndindex(k, k):
        background = to_hex(image.to_rgba(shares[row, column]))
        colour = style.text_colour(background if totals[row, 0] else "#FFFFFF")
        axes.text(
            column, row, _cell(table, shares, row, column), ha="center", va="center", color=colour,
            fontsize=style.SMALL if side < 0.9 else None,
        )  # fmt: skip
    style.name_classes(axes, class_names, side * k)
    axes.set_yticks(range(k), [style.wrapped(name, 20) for name in class_names])
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_facecolor("#EEEEEE")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(f"{title}\n{_right_answers(table)}".lstrip())


def _cell(table: NDArray[np.int64], shares: NDArray[np.float64], row: int, column: int) -> str:
    share = shares[row, column]
    return f"{table[row, column]:,}\n" + ("–" if np.isnan(share) else f"{100 * share:.0f} %")


def _right_answers(table: NDArray[np.int64]) -> str:
    total, right = int(table.sum()), int(np.trace(table))
    return (
        f"{right:,} of {total:,} right ({100 * right / total:.1f} %)" if total else "none counted"
    )


def _share_bar(figure: Figure, panels: list[Axes]) -> None:
    mappable = ScalarMappable(Normalize(0, 1), SHARES)
    bar = figure.colorbar(mappable, ax=panels, shrink=0.7, label="share of the true class (%)")
    bar.outline.set_visible(False)
    style.percent_axis(bar.ax.yaxis)


@style.styled
def reliability(probability: ArrayLike, correct: ArrayLike, *, bins: int = 10) -> Figure:
    """Draw how often answers of a given probability are right, and how many there are.

    Parameters
    ----------
    probability : array_like, (n,), float in [0, 1]
        Probability that the classifier gave to the class that it answered; rows that are not
        finite are left out, and the figure says how many.
    correct : array_like, (n,), bool
    bins : int
        Equal bins of [0, 1]; bins without answers have no point.

    Returns
    -------
    Figure
        The title gives the expected calibration error: the mean over answers of the distance
        between the probability and the share of right answers of its bin [1]_.

    Raises
    ------
    ValueError
        If the arrays are not of the same length or a probability is outside of [0, 1].

    References
    ----------
    .. [1] Guo et al., "On calibration of modern neural networks", ICML (2017).
    """
    style.same_length(probability=probability, correct=correct)
    given, right = np.asarray(probability, float), np.asarray(correct, float)
    finite = np.isfinite(given) & np.isfinite(right)
    given, right = given[finite], right[finite]
    # Softmax in 32 bits exceeds 1 by rounding.
    if np.any((given < 0) | (given > 1 + 1e-5)):
        raise ValueError(f"expected probabilities in [0, 1], found {given.min()} to {given.max()}")
    if given.size == 0:
        return style.empty_figure("no answers with a finite probability")
    figure = style.new_figure(6, 6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    place = np.minimum((given * bins).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    mean, share = (
        np.where(counts > 0, np.bincount(place, values, bins) / np.maximum(counts, 1), np.nan)
        for values in (given, right)
    )
    upper.plot([0, 1], [0, 1], "--", color=style.BLACK, linewidth=1, label="perfectly calibrated")
    upper.plot(mean, share, "o-", color=style.BLUE, ms=7, label="answers, by bin")
    _answer_counts(lower, counts)
    error = float(np.nansum(np.abs(mean - share) * counts) / given.size)
    _finish_reliability(upper, lower, f"expected calibration error {100 * error:.1f} %")
    style.note(figure, int(np.count_nonzero(~finite)), "answers")
    return figure


def _answer_counts(axes: Axes, counts: NDArray[np.int64]) -> None:
    width = 1 / counts.size
    lefts = np.arange(counts.size) * width
    bars = axes.bar(lefts, counts, width, align="edge", color=style.SKY, edgecolor="white")
    if counts.size <= 12:
        labels = [f"{count:,}" if count else "" for count in counts]
        axes.bar_label(bars, labels, fontsize=style.SMALL)
        axes.margins(y=0.25)


def _finish_reliability(upper: Axes, lower: Axes, title: str) -> None:
    upper.set(title=title, ylabel="right answers (%)", xlim=(0, 1), ylim=(0, 1.02))
    lower.set(xlabel="probability of the answer (%)", ylabel="answers")
    upper.legend(loc="lower right")
    style.percent_axis(upper.yaxis)
    style.percent_axis(lower.xaxis)


@style.styled
def well_probabilities(table: pd.DataFrame, *, chance: float | None = None) -> Figure:
    """Draw the probability that each well got for its true stimulation, a point a well.

    Parameters
    ----------
    table : DataFrame
        One row a well, columns: stimulation (str, the true one), probability (float in [0, 1],
        of the true one; not finite: left out, and the figure says how many) and, if known,
        correct (bool): wells that are answered wrongly are crosses.
    chance : float, optional
        Probability of a guess, drawn as a line.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    absent = {"stimulation", "probability"} - set(table.columns)
    if absent:
        raise ValueError(f"expected columns stimulation and probability, missing {sorted(absent)}")
    if table.empty:
        return style.empty_figure("no wells")
    names = style.as_names(table["stimulation"].to_numpy())
    order = style.stimulation_order(names)
    width = min(1.6 * len(order), 9)
    figure = style.new_figure(3.4 + width, 4.5)
    axes = figure.subplots()
    given = table["probability"].to_numpy(float)
    right = _correct(table)
    for place, (name, colour) in enumerate(style.stimulation_colours(order).items()):
        rows = (names == name) & np.isfinite(given)
        wrong = rows & ~right if right is not None else np.zeros_like(rows)
        _well_points(axes, given[rows], wrong[rows], place, colour)
    if chance is not None:
        axes.axhline(chance, color=style.BLACK, linestyle=":", linewidth=1.2)
    notes = [_well_note(name, names, given, right) for name in order]
    style.name_classes(axes, order, width, notes)
    axes.set(xlim=(-0.5, len(order) - 0.5), ylim=(-0.03, 1.03))
    axes.set_ylabel("probability of the well's\ntrue stimulation (%)")
    style.percent_axis(axes.yaxis)
    _well_legend(axes, "correct" in table.columns, chance)
    style.note(figure, int(np.count_nonzero(~np.isfinite(given))), "wells")
    return figure


def _correct(table: pd.DataFrame) -> NDArray[np.bool_] | None:
    return table["correct"].to_numpy(bool) if "correct" in table.columns else None


def _well_note(
    name: str, names: NDArray[np.str_], given: NDArray[np.float64], right: NDArray[np.bool_] | None
) -> str:
    rows = (names == name) & np.isfinite(given)
    total = np.count_nonzero(rows)
    if right is None:
        return f"n = {total}"
    return f"{np.count_nonzero(right & rows)} of {total} right"


def _well_points(
    axes: Axes, given: NDArray[np.float64], wrong: NDArray[np.bool_], place: int, colour: str
) -> None:
    where = place + style.swarm(given.size, 0.25)
    axes.scatter(where[~wrong], given[~wrong], s=32, color=colour, alpha=0.8, linewidths=0)
    axes.scatter(where[wrong], given[wrong], s=36, color=colour, marker="x", linewidths=2)
    if given.size:
        middle = float(np.median(given))
        axes.plot([place - 0.32, place + 0.32], [middle, middle], color=style.BLACK, linewidth=2)


def _well_legend(axes: Axes, answers_known: bool, chance: float | None) -> None:
    handles = [style.marker("o", "a well" + ", answered rightly" * answers_known, style.GREY)]
    if answers_known:
        handles.append(style.marker("X", "a well, answered wrongly", style.GREY))
    handles.append(style.line("-", "median", style.BLACK))
    if chance is not None:
        handles.append(style.line(":", f"chance, {100 * chance:.0f} %", style.BLACK))
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0))
