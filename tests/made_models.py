"""Models for the tests, with the weights that they were born with."""

from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow

from ck19ml import models, overlap_network, training
from ck19ml.mask_network import MaskCard, MaskNetwork
from ck19ml.scoring import Card, Scorer
from ck19ml.unet import build_unet
from ck19ml.workflows.wells import Split


def untrained_classifier(split: Split, **changes: Any) -> Scorer:
    """A small classifier whose card names the split's wells; changes are the card's."""
    training.seed_everything(6)
    card = replace(_card(split, "classifier"), **changes)
    encoder = models.build_encoder("compact", card.patch_size)
    head = models.build_classifier_head(
        models.feature_shape(encoder), classes=len(card.classes), units=4, depth=1,
        dropout=0.0, normalise=False, pooled=True,
    )  # fmt: skip
    return Scorer(models.join(encoder, head), card)


def untrained_autoencoder(split: Split) -> Scorer:
    """A small autoencoder."""
    training.seed_everything(6)
    network = models.build_autoencoder("compact", split.dataset.parameters["patch_size"])
    return Scorer(network, _card(split, "autoencoder"))


def untrained_regressor(split: Split) -> Scorer:
    """A regressor without an encoder."""
    training.seed_everything(6)
    size = split.dataset.parameters["patch_size"]
    return Scorer(overlap_network.build_overlap_network(size), _card(split, "regressor"))


def untrained_masks() -> MaskNetwork:
    """A small mask network."""
    training.seed_everything(6)
    card = MaskCard("compact", "truth", 192, 255, 12, {}, seed=6, software="ck19ml 0")
    return MaskNetwork(build_unet("compact", filters=2), card)


def _card(split: Split, kind: str) -> Card:
    return Card(
        kind=kind,
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


def save_model(scorer: Scorer | MaskNetwork, folder: Path) -> None:
    """Write an MLflow model folder, which is a model's URI too: a registry takes longer."""
    with TemporaryDirectory() as place:
        mlflow.pyfunc.save_model(
            path=folder,
            loader_module=type(scorer).__module__,
            data_path=str(scorer.save(Path(place) / "scorer")),
            pip_requirements=[],
        )
