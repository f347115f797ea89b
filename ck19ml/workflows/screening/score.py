"""The score of a patch in a screen: how strongly the cells interact, according to a model."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.scores.baselines import well_measures
from ck19ml.core.scores.metrics import SMALLEST_PROBABILITY
from ck19ml.core.wells import well_index
from ck19ml.errors import ConfigError
from ck19ml.networks.card import Card
from ck19ml.networks.evaluation import require_fitting
from ck19ml.networks.scorer import Progress, Scorer, in_portions
from ck19ml.plates.dataset.store import Dataset

REFERENCES = ("unstimulated", "untreated", "vehicle", "dmso", "control", "medium", "mock", "none")
"""Words for the class without a stimulus, the most certain first."""


@dataclass(frozen=True)
class ScoreMeaning:
    """Meaning of a model's score.

    Attributes
    ----------
    target, reference : str
        The stimulations of the strongest and of no interaction.
    label : str
        Name of the score with its unit.
    percent : bool
        Whether it is a fraction.
    of_wells : bool
        Whether the model answers wells as a whole; otherwise a well's score is the mean of those of
        its usable patches.
    """

    target: str
    reference: str
    label: str
    percent: bool
    of_wells: bool = False


def score_meaning(card: Card, target: str, reference: str = "") -> ScoreMeaning:
    """Choose the stimulations that a score lies between.

    Unless they are given, the reference is the class whose name is one of `REFERENCES` and the
    target the one with the highest mean overlap in the training wells.

    Raises
    ------
    ConfigError
        If the model is neither a classifier nor a regressor; if no class is clearly the reference,
        or the given one is no class; if the target is not another class or is given to a
        regressor.
    """
    if card.kind not in ("classifier", "regressor"):
        raise ConfigError(
            f"the {card.kind} of {card.dataset['name']} gives no score; use a classifier or a "
            "regressor, or write its features with 'ck19ml features'"
        )
    overlap = dict(zip(card.classes, card.rules.class_overlap, strict=True))
    reference = _reference(card.stimulations, reference)
    names = [n for n in sorted(card.stimulations, key=overlap.__getitem__) if n != reference]
    strongest = target or (names[-1] if names else reference)
    if card.kind == "regressor":
        if target:
            raise ConfigError(
                f"a regressor takes no target, but '{target}' was given; its score is the overlap"
            )
        return ScoreMeaning(strongest, reference, "predicted overlap (IoU, %)", True)
    if strongest not in names:
        raise ConfigError(
            f"the target '{strongest}' is not one of {', '.join(names) or 'no class'}; the "
            f"score is its log-odds against {reference}"
        )
    label = f"log-odds of {strongest}\nagainst {reference} (nats)"
    return ScoreMeaning(strongest, reference, label, False, card.closed_form)


def _reference(names: Sequence[str], given: str) -> str:
    if given:
        if given not in names:
            raise ConfigError(
                f"the model does not know the reference '{given}'; choose one of {', '.join(names)}"
            )
        return given
    for word in REFERENCES:
        found = [name for name in names if name.casefold().strip() == word]
        found = found or [name for name in names if word in re.split(r"\W+", name.casefold())]
        if len(found) == 1:
            return found[0]
    raise ConfigError(
        f"it is not clear which of {', '.join(names)} is the reference without a stimulus; name it "
        f"by --reference '{names[0]}'"
    )


def logistic_scores(card: Card, patches: pd.DataFrame, meaning: ScoreMeaning) -> "pd.Series[float]":
    """Return the log-odds of each well by the logistic baseline, indexed by plate and well.

    The difference of the logits of target and reference, in nats; empty where the model has no
    such baseline or it does not know both classes.
    """
    rule = card.rules.logistic
    known = [card.classes[index] for index in rule.classes] if rule else []
    if (
        rule is None
        or card.kind != "classifier"
        or not {meaning.target, meaning.reference} <= {*known}
    ):
        return pd.Series(dtype=np.float64)
    table = patches[~patches["faulty"].to_numpy(bool)]
    logits = rule.logits(well_measures(table))
    index = table.groupby(["plate", "well"], sort=True).size().index
    first, second = known.index(meaning.target), known.index(meaning.reference)
    return pd.Series(logits[:, first] - logits[:, second], index)


def patch_scores(
    scorer: Scorer,
    dataset: Dataset,
    meaning: ScoreMeaning,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """Score every usable patch of a dataset.

    Returns
    -------
    ndarray, (n,)
        A classifier's log p(target) - log p(reference) in nats, a regressor's overlap; NaN for
        faulty patches. A model that answers wells as a whole gives the patches of a well one score.

    Raises
    ------
    PlateError
        If the dataset's patches are not like the model's.
    """
    card = scorer.card
    require_fitting(dataset, card)
    rows = dataset.usable()
    scores = np.full(len(dataset.table), np.nan)
    answer = scorer.outputs if meaning.of_wells else scorer.predict_patches
    outputs = in_portions(answer, partial(scorer.read, dataset), rows, progress)
    if card.kind == "regressor":
        scores[rows] = outputs[:, 0]
        return scores
    if meaning.of_wells:
        well = well_index(dataset.table.iloc[rows])
        logs = scorer.evidence(outputs, well)[well]
    else:
        logs = np.log(np.clip(outputs.astype(np.float64), SMALLEST_PROBABILITY, 1.0))
    target, reference = (card.classes.index(n) for n in (meaning.target, meaning.reference))
    scores[rows] = logs[:, target] - logs[:, reference]
    return scores
