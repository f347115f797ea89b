"""Each figure of the product, drawn for plates that are not like CK19.

``python -m tests.plots.gallery FOLDER`` writes them, to be looked at.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from ck19ml import plots
from ck19ml.core.scores.intervals import Score
from ck19ml.plots.classification import confusion, confusions, reliability, well_probabilities
from ck19ml.plots.gate import paired_losses
from ck19ml.plots.instrument import against_instrument


@dataclass(frozen=True)
class Plate:
    """What the figures of a plate depend on.

    Attributes
    ----------
    classes : tuple of str
    overlap : float
        Mean overlap of its patches.
    wells : int
        Of each class.
    compounds : int
    """

    classes: tuple[str, ...]
    overlap: float = 0.03
    wells: int = 8
    compounds: int = 6

    @property
    def stimulation(self) -> list[str]:
        """Stimulation of each well."""
        return [name for name in self.classes for _ in range(self.wells)]

    def patches(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """True and predicted overlap and the stimulation of 30 patches a well."""
        rng = np.random.default_rng(5)
        names = [name for name in self.stimulation for _ in range(30)]
        true = rng.gamma(4, self.overlap / 4, len(names)).clip(0, 1)
        true[rng.random(len(names)) < (0.6 if self.overlap < 0.2 else 0.05)] = 0
        return true, true + rng.normal(0, 0.01, len(names)), names

    def table(self) -> pd.DataFrame:
        """A row a well, with the measures of a screen."""
        rng = np.random.default_rng(6)
        count = len(self.stimulation)
        kind = ["vehicle" if i % 4 == 0 else "compound" for i in range(count)]
        if not self.compounds:
            kind = ["vehicle" if i % 4 == 0 else "no compound" for i in range(count)]
        treated = np.array(kind) == "compound"
        return pd.DataFrame(
            {
                "well": [f"{chr(65 + i // 24)}{i % 24 + 1:02d}" for i in range(count)],
                "stimulation": self.stimulation,
                "kind": kind,
                "compound": np.where(
                    treated, [f"compound {i % max(self.compounds, 1)}" for i in range(count)], ""
                ),
                "concentration_um": np.where(treated, 10.0 ** (np.arange(count) % 4 - 2), np.nan),
                "control": np.where(np.array(kind) == "vehicle", "vehicle", ""),
                "score": rng.normal(0, 12, count),
                "overlap": rng.normal(self.overlap, self.overlap / 5, count).clip(0),
                "probability": rng.uniform(0.05, 0.99, count),
                "correct": rng.random(count) < 0.8,
                "row": [i // 24 for i in range(count)],
                "column": [i % 24 for i in range(count)],
                "edge": [i % 24 in (0, 23) for i in range(count)],
            }
        )


PLATES = {
    "four classes": Plate(("medium", "LPS", "anti-CD3", "PMA/iono")),
    "twelve classes": Plate(tuple(f"treatment {i + 1}" for i in range(12)), wells=4),
    "long names": Plate(
        ("unstimulated, vehicle 0.1 % DMSO", "anti-CD3/CD28 beads 1:1, 24 h", "Staphylococcal B")
    ),
    "overlap 50 %": Plate(("Unstimulated", "OVA", "ConA"), overlap=0.5),
    "one stimulation": Plate(("ConA",)),
    "one well": Plate(("OVA",), wells=1),
    "no compounds": Plate(("Unstimulated", "ConA"), compounds=0),
}


def _counts(plate: Plate, of: int) -> np.ndarray:
    k = len(plate.classes)
    return (np.eye(k, dtype=int) * of + np.arange(k * k).reshape(k, k) % 7) * plate.wells


def _scores(plate: Plate) -> Figure:
    names = ["LDA on measurements", "logistic regression on measurements", "most frequent class"]
    rows = [
        (name, level, 0.8 - 0.2 * i, 0.6 - 0.2 * i, 0.95 - 0.2 * i, "baseline" if i else "model")
        for level in ("patch", "well")
        for i, name in enumerate(names)
    ]
    table = pd.DataFrame(rows, columns=["name", "level", "value", "low", "high", "kind"])
    chance = 1 / len(plate.classes)
    return plots.scores_with_baselines(table, label="accuracy (%)", chance=chance, percent=True)


def _controls(plate: Plate) -> Figure:
    measures = {"score": "score (nats)", "overlap": "overlap (IoU, %)", "probability": "M1 (%)"}
    quality = dict.fromkeys(measures, "Z' 0.31 [-0.12, 0.55], SSMD 3.1")
    return plots.control_strips(plate.table(), measures, quality, ["overlap", "probability"])


def _hits(plate: Plate) -> Figure:
    table = plate.table().query("kind == 'compound'").reset_index(drop=True)
    for name in ("score", "overlap"):
        table[f"{name}_ssmd"] = table["score"] / 4
        table[f"{name}_hit"] = table["score"] < -12
    table["toxic"] = table["score"] > 12
    return plots.ranked_hits(table, fdr=0.05, known=list(table["score"] < -12))


def _doses(plate: Plate) -> Figure:
    wells = plate.table()
    pairs = wells.query("kind == 'compound'")[["stimulation", "compound"]].drop_duplicates()
    fits = pairs.assign(
        measure="score", direction="IC50", ic50_um=0.5, low_um=0.2, high_um=1.1, hill=1.0,
        without=5.0, saturated=-5.0, supported=True, reason="",
    )  # fmt: skip
    return plots.dose_curves(wells, fits, "score", "score (nats)")


def _position(plate: Plate) -> Figure:
    tests = pd.DataFrame(
        {"factor": ["row", "column", "edge"], "share": [0.5, 0.1, 0.02],
         "expected": [0.1, 0.1, 0.01], "q": [0.01, 0.6, 0.3]}
    )  # fmt: skip
    return plots.position_effects(plate.table(), "score", "score (nats)", tests)


def _heatmaps(plate: Plate) -> Figure:
    table = plate.table()
    measures = [
        plots.Measure(table["overlap"], "overlap (IoU, %)", percent=True),
        plots.Measure(table["score"], "score (nats)", diverging=True),
    ]
    return plots.plate_heatmaps(table["well"].tolist(), measures, control=table["control"].tolist())


def _map(plate: Plate) -> Figure:
    true, _, names = plate.patches()
    points = np.random.default_rng(1).normal(size=(len(true), 2))
    return plots.feature_map(points, names, true)


def _sums(plate: Plate) -> Figure:
    values = plate.table()["overlap"].to_numpy() * 64
    return plots.field_sums(values, values * 0.9 + 0.1, plate.stimulation)


def _gate(plate: Plate) -> Figure:
    first = plate.table()["probability"].to_numpy()
    difference = Score(0.1, 0.05, 0.15)
    return paired_losses(first, first * 0.9, difference, label="log loss (nats)", verdict="kept")


FIGURES: dict[str, Callable[[Plate], Figure]] = {
    "confusion": lambda plate: confusion(_counts(plate, 90), plate.classes, title="wells"),
    "confusions": lambda plate: confusions(_counts(plate, 900), _counts(plate, 9), plate.classes),
    "reliability": lambda plate: reliability(
        plate.table()["probability"], plate.table()["correct"]
    ),
    "well probabilities": lambda plate: well_probabilities(
        plate.table(), chance=1 / len(plate.classes)
    ),
    "histograms": lambda plate: plots.overlap_histograms(*plate.patches()),
    "histograms, logarithmic": lambda plate: plots.overlap_histograms(
        *plate.patches(), log_counts=True
    ),
    "predicted against true": lambda plate: plots.predicted_against_true(*plate.patches()),
    "errors": lambda plate: plots.error_distribution(*plate.patches()),
    "sums": _sums,
    "instrument": lambda plate: against_instrument(
        plate.table()["overlap"] * 64, plate.table()["overlap"] * 300, plate.stimulation
    ),
    "map": _map,
    "scores": _scores,
    "controls": _controls,
    "hits": _hits,
    "doses": _doses,
    "position": _position,
    "heat maps": _heatmaps,
    "layout": lambda plate: plots.plate_layout(plate.table()),
    "gate": _gate,
}


def texts_of(figure: Figure) -> list[Text]:
    """Texts that are seen."""
    hidden = {
        label
        for axes in figure.findobj(Axes)
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim()))
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        if not min(limits) <= tick.get_loc() <= max(limits)
        for label in (tick.label1, tick.label2)
    }
    texts = [text for text in figure.findobj(Text) if text not in hidden]
    return [text for text in texts if text.get_text().strip() and text.get_visible()]


def overprints(figure: Figure, slack: float = 2.0) -> list[str]:
    """Pairs of texts that lie on each other, and texts beyond the figure, by more than `slack` px.

    Two texts that are turned are not compared: their bounding boxes overlap where they do not.
    """
    figure.draw_without_rendering()
    boxes = [(text, text.get_window_extent()) for text in texts_of(figure)]
    wrong = []
    for (first, one), (second, two) in combinations(boxes, 2):
        if first.get_rotation() and second.get_rotation():
            continue
        width = min(one.x1, two.x1) - max(one.x0, two.x0)
        height = min(one.y1, two.y1) - max(one.y0, two.y0)
        if width > slack and height > slack:
            wrong.append(f"{first.get_text()!r} on {second.get_text()!r}")
    page = figure.bbox
    for text, box in boxes:
        if min(box.x0 - page.x0, box.y0 - page.y0, page.x1 - box.x1, page.y1 - box.y1) < -slack:
            wrong.append(f"{text.get_text()!r} leaves the figure")
    return wrong


def main(folder: Path) -> None:
    """Write each figure of each plate, and print what is overprinted."""
    folder.mkdir(parents=True, exist_ok=True)
    for plate in PLATES:
        for name in FIGURES:
            figure = FIGURES[name](PLATES[plate])
            (folder / f"{name}, {plate.replace('/', ' ')}.png").write_bytes(plots.to_bytes(figure))
            for problem in overprints(figure):
                print(f"{plate}: {name}: {problem}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
