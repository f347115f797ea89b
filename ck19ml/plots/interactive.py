"""Maps of patches that answer to the mouse: one HTML page each, which loads nothing from elsewhere.

Bokeh writes them; its script stands inside of the page, and so does a picture of each patch.
"""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
from bokeh.embed import file_html
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure as new_plot
from bokeh.resources import INLINE
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from ck19ml.plots import style
from ck19ml.plots.embedding import legend_overlaps
from ck19ml.plots.images import to_rgb

THUMBNAIL_PX = 96
"""Side of a patch's picture: 5,000 of them weigh about 6 MB (docs/figures.md)."""

MOST_BYTES = 3000
"""Of a picture. Noise packs badly: it gets fewer pixels, and 5,000 stay below 25 MB."""

QUALITY = 80
"""Of the JPEG; colour is kept at full resolution, since red and green are what is looked at."""

DIAMETER_OF_ZERO, DIAMETER_OF_ONE = 7.0, 42.0
"""Pixels on the screen of a patch without overlap and of complete overlap."""

SHOWN_SIDE_PX = 192
"""Side at which a patch is shown under the mouse."""

TOOLTIP = f"""
<div style="display: flex; gap: 10px; font-size: 13px; line-height: 1.45; max-width: 420px">
  <img src="@picture" width="{SHOWN_SIDE_PX}" height="{SHOWN_SIDE_PX}" alt="the patch">
  <div style="white-space: pre-line">@text</div>
</div>
"""

LINES = (
    ("plate", "plate"),
    ("well", "well"),
    ("field", "field"),
    ("patch", "patch"),
    ("stimulation", "stimulation"),
    ("compound", "compound"),
    ("concentration_um", "concentration"),
    ("predicted", "predicted class"),
    ("overlap", "true overlap"),
    ("predicted_overlap", "predicted overlap"),
    ("bce", "reconstruction loss"),
)
"""Columns that the mouse shows, where a table has them, and what they are called."""


def thumbnails(
    patches: NDArray[np.floating], *, side: int = THUMBNAIL_PX, quality: int = QUALITY
) -> list[str]:
    """Make a small picture of each patch: DCs red, T cells green, one channel grey.

    Parameters
    ----------
    patches : ndarray, (n, height, width, channels), float in [0, 1]
        See `images.to_rgb`; larger patches are averaged down, smaller ones left as they are.
    side : int
        Pixels of the longer side; halved until a picture has at most `MOST_BYTES`.
    quality : int
        Of the JPEG, 1 to 95.

    Returns
    -------
    list of str, (n,)
        Data URIs.

    Raises
    ------
    ValueError
        If the shape is another or a value is not finite.
    """
    made = []
    for rgb in to_rgb(patches):
        picture = Image.fromarray(np.round(255 * rgb).astype(np.uint8))
        content = _jpeg(picture, side, quality)
        made.append("data:image/jpeg;base64," + b64encode(content).decode("ascii"))
    return made


