"""Which version of a registered model is the champion."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ck19ml.evaluation import Evaluation, evaluate, rows_of
from ck19ml.plates.store import Dataset
from ck19ml.scoring import Scorer
from ck19ml.tracking import registry
from ck19ml.tracking.registry import Version
from ck19ml.workflows.progress import say

LOSS = {"autoencoder": "bce", "classifier": "log loss", "regressor": "squared error"}


@dataclass(frozen=True)
class Decision:
    """Whether a version became champion, and the sentence that says why."""

    promoted: bool
    reason: str


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


def decide(
    version: Version,
    kind: str,
    losses: Mapping[str, float],
    dataset: Dataset,
    *,
    always: bool = False,
) -> Decision:
    """Make the version champion if it beats the champion on the same validation wells.

    Parameters
    ----------
    losses : mapping
        The version's loss on its validation wells, before it saw any of them.
    always : bool
        Promote without a comparison.
    """
    champion = registry.champion(version.name)
    if champion is None:
        decision = Decision(True, "there was no champion")
    elif always:
        decision = Decision(True, f"promoted without comparison to version {champion.number}")
    else:
        decision = _compare(champion, version, kind, losses, dataset)
    version.run.json(_record(version), {"loss": LOSS[kind], "wells": dict(losses)})
    if decision.promoted:
        registry.promote(version)
    else:
        registry.challenge(version)
    verdict = "champion" if decision.promoted else "challenger"
    say(f"{version.name} version {version.number}: {verdict}, {decision.reason}")
    return decision


def _compare(
    champion: Version, version: Version, kind: str, losses: Mapping[str, float], dataset: Dataset
) -> Decision:
    if kind == "autoencoder" and champion.tags.get("masked") != version.tags.get("masked"):
        return Decision(
            False,
            f"version {champion.number} stays: of the two one sees masked images, which are easier "
            "to reconstruct; set promote to always to replace it",
        )
    theirs, why = _losses_of(champion, kind, list(losses), dataset)
    common = sorted(set(losses) & set(theirs))
    if not common:
        return Decision(
            False,
            f"version {champion.number} stays: {why}, so the two cannot be compared; set promote "
            "to always to replace it",
        )
    mine = float(np.mean([losses[well] for well in common]))
    other = float(np.mean([theirs[well] for well in common]))
    sign = "below" if mine < other else "not below"
    return Decision(
        mine < other,
        f"{LOSS[kind]} {mine:.4f} on {len(common)} validation wells is {sign} the "
        f"{other:.4f} of version {champion.number}",
    )


def _losses_of(
    champion: Version, kind: str, wells: list[str], dataset: Dataset
) -> tuple[dict[str, float], str]:
    """Losses of the champion on these wells; where there are none, the reason."""
    text = champion.run.text(f"{_record(champion)}.json")
    known: dict[str, float] = {} if text is None else json.loads(text)["wells"]
    if set(wells) <= set(known):
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
    rows = rows_of(dataset, wells)
    rows = rows[~dataset.table["faulty"].to_numpy(bool)[rows]]
    return well_losses(kind, evaluate(scorer, dataset, rows), wells) if len(rows) else {}


def _record(version: Version) -> str:
    # By the version: a run that goes on registers another one.
    return f"gate-{version.name}-{version.number}"
