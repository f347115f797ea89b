"""Figures that show patches."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb as colour_to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from ck19ml.core.measurements.panel import PAIR, Panel
from ck19ml.core.overlap import DC, TCELL
from ck19ml.plots import style

OVERLAP_COLOURS = {"DC only": style.VERMILLION, "T cell only": style.GREEN, "both": style.YELLOW}
"""Colours of the overlap map; nearest to the channels' red and green that all can tell apart."""

SCALE_BAR_UM = 50.0


def to_rgb(patches: NDArray[np.floating]) -> NDArray[np.float32]:
    """Show channels as colours: DCs red, T cells green, as the study does; one alone is grey.

    Parameters
    ----------
    patches : ndarray, (n, height, width, channels), float in [0, 1]
        Channel 0 DC, 1 T cell, or others, of which the first three are shown; values outside of
        [0, 1] are clipped.

    Returns
    -------
    ndarray, (n, height, width, 3), float32 in [0, 1]

    Raises
    ------
    ValueError
        If the shape is another or a value is not finite.

    Examples
    --------
    >>> to_rgb(np.array([[[[1.0, 0.25]]]])).ravel().tolist()
    [1.0, 0.25, 0.0]
    """
    if patches.ndim != 4 or not patches.shape[-1]:
        raise ValueError(
            f"expected patches of shape (n, height, width, channels), found {patches.shape}"
        )
    if not np.isfinite(patches).all():
        raise ValueError("expected finite grey values, found NaN or infinity; check the model")
    if patches.shape[-1] == 1:
        return np.clip(np.repeat(patches, 3, axis=-1), 0, 1).astype(np.float32)
    rgb = np.zeros((*patches.shape[:-1], 3), np.float32)
    shown = patches[..., :3]
    rgb[..., : shown.shape[-1]] = np.clip(shown, 0, 1)
    return rgb


@style.styled
def reconstructions(
    patches: NDArray[np.floating],
    reconstructed: NDArray[np.floating],
    titles: Sequence[str],
    *,
    pixel_size_um: float | None = None,
    panel: Panel = PAIR,
) -> Figure:
    """Draw patches, what an autoencoder makes of them, and the difference: a column a patch.

    Parameters
    ----------
    patches, reconstructed : ndarray, (n, height, width, channels), float in [0, 1]
    titles : sequence of str, (n,)
        Stand above the columns.
    pixel_size_um : float, optional
        Side of a pixel in micrometres; given, the first patch has a scale bar.
    panel : Panel
        The channels.

    Returns
    -------
    Figure
        Stained channels in colours. The difference is the mean of all channels' absolute
        difference, on one scale for all patches.

    Raises
    ------
    ValueError
        If shapes differ, there is no patch, or a value is not finite.
    """
    _check(patches, reconstructed.shape, titles)
    places = list(panel.places)
    images = (to_rgb(patches[..., places]), to_rgb(reconstructed[..., places]))
    difference = np.abs(patches.astype(np.float32) - reconstructed).mean(axis=-1)
    figure, grid = _grid(("input", "recon-\nstruction", "difference"), titles)
    for column in range(len(titles)):
        grid[0, column].imshow(images[0][column])
        grid[1, column].imshow(images[1][column])
        shown = grid[2, column].imshow(
            difference[column], cmap="cividis", vmin=0, vmax=max(float(difference.max()), 1e-6)
        )
    # Beside all rows, so that it narrows them alike and the columns stay in line.
    bar = figure.colorbar(shown, ax=list(grid.ravel()), shrink=0.3, anchor=(0, 0), pad=0.01)
    bar.set_label("mean absolute\ndifference", fontsize=style.SMALL)
    bar.ax.tick_params(labelsize=style.SMALL)
    _scale_bar(grid[0, 0], patches.shape, pixel_size_um)
    _channel_legend(figure, panel)
    return figure


