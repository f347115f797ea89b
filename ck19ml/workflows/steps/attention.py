"""Predict wells by attention over their patches, in addition to the mean log-probability."""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.scores.classification import answer_scores, index_of
from ck19ml.core.wells import well_index
from ck19ml.networks import attention
from ck19ml.networks.architectures import feature_shape
from ck19ml.networks.card import stimulations
from ck19ml.networks.evaluation import Evaluation
from ck19ml.networks.scorer import Scorer, in_portions
from ck19ml.workflows.steps.split import Split


def with_attention(scorer: Scorer, split: Split, test: Evaluation, seed: int) -> Evaluation:
    """Train the attention model on the encoder's features, and add its predictions to a test.

    Returns
    -------
    Evaluation
        With the scores attention_well_accuracy, attention_well_log_loss and
        attention_well_calibration_error, and the columns attention_NAME of the wells.
    """
    names = stimulations(split.classes)
    known = {role: _bags(scorer, split, role) for role in ("train", "validation", "test")}
    network, mean, scale = attention.train_attention(
        *known["train"], *known["validation"], classes=len(names), seed=seed
    )
    wells, labels = known["test"]
    answers = attention.answer_wells(network, wells, mean, scale)
    # The wells stand in the order of plate and well in both.
    rng, each = np.random.default_rng(seed), index_of(test.wells["unit"])
    scores = answer_scores(answers, labels, each, rng)
    columns = {f"attention_{name}": p for name, p in zip(names, answers.T, strict=True)}
    return replace(
        test,
        scores=test.scores | {f"attention_well_{key}": score for key, score in scores.items()},
        wells=test.wells.assign(**columns),
    )


def _bags(scorer: Scorer, split: Split, role: str) -> tuple[attention.Bags, NDArray[np.intp]]:
    """Return the patches and labels of a role's wells, in the order of plate and well."""
    rows = split.rows(role)
    shape = feature_shape(scorer.encoder)
    features = in_portions(
        lambda patches: attention.pooled_features(scorer.features(patches), shape),
        partial(scorer.read, split.dataset),
        rows,
    )
    well = well_index(split.dataset.table.iloc[rows])
    labels = split.labels(rows)[np.unique(well, return_index=True)[1]]
    return attention.bags(features, well), labels
