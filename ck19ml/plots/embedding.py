"""Figures of features in two dimensions."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from ck19ml.plots import style

SIZE_OF_ZERO, SIZE_OF_ONE = 6.0, 400.0
"""Area in square points of the marker of a patch without overlap and of complete overlap."""


@style.styled
def feature_map(
    embedding: ArrayLike,
    stimulation: ArrayLike,
    overlap: ArrayLike | None = None,
    *,
    method: str = "PCA",
    seed: int = 0,
) -> Figure:
    """Draw the embedding of patches: colour is the stimulation, size the overlap.

    Parameters
    ----------
    embedding : array_like, (n, 2), float
        Coordinates, without a unit.
    stimulation : array_like, (n,), str
    overlap : array_like, (n,), float, optional
        Overlap (IoU), fractions in [0, 1]; without it all points have one size. Rows with a
        coordinate or an overlap that is not finite are left out, and the figure says how many.
    method : str
        Name of the axes.
    seed : int
        Of the random order in which points are drawn, so that no stimulation hides another.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    points = np.asarray(embedding, float)
    names = style.as_names(stimulation)
    share = np.zeros(len(names)) if overlap is None else np.asarray(overlap, float)
    if points.ndim != 2 or points.shape[1] != 2 or share.shape != (len(points),):
        raise ValueError(f"expected (n, 2) and (n,) values, found {points.shape}, {share.shape}")
    style.same_length(stimulation=names, overlap=share)
    finite = np.isfinite(points).all(axis=1) & np.isfinite(share)
    if not finite.any():
        return style.empty_figure("no patches")
    colours = style.stimulation_colours(style.stimulation_order(names))
    order = np.random.default_rng(seed).permutation(np.flatnonzero(finite))
    figure = style.new_figure(8.5, max(6, 2.6 + 0.36 * len(colours)))
    axes = figure.subplots()
    axes.scatter(
        points[order, 0],
        points[order, 1],
        s=_size(share[order]),
        c=[colours[name] for name in names[order]],
        alpha=0.6,
        edgecolors="white",
        linewidths=0.2,
        rasterized=True,
    )
    axes.set(xlabel=f"{method} 1", ylabel=f"{method} 2")
    axes.set_aspect("equal", adjustable="datalim")
    _legends(axes, colours, names[finite], None if overlap is None else share[finite].max())
    style.note(figure, int(np.count_nonzero(~finite)), "patches")
    return figure


def _size(share: ArrayLike) -> NDArray[np.float64]:
    fraction = np.clip(np.asarray(share, np.float64), 0.0, 1.0)
    return np.asarray(SIZE_OF_ZERO + (SIZE_OF_ONE - SIZE_OF_ZERO) * fraction)


def legend_overlaps(highest: float) -> tuple[float, ...]:
    """Return the overlaps that a legend of sizes shows, of patches whose highest is given."""
    return (0.0, 0.05, 0.2, 0.4) if highest <= 0.6 else (0.0, 0.25, 0.5, 1.0)


def _legends(
    axes: Axes, colours: dict[str, str], names: NDArray[np.str_], highest: float | None
) -> None:
    stimulations = [
        style.marker(
            "o", style.wrapped(f"{name}, n = {np.count_nonzero(names == name):,}", 24), colour
        )
        for name, colour in colours.items()
    ]
    first = axes.legend(
        handles=stimulations, title="stimulation", loc="upper left", bbox_to_anchor=(1.0, 1.0)
    )
    axes.add_artist(first)
    # An artist that is clipped to the axes gets no room of its own beside them.
    first.set_clip_on(False)
    first.set_alignment("left")
    if highest is None:
        return
    second = axes.legend(
        handles=[_size_handle(share) for share in legend_overlaps(highest)],
        title=style.OVERLAP_LABEL,
        loc="lower left",
        bbox_to_anchor=(1.0, 0.0),
        labelspacing=0.9,
    )
    second.set_alignment("left")


def _size_handle(share: float) -> Line2D:
    handle = style.marker("o", f"{100 * share:g}", style.GREY)
    handle.set_markersize(float(_size(share)) ** 0.5)
    handle.set_markeredgewidth(0.4)
    return handle
