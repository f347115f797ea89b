"""One look for all figures: colours, fonts, axes, and bytes that do not change between runs.

Figures are about as wide as a page (7 to 11 inches); `RC` keeps their text readable when they
are printed at half of a page.
"""

import os
import re
import textwrap
from collections.abc import Callable, Sequence
from functools import wraps
from io import BytesIO
from logging import ERROR, getLogger
from typing import ParamSpec, TypeVar
from warnings import filterwarnings

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from numpy.typing import ArrayLike, NDArray

P = ParamSpec("P")
R = TypeVar("R")

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
VERMILLION, SKY, YELLOW, GREY, BLACK = "#D55E00", "#56B4E9", "#F0E442", "#8C8C8C", "#000000"
"""Okabe and Ito's colour-blind-safe palette (jfly.uni-koeln.de/color, 2008), and a grey."""

MISSING = "not given"
"""Stands for a stimulation that the layout does not name."""

STIMULATION_COLOURS = {
    "Unstimulated": BLUE,
    "OVA": ORANGE,
    "ConA": GREEN,
    "Faulty": GREY,
    MISSING: "#C8C8C8",
}
"""Colours that never change from figure to figure."""

OTHER_COLOURS = (
    *(PURPLE, VERMILLION, SKY, YELLOW),
    *("#332288", "#117733", "#882255", "#999933", "#44AA99", "#CC6677"),
)
"""Colours of stimulations without a fixed one, in this order: Okabe and Ito's that are left, then
those of Tol's "muted" scheme that differ from them (personal.sron.nl/~pault, 2021)."""

OVERLAP_LABEL = "overlap (IoU, %)"
SMALL = 9.5
"""Size in points of notes and of text inside of the axes."""

LETTER = 0.088
"""Width in inches of a letter of a tick's or legend's label, on average."""

WIDE_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans CJK KR",
    "Source Han Sans",
    "IPAexGothic",
    "WenQuanYi Zen Hei",
    "Hiragino Sans",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Arial Unicode MS",
)
"""Fonts with the characters of East Asia, which matplotlib's own lacks; it takes them from the
first that is installed. Without one a figure shows boxes."""

# A line for each letter without a font, and for each text in one that has another weight.
filterwarnings("ignore", message="Glyph .* missing from font")
getLogger("matplotlib.font_manager").setLevel(ERROR)

_INSTALLED = set(fontManager.get_font_names())

RC = {
    "font.family": ["DejaVu Sans", *(font for font in WIDE_FONTS if font in _INSTALLED)],
    "font.size": 11.5,
    "axes.labelsize": 11.5,
    "axes.titlesize": 12.5,
    "axes.titlelocation": "left",
    "figure.titlesize": 13,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "legend.fontsize": 10.5,
    "legend.title_fontsize": 10.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.8,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
    "image.interpolation": "nearest",
}

VECTOR = "CK19ML_VECTOR"
"""Variable of the environment that asks for SVG as well; workers inherit it from their command."""

_WITHOUT_DATES: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": "ck19ml"},
    "pdf": {"CreationDate": None, "Creator": "ck19ml"},
}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function under the project's style and leave matplotlib as it was."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with rc_context(RC):
            return draw(*args, **kwargs)

    return wrapper


def stimulation_colours(names: Sequence[str]) -> dict[str, str]:
    """Give each stimulation its colour.

    Parameters
    ----------
    names : sequence of str
        Stimulations; `STIMULATION_COLOURS` have their own colour, the others take
        `OTHER_COLOURS` in the order of `names`, then darker shades of these.

    Returns
    -------
    dict of str to str
        Hexadecimal colours, all different for up to 40 other names, in the order of `names`.

    Examples
    --------
    >>> stimulation_colours(["ConA", "Y3-P"])
    {'ConA': '#009E73', 'Y3-P': '#CC79A7'}
    """
    colours: dict[str, str] = {}
    others = 0
    for name in dict.fromkeys(names):
        if name in STIMULATION_COLOURS:
            colours[name] = STIMULATION_COLOURS[name]
            continue
        turn, place = divmod(others, len(OTHER_COLOURS))
        colours[name] = mix(OTHER_COLOURS[place], BLACK, min(0.28 * turn, 0.84))
        others += 1
    return colours


def mix(colour: str, other: str, share: float) -> str:
    """Mix the given share, in [0, 1], of another colour into a colour; returns hexadecimal."""
    first, second = np.array(to_rgb(colour)), np.array(to_rgb(other))
    return str(to_hex(first + share * (second - first))).upper()


def text_colour(background: str) -> str:
    """Return black or white, whichever reads better on the background colour.

    White from a relative luminance (WCAG 2.1) of 0.3 down, where its contrast is above 3, the
    least that WCAG asks for; black has more there by the formula, but not on saturated blue.
    """
    channels = np.array(to_rgb(background))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return BLACK if float(linear @ [0.2126, 0.7152, 0.0722]) > 0.3 else "#FFFFFF"


def as_names(stimulation: ArrayLike) -> NDArray[np.str_]:
    """Return the stimulations as an array of str, (n,), with `MISSING` for None and NaN."""
    values = pd.Series(np.asarray(stimulation, dtype=object))
    return np.asarray(values.where(values.notna(), MISSING), dtype=str).reshape(-1)


