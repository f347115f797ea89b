"""Comparison of a screen with the truth of a simulated plate."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.measurements.panel import CELLS
from ck19ml.core.scores.intervals import Score
from ck19ml.core.screening.hit_lists import (
    average_precision_gain,
    hit_list_scores,
    log_error,
)
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.truth import beside_plates
from ck19ml.plates.simulation import RECORD
from ck19ml.workflows.screening.tables import MEASURES, measures_in

NAMES = {
    "score": "the model",
    "adjusted": "the model at equal counts",
    "overlap": "plain overlap",
    "tcell_overlap": "T-cell overlap",
    "contact": "T cells in contact",
    "logistic": "logistic regression",
}
BASELINES = MEASURES[2:]
"""Measures that need no network."""


@dataclass(frozen=True)
class Truth:
    """Truth about a simulated plate's compounds, from its record.

    Attributes
    ----------
    effects : dict
        (plate, compound) to its largest inhibition and its IC50 in uM.
    toxic : frozenset
        The (plate, compound) that kill cells.
    """

    effects: dict[tuple[str, str], tuple[float, float]]
    toxic: frozenset[tuple[str, str]] = frozenset()

    def kills(self, table: pd.DataFrame) -> "pd.Series[bool]":
        """Return which rows (plate, compound) have a compound that kills cells."""
        keys = zip(table["plate"].astype(str), table["compound"].astype(str), strict=True)
        return pd.Series([key in self.toxic for key in keys], table.index, dtype=bool)

    def inhibits(self, table: pd.DataFrame) -> "pd.Series[bool]":
        """Return which rows (plate, compound) have a compound that inhibits."""
        keys = zip(table["plate"].astype(str), table["compound"].astype(str), strict=True)
        return pd.Series(
            [self.effects.get(key, (0.0, np.nan))[0] > 0 for key in keys], table.index, dtype=bool
        )

    def ic50_um(self, table: pd.DataFrame) -> "pd.Series[float]":
        """Return the true IC50 of the rows (plate, compound), uM; NaN where none is known."""
        keys = zip(table["plate"].astype(str), table["compound"].astype(str), strict=True)
        return pd.Series([self.effects.get(key, (0.0, np.nan))[1] for key in keys], table.index)


def find_truth(dataset: Dataset) -> Truth | None:
    """Find the records of simulated plates; None unless every plate of the dataset has one."""
    effects: dict[tuple[str, str], tuple[float, float]] = {}
    toxic: set[tuple[str, str]] = set()
    for found in beside_plates(dataset, RECORD):
        if found is None:
            return None
        try:
            record = json.loads(found.read_text(encoding="utf-8"))
            for compound, effect in record["effects"].items():
                key = (str(record["plate"]), str(compound))
                effects[key] = (float(effect["largest"]), float(effect["ic50_um"]))
                if any(effect.get(f"{kind}_kill", 0) for kind in CELLS):
                    toxic.add(key)
        except (OSError, ValueError, KeyError, TypeError):
            return None
    plates = {plate for plate, _ in effects}
    known = set(dataset.table["plate"].astype(str)) <= plates
    return Truth(effects, frozenset(toxic)) if known else None


@dataclass
class Judgement:
    """Scores of a screen against the truth.

    Attributes
    ----------
    scores : dict
        Name to score with its interval over compounds.
    lines : list of str
        What it comes to, for people.
    """

    scores: dict[str, Score] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


def rows_to_judge(hits: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Rows of a hit list in which an inhibitor can show: those of the other stimulations."""
    return hits[hits["stimulation"] != reference].reset_index(drop=True)


def strength(table: pd.DataFrame, measure: str) -> Any:
    """Rank a hit list for inhibitors: minus t, (n,); rows without one come last."""
    return np.nan_to_num(-table[f"{measure}_t"].to_numpy(np.float64), nan=-1e9)