@style.styled
def mask_gallery(
    patches: NDArray[np.floating],
    masks: NDArray[np.bool_],
    titles: Sequence[str],
    *,
    pixel_size_um: float | None = None,
    panel: Panel = PAIR,
) -> Figure:
    """Draw patches, each channel without a stain, each mask, and where DCs and T cells overlap.

    Parameters
    ----------
    patches : ndarray, (n, height, width, channels), float in [0, 1]
    masks : ndarray, (n, height, width, channels), bool
    titles : sequence of str, (n,)
        Stand above the columns, one for each patch.
    pixel_size_um : float, optional
        Side of a pixel in micrometres; given, the first patch has a scale bar.
    panel : Panel
        The channels.

    Raises
    ------
    ValueError
        If shapes differ, there is no patch, or a value is not finite.
    """
    _check(patches, masks.shape, titles)
    # The mask of a channel with another name than these two may have any length.
    named = {"dc": "DC mask", "tcell": "T-cell\nmask"}
    others = [n for n in panel.names if n not in panel.stained]
    rows = ["image", *(style.wrapped(n, 10) for n in others)]
    rows += [*(named.get(n, f"{style.wrapped(n, 10)}\nmask") for n in panel.stained)]
    figure, grid = _grid([*rows, *(["overlap"] if panel.pair else [])], titles)
    rgb = to_rgb(patches[..., list(panel.places)])
    grey: list[NDArray[Any]] = [patches[..., panel.names.index(n)] for n in others]
    grey += [masks[..., place] for place in panel.places]
    for column in range(len(titles)):
        grid[0, column].imshow(rgb[column])
        for row, planes in enumerate(grey, start=1):
            grid[row, column].imshow(planes[column], cmap="gray", vmin=0, vmax=1)
        if panel.pair:
            grid[-1, column].imshow(_overlap_map(masks[[column]].astype(bool))[0])
    _scale_bar(grid[0, 0], patches.shape, pixel_size_um)
    _channel_legend(figure, panel, OVERLAP_COLOURS if panel.pair else {})
    return figure


@style.styled
def cells_in_contact(
    patch: NDArray[np.floating],
    masks: NDArray[np.bool_],
    cells: pd.DataFrame,
    *,
    title: str,
    pixel_size_um: float,
) -> Figure:
    """Draw the outlines of a patch's cells, and which of them touch one of the other kind.

    Parameters
    ----------
    patch : ndarray, (height, width, 2), float in [0, 1]
        Channel 0 DC, 1 T cell; shown as square roots, so that dim cells are seen.
    masks : ndarray, (height, width, 2), bool
    cells : DataFrame, one row a cell
        channel, partners, and the centroid's y and x in pixels of the patch.
    title : str
    pixel_size_um : float
        Side of a pixel in micrometres.
    """
    figure = style.new_figure(6.0, 6.9)
    axes = figure.subplots()
    axes.set(xticks=[], yticks=[])
    axes.imshow(to_rgb(np.sqrt(patch)[None])[0])
    handles = []
    for channel, name, colour, shape in (
        (DC, "DC", style.ORANGE, "s"),
        (TCELL, "T cell", style.SKY, "o"),
    ):
        if masks[..., channel].any():
            axes.contour(masks[..., channel], levels=[0.5], colors=[colour], linewidths=0.9)
        own = cells[cells["channel"] == ("dc", "tcell")[channel]]
        bound = own["partners"].to_numpy() > 0
        for part, filled, what in ((bound, colour, "in contact"), (~bound, "none", "alone")):
            handles += axes.plot(
                own["x"][part], own["y"][part], shape, color=colour, mfc=filled, ms=5,
                linestyle="none", label=f"{name}, {what}: {int(part.sum())}",
            )  # fmt: skip
    axes.set_title(title, loc="center")
    _scale_bar(axes, (1, *masks.shape[:2]), pixel_size_um)
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


