"""Draws docs/images/architecture.svg: which module imports which, and the way of one patch.

Run from the root of the repository: python docs/pictures/architecture.py

The modules stand in the order of the layers in pyproject.toml; the dots are the imports that grimp
finds. tests/test_architecture_picture.py holds the picture to the imports, and the stations of the
way, with what goes from one to the next, to the code.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import grimp
import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
PACKAGE = "ck19ml"

WIDTH, TOP = 10.0, 0.9
"""Inches: of the picture, and above the first box."""

DISTANCE, STEP_HEIGHT = 0.65, 0.42
"""From station to station of the way, and of a station."""

STEPS = (5.95, 3.95)
"""Left end and width of the stations."""

NAMES = (1.5, 1.35)
"""Right end of the first module's box, and the width of all."""

LAST = 5.45
"""Right end of the last module's box."""

ON_THE_WAY, ELSEWHERE, LINE = "#0072b2", "#e3e8ec", "#d5dbe0"
DOT, BAND = "#5f6b75", "#f5f7f9"


@dataclass(frozen=True)
class Step:
    """A station of the way: the function, what it does, and what goes on from there."""

    function: str
    does: str
    gives: str

    @property
    def module(self) -> str:
        """The module or package of the top level that the function is in."""
        return self.function.split(".")[0]


WAY = (
    Step("plates.folder.find_plate", "pairs the channels by name", "two TIFFs a field, uint16"),
    Step("plates.checks.check", "what is wrong, before any work", "fields without problems"),
    Step("plates.folder.read_field", "DC and T cells, 12 bits", "field (2048, 2048, 2) uint16"),
    Step("core.patches.cut", "drops the margin", "patches (100, 192, 192, 2) uint16"),
    Step("masking.method", "otsu, kmeans, threshold or unet", "masks (100, 192, 192, 2) bool"),
    Step("core.overlap.score", "areas and IoU of each patch", "overlap (100,) float64 in [0, 1]"),
    Step("core.quality.measure", "focus, saturation, cell counts", "numbers of the field"),
    Step("plates.arrays.write_field", "one chunk a field", "Zarr arrays, patches.parquet"),
    Step("workflows.wells.split_dataset", "train, validation or test", "a role for each well"),
    Step("batches.Patches.batch", "scales each to [0, 1]", "batch (64, 192, 192, 2) float32"),
    Step("models.build_encoder", "trained by training.fit", "features (64, 2304) float32"),
    Step("classifier.train_classifier", "a head on them", "class probabilities (64, 3) float32"),
    Step("core.calibration.tempered", "by what validation wells say", "the same, calibrated"),
    Step("evaluation.evaluate", "patches and wells", "scores, baselines, 95 % intervals"),
    Step("scoring.Scorer.save", "takes raw fields, no pickle", "network.keras, card.json"),
    Step("tracking.registry.log_model", "a version of it", "models:/ck19-classifier/1"),
    Step("workflows.gate.decide", "beside the champion, by well", "better by more than noise"),
    Step("tracking.registry.promote", "sets the alias", "models:/ck19-classifier@champion"),
)
"""What happens to a patch of a CK19 plate, in the order in which it happens."""


def layers() -> list[list[str]]:
    """Names of each layer's modules, from top to bottom, as pyproject.toml has them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (contract,) = [each for each in contracts if each["type"] == "layers"]
    return [
        [name.strip().removeprefix(f"{PACKAGE}.") for name in layer.split("|")]
        for layer in contract["layers"]
    ]


def imports() -> set[tuple[str, str]]:
    """Which module or package of the top level imports which other."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    pairs = {
        (_top(importer), _top(imported))
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    }
    return {(one, other) for one, other in pairs if one != other and "" not in (one, other)}


def _top(module: str) -> str:
    """Name at the top level; '' for the package itself and for what starts the command."""
    name = f"{module}.".split(".")[1]
    return "" if name == "__main__" else name


