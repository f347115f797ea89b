"""Answer wells by attention over their patches, beside the mean log-probability."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.scores.calibration import calibration_error
from ck19ml.core.scores.metrics import label_scores
from ck19ml.networks import attention
from ck19ml.networks.architectures import feature_shape
from ck19ml.networks.evaluation import Evaluation
from ck19ml.networks.scorer import Scorer, stimulations
from ck19ml.workflows.steps.split import Split

AT_ONCE = 512
"""Patches that are read and encoded together."""


def with_attention(scorer: Scorer, split: Split, test: Evaluation, seed: int) -> Evaluation:
    """Train the attention model on the encoder's features, and add its answers to a test.

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
    rng, each = np.random.default_rng(seed), np.arange(len(labels))
    scores = label_scores(answers, labels, each, rng)
    scores["calibration_error"] = calibration_error(answers, labels, each, rng)
    columns = {f"attention_{name}": p for name, p in zip(names, answers.T, strict=True)}
    return replace(
        test,
        scores=test.scores | {f"attention_well_{key}": score for key, score in scores.items()},
        wells=test.wells.assign(**columns),
    )


def _bags(scorer: Scorer, split: Split, role: str) -> tuple[attention.Bags, NDArray[np.intp]]:
    """Patches and labels of a role's wells, in the order of plate and well."""
    rows = split.rows(role)
    shape = feature_shape(scorer.encoder)
    features = [
        attention.pooled_features(scorer.features(split.dataset.read(part)), shape)
        for part in np.split(rows, range(AT_ONCE, len(rows), AT_ONCE))
    ]
    table = split.dataset.table.iloc[rows]
    well = table.groupby(["plate", "well"], sort=True).ngroup().to_numpy(np.intp)
    labels = split.labels(rows)[np.unique(well, return_index=True)[1]]
    return attention.bags(np.concatenate(features), well), labels
