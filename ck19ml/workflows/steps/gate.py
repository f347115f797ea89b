"""Choice of the champion among the versions of a registered model, and among those of assays."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ck19ml.core.scores.intervals import Score, interval
from ck19ml.core.scores.metrics import log_losses
from ck19ml.core.scores.verdict import GATE_LEVEL, sign_flip_test
from ck19ml.core.splits import GATE_UNITS
from ck19ml.networks.evaluation import Evaluation, evaluate
from ck19ml.networks.scorer import Scorer
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plots.gate import paired_losses
from ck19ml.tracking import assays, registry
from ck19ml.tracking.assays import Assay, told
from ck19ml.tracking.registry import Version
from ck19ml.workflows.progress import say

LOSS = {
    "autoencoder": "bce",
    "classifier": "log loss of wells",
    "regressor": "squared error",
    "unet": "1 - mask IoU",
}

ROUNDS = 20
"""Looks at the registry before a decision is given up: others decide at the same time."""

REPLACE = "give the new version the alias champion in the registry (ck19ml ui) to replace it"
TUNED = "tune with 'promote: always' to replace it, or give the new version the alias champion"
"""Ways to replace a champion; only `tune`, of classifiers, has the key."""

Losses = Mapping[str, float]
"""Mean loss of each well, by the fingerprint of its pixels."""

Measure = Callable[[Version, Sequence[str]], tuple[Losses, str]]
"""Measures a version on wells; and says why where there is nothing to measure."""


@dataclass(frozen=True)
class Comparison:
    """The losses of two versions on the same units of the gate, in the same order.

    Attributes
    ----------
    mine, theirs : list of float
    difference : Score
        Mean of theirs - mine, with its 95 % interval over units: above 0, mine is better.
    p : float
        One-sided sign-flip test of the differences.
    """

    mine: list[float]
    theirs: list[float]
    difference: Score
    p: float

    @property
    def enough(self) -> bool:
        """True if there are units enough to decide."""
        return len(self.mine) >= GATE_UNITS

    @property
    def better(self) -> bool:
        """True if mine is better by more than chance."""
        return self.enough and self.p <= GATE_LEVEL


@dataclass(frozen=True)
class Decision:
    """Verdict on a version, and the sentence that says why."""

    promoted: bool
    reason: str
    comparison: Comparison | None = field(default=None, compare=False)


def well_losses(kind: str, evaluation: Evaluation, wells: pd.DataFrame) -> dict[str, float]:
    """Loss of a classifier's answer to each well, or of others the mean of the well's patches.

    A classifier is judged by its answers to wells, as a head on whole wells says little of a patch.

    Parameters
    ----------
    kind : str
        Of the model: a key of `LOSS`.
    wells : DataFrame
        plate, well and sha256.

    Returns
    -------
    dict of float
        By the well's fingerprint.
    """
    table = evaluation.wells if kind == "classifier" else evaluation.patches
    if kind == "autoencoder":
        losses = table["bce"]
    elif kind == "regressor":
        losses = (table["predicted_overlap"] - table["overlap"]) ** 2
    else:
        names = [name for name in table if str(name).startswith("probability_")]
        labels = np.array([names.index(f"probability_{name}") for name in table["stimulation"]])
        losses = log_losses(table[names].to_numpy(np.float64), labels)
    means = table.assign(loss=losses).groupby(["plate", "well"])["loss"].mean()
    hashes = wells.set_index(["plate", "well"])["sha256"]
    return {str(hashes.loc[key]): float(value) for key, value in means.items()}


def compare(
    mine: Losses, theirs: Losses, units: Mapping[str, str] | None = None
) -> Comparison | None:
    """Compare losses unit by unit; None where there is no common well.

    How hard a well is for both does not hide which of the two does better.

    Parameters
    ----------
    units : mapping, optional
        Unit of each well, of which the losses are averaged; by default each well is one.
    """
    common = sorted(set(mine) & set(theirs))
    if not common:
        return None
    table = pd.DataFrame({"mine": [mine[w] for w in common], "theirs": [theirs[w] for w in common]})
    means = table.groupby([(units or {}).get(well, well) for well in common]).mean()
    gain = (means["theirs"] - means["mine"]).to_numpy(np.float64)
    rng = np.random.default_rng(0)
    score = interval(lambda drawn, axis=-1: gain[drawn].mean(axis), gain.size, rng)
    p = sign_flip_test(gain, rng)
    return Comparison(means["mine"].tolist(), means["theirs"].tolist(), score, p)


def decide(
    version: Version,
    kind: str,
    losses: Losses,
    measure: Measure,
    *,
    units: Mapping[str, str] | None = None,
    always: bool = False,
) -> Decision:
    """Make the version champion if it is better than the champion by more than chance.

    Others may decide at the same time. Each announces its version before it looks, puts all
    announced versions in the order of their numbers through the gate, and looks again after
    it wrote: whoever writes last has seen all others, so that the best one stands.

    Parameters
    ----------
    kind : str
        A key of `LOSS`.
    losses : mapping
        The version's losses on wells that neither trained nor chose it.
    measure : callable
        Measures a champion on wells for which no losses of it are on record.
    units : mapping, optional
        See `compare`.
    always : bool
        Promote without a comparison.
    """
    record = {"loss": LOSS[kind], "wells": dict(losses), "units": dict(units or {})}
    version.run.json(_record(version), record)
    version = registry.mark(version, registry.ALWAYS if always else registry.BETTER)
    gate = _Gate(version, kind, (losses, units or {}), measure)
    decision = gate.pass_through()
    registry.mark(version, registry.PROMOTED if decision.promoted else registry.KEPT)
    if not decision.promoted:
        registry.challenge(version)
    _publish(version, kind, decision)
    return decision


class _Gate:
    """Judges one version, and those that others announce meanwhile."""

    def __init__(
        self,
        version: Version,
        kind: str,
        own: tuple[Losses, Mapping[str, str]],
        measure: Measure,
    ) -> None:
        self.version, self.kind, self.own, self.measure = version, kind, own, measure
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
        stays = f"version {champion.number} stays"
        how = TUNED if self.kind == "classifier" else REPLACE
        targets = [version.tags.get("target", "overlap") for version in (champion, rival)]
        if targets[0] != targets[1]:
            return Decision(
                False,
                f"{stays}: its target is {targets[0]}, that of the other {targets[1]}; {how}",
            )
        losses, units = (
            self.own if rival.number == self.version.number else _recorded(rival, self.kind)
        )
        if not losses:
            return Decision(
                False,
                f"{stays}: the gate has no wells that the other was not trained on (it takes half "
                f"of the validation wells where these are {2 * GATE_UNITS} or more); {how}",
            )
        theirs, why = self._losses_of(champion, list(losses))
        found = compare(losses, theirs, units)
        if found is None:
            # What is not known of another's version is left as its own process decided.
            decided = rival.tags.get(registry.GATE) == registry.PROMOTED
            why = why or "they have no well of the gate in common"
            return Decision(decided, f"{stays}: {why}, so the two cannot be compared; {how}")
        return Decision(found.better, _sentence(self.kind, found, champion), found)

    def _losses_of(self, champion: Version, wells: list[str]) -> tuple[Losses, str]:
        """Losses of the champion on these wells; where there are none, the reason."""
        known, _ = _recorded(champion, self.kind)
        if set(wells) <= set(known):
            return {well: known[well] for well in wells}, ""
        return self.measure(champion, wells)


def _sentence(kind: str, found: Comparison, champion: Version) -> str:
    mine, other = float(np.mean(found.mine)), float(np.mean(found.theirs))
    score, units = found.difference, len(found.mine)
    text = (
        f"{LOSS[kind]} {mine:.4f} on {units} units of the gate is "
        f"{'below' if mine < other else 'not below'} the {other:.4f} of version {champion.number}"
    )
    if mine >= other:
        return text
    text += f" by {score.text(4)}"
    if not found.enough:
        return f"{text}, but {GATE_UNITS} units are needed to decide"
    return f"{text}, one-sided p {found.p:.2g} ({GATE_LEVEL:g} or less is needed)"


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
                "gate/difference": score.value,
                "gate/p": found.p,
            }
        )
        figure = paired_losses(
            found.theirs,
            found.mine,
            score,
            label=f"{LOSS[kind]} of a unit of the gate",
            verdict=f"{'better' if found.better else 'not shown to be better'}, p {found.p:.2g}",
        )
        version.run.figure("gate", figure)


def _recorded(version: Version, kind: str) -> tuple[Losses, Mapping[str, str]]:
    text = version.run.text(f"{_record(version)}.json")
    record = {} if text is None else json.loads(text)
    if record.get("loss") != LOSS[kind]:  # 0.2.0 recorded the log loss of a classifier's patches
        return {}, {}
    return record.get("wells", {}), record.get("units", {})


def on_dataset(kind: str, dataset: Dataset) -> Measure:
    """Measure versions of a model on the wells of a dataset that they have not seen."""

    def measure(champion: Version, wells: Sequence[str]) -> tuple[Losses, str]:
        scorer = registry.load_model(champion.uri)
        table = dataset.wells
        fresh = table[table["sha256"].isin(set(wells) - scorer.card.seen)]
        if dataset.parameters["patch_size"] != scorer.card.patch_size:
            return {}, f"it takes patches of {scorer.card.patch_size} pixels"
        if kind == "classifier" and not set(fresh["stimulation"]) <= set(scorer.card.classes):
            return {}, f"its classes are {', '.join(scorer.card.classes)}"
        losses = dataset_losses(scorer, dataset, fresh)
        return losses, "it has seen every well of the gate"

    return measure


def dataset_losses(scorer: Scorer, dataset: Dataset, wells: pd.DataFrame) -> Losses:
    """Losses of a model on the usable patches of these wells."""
    rows = dataset.usable(dataset.rows_of(wells))
    if not len(rows):
        return {}
    return well_losses(scorer.card.kind, evaluate(scorer, dataset, rows), wells)


def _record(version: Version) -> str:
    # By the version: a run that goes on registers another one.
    return f"gate-{version.name}-{version.number}"


def name_of(kind: str, assay: Assay) -> str:
    """Return the registered model of a new model; see `tracking.assays.name_for`."""
    plain = f"ck19-{kind}"
    name = assays.name_for(plain, assay)
    if name != plain:
        say(
            f"the champion of {plain} was made for another assay; this {kind}, made for "
            f"{told(assay)}, is registered as {name}"
        )
    return name


def champion_for(uri: str, assay: Assay) -> str:
    """Return the URI of the champion that suits an assay best; others than champions stay."""
    best = assays.best_champion(uri, assay)
    if best is None:
        return uri
    better = f"models:/{best.name}@{registry.CHAMPION}"
    say(f"{uri} was made for another assay; using {better}, made for {told(best.tags)}")
    return better