def _jpeg(picture: Image.Image, side: int, quality: int) -> bytes:
    picture.thumbnail((side, side), Image.Resampling.BOX)
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=0, optimize=True)
    content = buffer.getvalue()
    return content if len(content) <= MOST_BYTES else _jpeg(picture, side // 2, quality)


def interactive_map(
    embedding: ArrayLike,
    table: pd.DataFrame,
    pictures: Sequence[str],
    *,
    title: str = "Patches",
    method: str = "PCA",
) -> str:
    """Draw the embedding of patches as a page in which the mouse shows the patch itself.

    Colour is the stimulation, size the overlap; a click on a stimulation in the legend hides
    it, the wheel zooms. The points are drawn by WebGL where the browser has it.

    Parameters
    ----------
    embedding : array_like, (n, 2), float
        Coordinates, without a unit.
    table : DataFrame, (n,) rows
        stimulation, well, and whatever else of `LINES`, as overlap (IoU, fractions in [0, 1]).
        Rows with a coordinate or an overlap that is not finite are left out.
    pictures : sequence of str, (n,)
        Data URIs, see `thumbnails`.
    title : str
        Of the page and above the map.
    method : str
        Name of the axes.

    Returns
    -------
    str
        HTML that needs no network; about 1.4 MB and the pictures.

    Raises
    ------
    ValueError
        If the lengths do not fit or a column is missing.
    """
    points = np.asarray(embedding, float)
    absent = {"stimulation", "well"} - set(table.columns)
    if absent:
        raise ValueError(f"expected the columns stimulation and well, missing {absent}")
    if points.shape != (len(table), 2) or len(pictures) != len(table):
        raise ValueError(
            f"expected one point and picture a row of {len(table)}, found {points.shape} and "
            f"{len(pictures)}"
        )
    share = _share(table)
    finite = np.isfinite(points).all(axis=1) & np.isfinite(share)
    plot = _map(points[finite], table[finite], [p for p, k in zip(pictures, finite, strict=True)
                                                if k], title, method)  # fmt: skip
    sizes = [_sizes(share[finite].max(initial=0))] if "overlap" in table else []
    page: str = file_html(row(plot, *sizes, sizing_mode="stretch_both"), INLINE, title)
    return page


def _share(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return what the sizes show, (n,): the overlap, or the same for all without one."""
    return np.asarray(table.get("overlap", np.zeros(len(table))), np.float64)


def _map(
    points: NDArray[np.float64], table: pd.DataFrame, pictures: list[str], title: str, method: str
) -> Any:
    plot = new_plot(
        title=f"{title}. Point at a patch to see it (n = {len(table):,}); click a stimulation to "
        "hide it",
        x_axis_label=f"{method} 1",
        y_axis_label=f"{method} 2",
        match_aspect=True,
        tools="pan,wheel_zoom,box_zoom,reset,save",
        active_scroll="wheel_zoom",
        output_backend="webgl",
        sizing_mode="stretch_both",
        min_height=420,
    )
    plot.toolbar.logo = None
    names = style.as_names(table["stimulation"])
    text = np.array(_texts(table), dtype=object)
    size = _diameter(_share(table))
    for name, colour in style.stimulation_colours(style.stimulation_order(names)).items():
        own = np.flatnonzero(names == name)
        source = ColumnDataSource(
            {
                "x": points[own, 0].astype(np.float32),
                "y": points[own, 1].astype(np.float32),
                "size": size[own].astype(np.float32),
                "picture": [pictures[index] for index in own],
                "text": list(text[own]),
            }
        )
        plot.scatter(
            "x", "y", size="size", source=source, color=colour, alpha=0.6, line_color="white",
            line_width=0.4, legend_label=f"{name}, n = {own.size:,}",
        )  # fmt: skip
    if len(table):
        plot.legend.click_policy = "hide"
        plot.legend.title = "stimulation"
        plot.add_layout(plot.legend[0], "right")
    # One patch at a time: the nearest, where many lie on one another.
    plot.add_tools(HoverTool(tooltips=TOOLTIP, limit=1, point_policy="follow_mouse"))
    return plot


def _sizes(highest: float) -> Any:
    """Draw what the sizes stand for; a legend of Bokeh would draw all points alike."""
    shares = np.array(legend_overlaps(highest))
    places = np.arange(shares.size, 0, -1, dtype=float)
    plot = new_plot(
        width=120, height=220, x_range=(0, 3), y_range=(0.2, shares.size + 0.8), tools="",
        toolbar_location=None, title=style.OVERLAP_LABEL, sizing_mode="fixed",
        outline_line_color=None,
    )  # fmt: skip
    plot.scatter(np.full(shares.size, 0.8), places, size=_diameter(shares), color=style.GREY,
                 line_color=style.BLACK, line_width=0.4)  # fmt: skip
    plot.text(np.full(shares.size, 1.6), places, text=[f"{100 * share:g}" for share in shares],
              text_baseline="middle", text_font_size="13px")  # fmt: skip
    plot.axis.visible = False
    plot.grid.visible = False
    plot.title.text_font_style = "normal"
    return plot


def _diameter(share: ArrayLike) -> NDArray[np.float64]:
    """Diameters whose areas grow with the overlap, (n,), in pixels of the screen."""
    fraction = np.clip(np.asarray(share, np.float64), 0.0, 1.0)
    smallest, largest = DIAMETER_OF_ZERO**2, DIAMETER_OF_ONE**2
    return np.asarray(np.sqrt(smallest + (largest - smallest) * fraction))


def _texts(table: pd.DataFrame) -> list[str]:
    known = [(column, label) for column, label in LINES if column in table.columns]
    return [
        "\n".join(
            f"{label}: {_shown(column, value)}"
            for (column, label), value in zip(known, values, strict=True)
            if not _blank(value)
        )
        for values in table[[column for column, _ in known]].itertuples(index=False)
    ]


def _blank(value: Any) -> bool:
    return bool(pd.isna(value)) or value == ""


def _shown(column: str, value: Any) -> str:
    if column in ("overlap", "predicted_overlap"):
        return f"{style.signed(f'{100 * value:.2f}')} %"
    if column == "concentration_um":
        return f"{value:g} µM"
    return f"{value:.4f}" if column == "bce" else str(value)