def judge_hits(hits: pd.DataFrame, truth: Truth, reference: str, seed: int) -> Judgement:
    """Score the hit list by the model and by the plain overlaps against the known inhibitors."""
    table = rows_to_judge(hits, reference)
    inhibits = truth.inhibits(table).to_numpy(bool)
    judgement = _false_discoveries(hits, truth, reference)
    if not len(table) or inhibits.all() or not inhibits.any():
        return judgement
    compound = table.groupby(["plate", "compound"]).ngroup().to_numpy(np.intp)
    judgement.lines += _toxic_lines(table, truth, inhibits)
    for measure in measures_in(table):
        called = (table[f"{measure}_hit"] & (table[f"{measure}_t"] < 0)).to_numpy(bool)
        found = hit_list_scores(
            inhibits, strength(table, measure), called, compound, np.random.default_rng(seed)
        )
        judgement.scores |= {f"{name}_{measure}": score for name, score in found.items()}
        right = f", precision {found['precision']}" if called.any() else ""
        judgement.lines.append(
            f"known inhibitors by {NAMES[measure]}: average precision {found['average_precision']}"
            f" (chance {inhibits.mean():.3f}); {int(called.sum())} hits downwards{right}, recall "
            f"{found['recall']}"
        )
    for other in [name for name in BASELINES if name in table]:
        gain = average_precision_gain(
            inhibits, strength(table, "score"), strength(table, other), compound,
            np.random.default_rng(seed),
        )  # fmt: skip
        judgement.scores[f"average_precision_gain_over_{other}"] = gain
        judgement.lines.append(f"{verdict(gain, NAMES[other])}: average precision by {gain}")
    return judgement


def _toxic_lines(table: pd.DataFrame, truth: Truth, inhibits: NDArray[np.bool_]) -> Iterator[str]:
    """Compare the hits downwards among compounds that kill cells, by the score and adjusted."""
    kills = truth.kills(table).to_numpy(bool)
    if not kills.any():
        return
    each = []
    for measure in ("score", "adjusted"):
        called = kills & (table[f"{measure}_hit"] & (table[f"{measure}_t"] < 0)).to_numpy(bool)
        each.append(f"{NAMES[measure]} calls {called.sum()}, {(called & inhibits).sum()} rightly")
    flagged = table["toxic"].to_numpy(bool)
    yield (
        f"{kills.sum()} tests of compounds that kill cells, {(kills & inhibits).sum()} of "
        f"inhibitors: {', '.join(each)}; flagged as toxic {(kills & flagged).sum()} of them and "
        f"{(flagged & ~kills).sum()} others"
    )


def _false_discoveries(hits: pd.DataFrame, truth: Truth, reference: str) -> Judgement:
    """Count the hits, up or down and of every stimulation, that have no effect in truth."""
    judgement, said = Judgement(), []
    for measure in measures_in(hits):
        called = hits[hits[f"{measure}_hit"]]
        true = int((truth.inhibits(called) & (called["stimulation"] != reference)).sum())
        false = len(called) - true
        judgement.scores[f"false_discovery_share_{measure}"] = _share(false, len(called))
        said.append(f"{false} of {len(called)} by {NAMES[measure]}")
    judgement.lines.append(f"hits without an effect in truth: {', '.join(said)}")
    return judgement


def verdict(gain: Score, other: str) -> str:
    """Describe a gain of the model over another measure in words.

    Examples
    --------
    >>> verdict(Score(0.1, -0.1, 0.3), "plain overlap")
    'the model adds nothing to plain overlap that these compounds could show'
    """
    if gain.low > 0:
        return f"the model finds more than {other}"
    if gain.high < 0:
        return f"{other} finds more than the model"
    return f"the model adds nothing to {other} that these compounds could show"


def judge_doses(doses: pd.DataFrame, truth: Truth, reference: str, seed: int) -> Judgement:
    """Score the fitted IC50s by the model and by the plain overlaps against the true ones."""
    judgement = Judgement()
    if doses.empty:
        return judgement
    table = doses.assign(true_ic50_um=truth.ic50_um(doses), inhibits=truth.inhibits(doses))
    shown = table["inhibits"] & (table["stimulation"] != reference)
    for measure in dict.fromkeys(doses["measure"]):
        own = table[table["measure"] == measure]
        wrong = own[own["supported"] & ~shown[own.index]]
        right = own[own["supported"] & shown[own.index]]
        possible = int(shown[own.index].sum())
        judgement.scores[f"ic50_supported_share_{measure}"] = _share(len(right), possible)
        said = (
            f"IC50 by {NAMES[measure]}: {len(right)} of {possible} supported where there is one, "
            f"{len(wrong)} of {len(own) - possible} where there is none"
        )
        if len(right):
            compound = right.groupby(["plate", "compound"]).ngroup().to_numpy(np.intp)
            error = log_error(
                right["ic50_um"].to_numpy(np.float64), right["true_ic50_um"].to_numpy(np.float64),
                compound, np.random.default_rng(seed),
            )  # fmt: skip
            judgement.scores[f"ic50_log10_error_{measure}"] = error
            held = right["true_ic50_um"].between(right["low_um"], right["high_um"]).sum()
            said += f"; median |log10 error| {error}; {held} of {len(right)} intervals hold it"
        judgement.lines.append(said)
    return judgement


def _share(part: int, whole: int) -> Score:
    value = part / whole if whole else float("nan")
    return Score(value, float("nan"), float("nan"))
