"""Models for the tests, with the weights that they were born with."""

from dataclasses import asdict, replace
from typing import Any

from ck19ml import models, training
from ck19ml.scoring import Card, Scorer
from ck19ml.workflows.wells import Split


def untrained_classifier(split: Split, **changes: Any) -> Scorer:
    """A small classifier whose card names the split's wells."""
    training.seed_everything(6)
    encoder = models.build_encoder("compact", 192)
    head = models.build_classifier_head(
        models.feature_shape(encoder), classes=3, units=4, depth=1, dropout=0.0,
        normalise=False, pooled=True,
    )  # fmt: skip
    card = Card(
        kind="classifier",
        classes=split.classes,
        masked=False,
        interaction_threshold=0.2,
        wells=split.fingerprints(),
        dataset={"name": "tiny", "content_hash": split.dataset.content_hash},
        seed=6,
        software="ck19ml 0",
        baselines=asdict(split.baselines("train")),
        **split.dataset.parameters,
    )
    return Scorer(models.join(encoder, head), replace(card, **changes))
