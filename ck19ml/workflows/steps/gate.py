"""Which version of a registered model is the champion."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ck19ml.core.scores.intervals import Score, interval
from ck19ml.networks.evaluation import Evaluation, evaluate
from ck19ml.networks.scorer import Scorer
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plots.gate import paired_losses
from ck19ml.tracking import registry
from ck19ml.tracking.registry import Version
from ck19ml.workflows.progress import say

LOSS = {"autoencoder": "bce", "classifier": "log loss", "regressor": "squared error"}

EASIER_MASKED = {
    "autoencoder": "are easier to reconstruct",
    "regressor": "show the masks that the overlap is computed from",
}
"""Why the losses of these kinds do not compare between whole and masked images."""

FEWEST = 5
"""Wells below which resampling them says nothing on noise: of four that differ by chance alone all
are better in one of sixteen cases, of five in one of thirty-two."""

ROUNDS = 20
"""Looks at the registry before a decision is given up: others decide at the same time."""


@dataclass(frozen=True)
class Comparison:
    """The losses of two versions on the same validation wells, in the same order.

    Attributes
    ----------
    mine, theirs : list of float
    difference : Score
        Mean of theirs - mine, with its 95 % interval over wells: above 0, mine is better.
    """

    mine: list[float]
    theirs: list[float]
    difference: Score

    @property
    def better(self) -> bool:
        """Whether mine is better by more than noise."""
        return len(self.mine) >= FEWEST and self.difference.low > 0


@dataclass(frozen=True)
class Decision:
    """Whether a version became champion, and the sentence that says why."""

    promoted: bool
    reason: str
    comparison: Comparison | None = field(default=None, compare=False)


def well_losses(kind: str, evaluation: Evaluation, wells: pd.DataFrame) -> dict[str, float]:
    """Mean loss of each well's patches, by the well's fingerprint.

    Parameters
    ----------
    kind : str
        Of the model: a key of `LOSS`.
    wells : DataFrame
        plate, well and sha256.
    """
    patches = evaluation.patches
    if kind == "autoencoder":
        losses = patches["bce"]
    elif kind == "regressor":
        losses = (patches["predicted_overlap"] - patches["overlap"]) ** 2
    else:
        names = [name for name in patches if str(name).startswith("probability_")]
        chosen = np.array([names.index(f"probability_{label}") for label in patches["label"]])
        given = patches[names].to_numpy(np.float64)[np.arange(len(patches)), chosen]
        losses = -np.log(np.clip(given, 1e-7, 1.0))
    means = patches.assign(loss=losses).groupby(["plate", "well"])["loss"].mean()
    hashes = wells.set_index(["plate", "well"])["sha256"]
    return {str(hashes.loc[key]): float(value) for key, value in means.items()}


def compare(mine: Mapping[str, float], theirs: Mapping[str, float]) -> Comparison | None:
    """Compare losses well by well; None where there is no common well.

    The interval is that of the paired differences, resampled over wells: how hard a well is
    for both does not hide which of the two does better.
    """
    common = sorted(set(mine) & set(theirs))
    if not common:
        return None
    first, second = [mine[well] for well in common], [theirs[well] for well in common]
    difference = np.subtract(second, first)
    score = interval(
        lambda wells: float(difference[wells].mean()), len(common), np.random.default_rng(0)
    )
    return Comparison(first, second, score)


def decide(
    version: Version,
    kind: str,
    losses: Mapping[str, float],
    dataset: Dataset,
    *,
    always: bool = False,
) -> Decision:
    """Make the version champion if it beats the champion by more than noise.

    Others may decide at the same time. Each announces its version before it looks, puts all
    announced versions in the order of their numbers through the gate, and looks again after
    it wrote: whoever writes last has seen all others, so that the best one stands.

    Parameters
    ----------
    losses : mapping
        The version's loss on its validation wells, before it saw any of them.
    always : bool
        Promote without a comparison.
    """
    version.run.json(_record(version), {"loss": LOSS[kind], "wells": dict(losses)})
    version = registry.mark(version, registry.ALWAYS if always else registry.BETTER)
    gate = _Gate(version, kind, losses, dataset)
    decision = gate.pass_through()
    registry.mark(version, registry.PROMOTED if decision.promoted else registry.KEPT)
    if not decision.promoted:
        registry.challenge(version)
    _publish(version, kind, decision)
    return decision


class _Gate:
    """Judges one version, and those that others announce meanwhile."""

    def __init__(
        self, version: Version, kind: str, losses: Mapping[str, float], dataset: Dataset
    ) -> None:
        self.version, self.kind, self.losses, self.dataset = version, kind, losses, dataset
        self.known: dict[tuple[str, str], Decision] = {}

    def pass_through(self) -> Decision:
        base = registry.champion(self.version.name)
        for _ in range(ROUNDS):
            winner, mine = self._winner(base)
            current = registry.champion(self.version.name)
            if current is not None and current.number == winner.number:
                return mine
            registry.promote(winner)
        return mine

    def _winner(self, base: Version | None) -> tuple[Version, Decision]:
        """Put the announced versions through the gate, one after the other."""
        after = 0 if base is None else int(base.number)
        announced = {v.number: v for v in registry.at_gate(self.version.name)}
        announced |= {self.version.number: self.version}
        winner, mine = base, None
        for number in sorted(announced, key=int):
            rival = announced[number]
            if int(number) <= after and number != self.version.number:
                continue
            decision = self._judge(rival, winner)
            mine = decision if number == self.version.number else mine
            winner = rival if decision.promoted else winner
        assert winner is not None  # noqa: S101 (the first of all versions wins)
        assert mine is not None  # noqa: S101 (this version is among the announced)
        return winner, mine

    def _judge(self, rival: Version, champion: Version | None) -> Decision:
        if champion is None:
            return Decision(True, "there was no champion")
        if champion.number == rival.number:
            return Decision(True, "it is the champion already")
        if rival.tags.get(registry.GATE) == registry.ALWAYS:
            return Decision(True, f"promoted without comparison to version {champion.number}")
        key = (rival.number, champion.number)
        if key not in self.known:
            self.known[key] = self._compare(rival, champion)
        return self.known[key]

    def _compare(self, rival: Version, champion: Version) -> Decision:
        masked = [version.tags.get("masked") for version in (champion, rival)]
        if self.kind in EASIER_MASKED and masked[0] != masked[1]:
            return Decision(
                False,
                f"version {champion.number} stays: of the two one sees masked images, which "
                f"{EASIER_MASKED[self.kind]}; set promote to always to replace it",
            )
        targets = [version.tags.get("target", "overlap") for version in (champion, rival)]
        if targets[0] != targets[1]:
            return Decision(
                False,
                f"version {champion.number} stays: it predicts {targets[0]}, the other "
                f"{targets[1]}; set promote to always to replace it",
            )
        losses = self._losses(rival)
        if not losses:
            return Decision(
                False,
                f"version {champion.number} stays: the other was trained on the validation wells, "
                "so there is nothing to compare; set promote to always to replace it",
            )
        theirs, why = _losses_of(champion, self.kind, list(losses), self.dataset)
        found = compare(losses, theirs)
        if found is None:
            # What is not known of another's version is left as its own process decided.
            decided = rival.tags.get(registry.GATE) == registry.PROMOTED
            why = why or "they have no validation well in common"
            return Decision(
                decided,
                f"version {champion.number} stays: {why}, so the two cannot be compared; set "
                "promote to always to replace it",
            )
        return Decision(found.better, _sentence(self.kind, found, champion), found)

    def _losses(self, rival: Version) -> Mapping[str, float]:
        if rival.number == self.version.number:
            return self.losses
        return _recorded(rival)


def _sentence(kind: str, found: Comparison, champion: Version) -> str:
    mine, other = float(np.mean(found.mine)), float(np.mean(found.theirs))
    score, wells = found.difference, len(found.mine)
    text = (
        f"{LOSS[kind]} {mine:.4f} on {wells} validation wells is "
        f"{'below' if mine < other else 'not below'} the {other:.4f} of version {champion.number}"
    )
    if mine >= other:
        return text
    text += f" by {score.value:.4f} [{score.low:.4f}, {score.high:.4f}]"
    if wells < FEWEST:
        return f"{text}, too few wells to tell it from noise"
    return f"{text}, {'more than' if found.better else 'no more than'} noise"


def _publish(version: Version, kind: str, decision: Decision) -> None:
    """Put the decision and its figures on the run and on the version."""
    verdict = "champion" if decision.promoted else "challenger"
    sentence = f"{version.name} version {version.number}: {verdict}, {decision.reason}"
    say(sentence)
    registry.describe(version, f"Gate: {verdict}, {decision.reason}.")
    found = decision.comparison
    if found is not None:
        score = found.difference
        version.run.metrics(
            {
                "gate/wells": len(found.mine),
                "gate/loss": float(np.mean(found.mine)),
                "gate/champion_loss": float(np.mean(found.theirs)),
                "gate/difference": score.value,
                "gate/difference_low": score.low,
                "gate/difference_high": score.high,
            }
        )
        label = f"{LOSS[kind]} of a validation well"
        version.run.figure("gate", paired_losses(found.theirs, found.mine, score, label=label))


def _recorded(version: Version) -> dict[str, float]:
    text = version.run.text(f"{_record(version)}.json")
    return {} if text is None else dict(json.loads(text)["wells"])


def _losses_of(
    champion: Version, kind: str, wells: list[str], dataset: Dataset
) -> tuple[dict[str, float], str]:
    """Losses of the champion on these wells; where there are none, the reason."""
    known = _recorded(champion)
    if wells and set(wells) <= set(known):
        return {well: known[well] for well in wells}, ""
    scorer = registry.load_model(champion.uri)
    table = dataset.wells
    fresh = table[table["sha256"].isin(set(wells) - scorer.card.seen)]
    if dataset.parameters["patch_size"] != scorer.card.patch_size:
        return {}, f"it takes patches of {scorer.card.patch_size} pixels"
    if kind == "classifier" and not set(fresh["stimulation"]) <= set(scorer.card.classes):
        return {}, f"it tells {', '.join(scorer.card.classes)} apart"
    return _measure(scorer, kind, dataset, fresh), "it has seen every validation well"


def _measure(scorer: Scorer, kind: str, dataset: Dataset, wells: pd.DataFrame) -> dict[str, float]:
    rows = dataset.usable(dataset.rows_of(wells))
    return well_losses(kind, evaluate(scorer, dataset, rows), wells) if len(rows) else {}


def _record(version: Version) -> str:
    # By the version: a run that goes on registers another one.
    return f"gate-{version.name}-{version.number}"