@style.styled
def occlusions(
    table: pd.DataFrame,
    pictures: Mapping[str, NDArray[np.unsignedinteger]],
    *,
    pixel_size_um: float,
) -> Figure:
    """Draw a square of each well, a row a well: as it is, then without the cells of each removal.

    Parameters
    ----------
    table : DataFrame, one row a well and a removal
        plate, well, answer, log_odds, removed, cells and change; wells in the pictures' order.
    pictures : dict of str to ndarray, (1 + removals, side, side, 2), unsigned integers
        By the name of the well; channel 0 DC, 1 T cell. Shown as square roots, on the scale of
        the whole well, so that dim cells are seen.
    pixel_size_um : float
        Side of a pixel in micrometres.
    """
    removed = list(dict.fromkeys(table["removed"]))
    titles = ["as it is", *(f"without\n{name}" for name in removed)]
    figure, grid = _grid([name.replace(" ", "\n") for name in pictures], titles)
    wells = [part for _, part in table.groupby(["plate", "well"], sort=False)]
    for line, part, images in zip(grid, wells, pictures.values(), strict=True):
        low, high = (np.quantile(images[0], share, axis=(0, 1)) for share in (0.5, 0.998))
        shown = np.clip((images - low) / np.maximum(high - low, 1), 0, 1)
        for axes, image in zip(line, to_rgb(np.sqrt(shown)), strict=True):
            axes.imshow(image)
        line[0].set_xlabel(f"{part['answer'].iloc[0]}\nlog-odds {part['log_odds'].iloc[0]:.2f}")
        for axes, row in zip(line[1:], part.itertuples(), strict=True):
            axes.set_xlabel(f"{row.change:+.2f}\n({row.cells} cells)")
    _scale_bar(grid[0, 0], (1, *images.shape[1:]), pixel_size_um)
    return figure


def _check(patches: NDArray[np.floating], other: tuple[int, ...], titles: Sequence[str]) -> None:
    if patches.shape != other:
        raise ValueError(f"expected arrays of one shape, found {patches.shape} and {other}")
    if len(titles) == 0 or len(titles) != len(patches):
        raise ValueError(f"expected a title a patch, found {len(titles)} for {len(patches)}")


def _grid(rows: Sequence[str], titles: Sequence[str]) -> tuple[Figure, NDArray[np.object_]]:
    size = (1.2 + 1.5 * len(titles), 0.8 + 1.5 * len(rows))
    figure = style.new_figure(max(size[0], 5.0), size[1])
    grid = figure.subplots(len(rows), len(titles), squeeze=False)
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=10.5, loc="center")
    for axes, name in zip(grid[:, 0], rows, strict=True):
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    return figure, grid


def _overlap_map(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    dc, tcell = masks[..., DC], masks[..., TCELL]
    shown = np.zeros((*dc.shape, 3))
    parts = (dc & ~tcell, tcell & ~dc, dc & tcell)
    for part, colour in zip(parts, OVERLAP_COLOURS.values(), strict=True):
        shown[part] = colour_to_rgb(colour)
    return shown


def _channel_legend(figure: Figure, panel: Panel, more: dict[str, str] | None = None) -> None:
    colours = ("red", "lime", "blue") if panel.stained[1:] else ("grey",)
    handles = [
        Patch(color=colour, label=panel.label(name))
        for colour, name in zip(colours, panel.stained, strict=False)
    ]
    for name, colour in (more or {}).items():
        handles.append(Patch(color=colour, label=f"masks: {name}"))
    columns = 5 if figure.get_figwidth() > 8 else 2
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def _scale_bar(axes: Axes, shape: tuple[int, ...], pixel_size_um: float | None) -> None:
    if pixel_size_um is None:
        return
    height, width = shape[1:3]
    length = SCALE_BAR_UM / pixel_size_um
    left, top = 0.05 * width, 0.93 * height
    axes.add_patch(Rectangle((left, top), length, 0.03 * height, color="white"))
    axes.text(
        left, top - 0.02 * height, f"{SCALE_BAR_UM:g} µm", color="white", fontsize=style.SMALL
    )