def stimulation_order(names: NDArray[np.str_]) -> list[str]:
    """Return each of names, (n,), once: those of fixed colour first, by name, Faulty last."""
    rank = {"Unstimulated": 0, "OVA": 1, "ConA": 2, "Faulty": 4, MISSING: 5}
    return sorted({str(name) for name in names}, key=lambda n: (rank.get(n, 3), *natural(n)))


def natural(name: object) -> tuple[object, ...]:
    """Return a key that sorts names as people do: 2 before 10, "dose 2" before "dose 10"."""
    return tuple(
        (0, float(part), "") if part.isdecimal() else (1, 0.0, part)
        for part in re.split(r"(\d+)", str(name))
        if part
    )


def wrapped(name: str, characters: int) -> str:
    """Break a name between its words into lines of at most so many characters."""
    return "\n".join(textwrap.wrap(name, max(characters, 1), break_long_words=False)) or name


def name_classes(axes: Axes, names: Sequence[str], width: float, notes: Sequence[str] = ()) -> None:
    """Name the classes at 0, 1, ... of the horizontal axis.

    Long names take several lines, and are turned where a word is wider than its place.

    Parameters
    ----------
    axes : Axes
    names : sequence of str, (k,)
    width : float
        Of the axes, in inches.
    notes : sequence of str, (k,), optional
        A line below each name.
    """
    room = int(width / max(len(names), 1) / LETTER) - 1
    words = [*notes, *(word for name in names for word in name.split())]
    turned = max((len(word) for word in words), default=0) > room
    lines = [wrapped(name, 20 if turned else room) for name in names]
    if notes:
        lines = [f"{line}\n{note}" for line, note in zip(lines, notes, strict=True)]
    axes.set_xticks(
        range(len(names)), lines, rotation=40 if turned else 0,
        ha="right" if turned else "center", rotation_mode="anchor" if turned else "default",
    )  # fmt: skip


def same_length(**columns: ArrayLike) -> None:
    """Check that one-dimensional inputs are equally long.

    Raises
    ------
    ValueError
        If they are not.
    """
    shapes = {name: np.shape(values) for name, values in columns.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"expected one value a row in each array, found shapes {found}")


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches that arranges its parts without overlaps."""
    return Figure(figsize=(width, height), layout="constrained")


def percent_axis(axis: Axis) -> None:
    """Show the fractions of an axis as percent, without the sign (the label carries it)."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: signed(f"{100 * value:.4g}")))


def note(figure: Figure, left_out: int, what: str) -> None:
    """Say under the figure how many values that are not finite were left out, if any were."""
    if left_out:
        figure.supxlabel(
            f"{left_out:,} {what} without a finite value left out", fontsize=SMALL, color="#444444"
        )


def marker(shape: str, label: str, colour: str) -> Line2D:
    """Return a legend's handle: one black-edged marker in the given colour."""
    return Line2D([], [], marker=shape, linestyle="", color=colour, mec="black", ms=7, label=label)


def line(pattern: str, label: str, colour: str) -> Line2D:
    """Return a legend's handle: a line of the given pattern and colour."""
    return Line2D([], [], linestyle=pattern, color=colour, label=label)


def swarm(count: int, width: float) -> NDArray[np.float64]:
    """Return offsets that keep the points of a strip apart, (count,), from -width to width.

    A fixed sequence needs no generator and gives the same figure each time: multiples of the
    golden ratio, modulo 1. The first point lies in the middle.
    """
    return np.asarray(width * (2 * np.modf(0.5 + np.arange(count) * 0.618034)[0] - 1))


def signed(number: str) -> str:
    """Return a formatted number with the minus sign that matplotlib's own axes have."""
    return number.replace("-", "\N{MINUS SIGN}")


def say_empty(axes: Axes, text: str) -> None:
    """Write into axes without data why they are empty."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#444444")


@styled
def empty_figure(text: str) -> Figure:
    """Return a figure that says that there is nothing to show."""
    figure = new_figure(7, 2)
    axes = figure.subplots()
    axes.set_axis_off()
    say_empty(axes, text)
    return figure


def formats() -> tuple[str, ...]:
    """Return the formats in which commands save a figure: PNG, and SVG where it is asked for."""
    return ("png", "svg") if os.environ.get(VECTOR) else ("png",)


def to_bytes(figure: Figure, format: str = "png") -> bytes:  # noqa: A002  matplotlib's own word
    """Render a figure to a file's content, the same bytes for the same figure.

    The arrangement of the figure's parts is settled by the first call and stays.

    Parameters
    ----------
    figure : Figure
    format : str
        ``png`` (150 dots per inch), ``svg`` or ``pdf``; none of them carries a date.

    Raises
    ------
    ValueError
        If the format is another.
    """
    if format not in _WITHOUT_DATES:
        raise ValueError(f"expected the format png, svg or pdf, found {format!r}")
    buffer = BytesIO()
    with rc_context({**RC, "svg.hashsalt": "ck19ml", "pdf.fonttype": 42}):
        engine = figure.get_layout_engine()
        if isinstance(engine, ConstrainedLayoutEngine):
            # Each drawing would arrange the parts anew, starting from where the last one left them.
            engine.execute(figure)
            figure.set_layout_engine("none")
        figure.savefig(buffer, format=format, dpi=150, metadata=_WITHOUT_DATES[format])
    return buffer.getvalue()
