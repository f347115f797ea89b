"""The score of a patch in a screen: how strongly the cells interact, according to a model."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.scores.metrics import SMALLEST_PROBABILITY
from ck19ml.errors import ConfigError
from ck19ml.networks.card import Card
from ck19ml.networks.evaluation import require_fitting
from ck19ml.networks.scorer import Progress, Scorer, in_portions
from ck19ml.plates.dataset.store import Dataset

UNSTIMULATED = "Unstimulated"
"""The field's word for wells without a stimulus; few wells' mean overlap may say otherwise."""


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
    """

    target: str
    reference: str
    label: str
    percent: bool


def score_meaning(card: Card, target: str) -> ScoreMeaning:
    """Choose the stimulations that a score lies between.

    The reference is the class ``Unstimulated``, or without one the class with the lowest mean
    overlap in the training wells; the target is the one with the highest unless it is given.

    Raises
    ------
    ConfigError
        If the model is neither a classifier nor a regressor, or the target is not a class, is the
        reference or is given to a regressor.
    """
    if card.kind not in ("classifier", "regressor"):
        raise ConfigError(
            f"the {card.kind} of {card.dataset['name']} gives no score; use a classifier or a "
            "regressor, or write its features with 'ck19ml features'"
        )
    overlap = dict(zip(card.classes, card.rules.class_overlap, strict=True))
    names = sorted(card.stimulations, key=lambda name: overlap[name])
    names.sort(key=lambda name: name != UNSTIMULATED)  # the others stay in their order
    reference, strongest = names[0], target or names[-1]
    if card.kind == "regressor":
        if target:
            raise ConfigError(
                f"a regressor takes no target, but '{target}' was given; its score is the overlap"
            )
        return ScoreMeaning(strongest, reference, "predicted overlap (IoU, %)", True)
    if strongest not in names[1:]:
        raise ConfigError(
            f"the target '{strongest}' is not one of {', '.join(names[1:]) or 'no class'}; the "
            f"score is its log-odds against {reference}"
        )
    label = f"log-odds of {strongest}\nagainst {reference} (nats)"
    return ScoreMeaning(strongest, reference, label, False)


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
        faulty patches.

    Raises
    ------
    PlateError
        If the dataset's patches are not like the model's.
    """
    require_fitting(dataset, scorer.card)
    rows = dataset.usable()
    scores = np.full(len(dataset.table), np.nan)
    outputs = in_portions(scorer.predict_patches, partial(scorer.read, dataset), rows, progress)
    scores[rows] = _scores(outputs, scorer.card, meaning)
    return scores


def _scores(
    outputs: NDArray[np.floating], card: Card, meaning: ScoreMeaning
) -> NDArray[np.float64]:
    if card.kind == "regressor":
        return outputs[:, 0].astype(np.float64)
    logs = np.log(np.clip(outputs.astype(np.float64), SMALLEST_PROBABILITY, 1.0))
    target, reference = (card.classes.index(n) for n in (meaning.target, meaning.reference))
    return np.asarray(logs[:, target] - logs[:, reference])