def draw() -> Figure:
    """Draw the picture; the id of each part says what it is."""
    height = TOP + len(WAY) * DISTANCE + 0.15
    figure = Figure((WIDTH, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    _titles(axes)
    _modules(axes, height)
    _way(axes)
    return figure


def _titles(axes: Axes) -> None:
    for x, title, more in (
        (
            0.15,
            "Modules",
            "A dot: the module on its left imports the one below. A band: a layer.",
        ),
        (STEPS[0], "The way of a patch", "From TIFF to champion; numbers and blue as on the left."),
    ):
        axes.text(x, 0.3, title, fontsize=13, weight="bold", va="center")
        axes.text(x, 0.58, more, fontsize=9.5, va="center")


def _modules(axes: Axes, height: float) -> None:
    """Draw the boxes along the diagonal: all dots lie above it, as imports go down only."""
    ordered = [name for layer in layers() for name in layer]
    row = (height - TOP - 0.3) / len(ordered)
    column = (LAST - NAMES[0]) / (len(ordered) - 1)
    ends = {
        name: (NAMES[0] + index * column, TOP + (index + 0.5) * row)
        for index, name in enumerate(ordered)
    }
    for shaded, layer in enumerate(layers()):
        if shaded % 2 == 0:
            top = ends[layer[0]][1] - row / 2
            axes.fill_between([0, LAST + 0.1], top, top + len(layer) * row, color=BAND, lw=0)
    pairs = sorted(imports())
    for name, (x, y) in ends.items():
        columns = [ends[other][0] for one, other in pairs if one == name]
        rows = [ends[one][1] for one, other in pairs if other == name]
        axes.plot([x, max(columns, default=x)], [y, y], color=LINE, linewidth=0.8)
        axes.plot([x - column / 2] * 2, [min(rows, default=y), y], color=LINE, linewidth=0.8)
        _module(axes, name, (x, y), row)
    stations = {step.module for step in WAY}
    for one, other in pairs:
        place = (ends[other][0] - column / 2, ends[one][1])
        colour = ON_THE_WAY if {one, other} <= stations else DOT
        axes.plot(*place, "o", color=colour, markersize=5.5, gid=f"import:{one}:{other}")


def _module(axes: Axes, name: str, end: tuple[float, float], row: float) -> None:
    numbers = [str(number) for number, step in enumerate(WAY, 1) if step.module == name]
    colour, ink = (ON_THE_WAY, "white") if numbers else (ELSEWHERE, "black")
    width, height = NAMES[1], 0.78 * row
    corner = (end[0] - width, end[1] - height / 2)
    _box(axes, corner, (width, height), colour, f"module:{name}")
    axes.text(corner[0] + 0.07, end[1], name, fontsize=9.5, color=ink, va="center")
    said = {"fontsize": 8.5, "color": ink, "weight": "bold", "ha": "right", "va": "center"}
    axes.text(end[0] - 0.07, end[1], " ".join(numbers), **said)


def _way(axes: Axes) -> None:
    left, width = STEPS
    for number, step in enumerate(WAY, 1):
        top = TOP + (number - 1) * DISTANCE
        middle, end, following = top + STEP_HEIGHT / 2, top + STEP_HEIGHT, top + DISTANCE
        _box(axes, (left, top), (width, STEP_HEIGHT), ON_THE_WAY, f"step:{step.function}")
        white = {"color": "white", "va": "center"}
        axes.text(left + 0.22, middle, number, fontsize=11, weight="bold", ha="center", **white)
        axes.text(left + 0.45, top + 0.13, step.function, fontsize=9.5, weight="bold", **white)
        axes.text(left + 0.45, top + 0.31, step.does, fontsize=9, **white)
        x = left + 0.22
        arrow = {"arrowstyle": "->", "color": ON_THE_WAY, "lw": 1.6, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (x, following), (x, end), arrowprops=arrow)
        axes.text(x + 0.23, (end + following) / 2, step.gives, fontsize=9.5, va="center")


def _box(
    axes: Axes, corner: tuple[float, float], size: tuple[float, float], colour: str, gid: str
) -> None:
    style = "round,pad=0,rounding_size=0.05"
    axes.add_patch(
        FancyBboxPatch(
            corner, *size, boxstyle=style, facecolor=colour, edgecolor="none", gid=gid, zorder=2
        )
    )


def described() -> str:
    """Say the way in words, as the picture's description has it."""
    return "; ".join(f"{step.function}: {step.does}, gives {step.gives}" for step in WAY)


def main() -> None:
    """Write the picture: the same bytes from the same imports."""
    with mpl.rc_context({"svg.hashsalt": PACKAGE, "font.family": "DejaVu Sans"}):
        draw().savefig(PICTURE, metadata={"Date": None, "Description": described()})


if __name__ == "__main__":
    main()
