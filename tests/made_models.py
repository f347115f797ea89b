"""Models for the tests, with the weights that they were born with."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow

from ck19ml.networks import architectures, overlap, training
from ck19ml.networks.mask_model import MaskCard, MaskNetwork
from ck19ml.networks.scorer import Card, Scorer
from ck19ml.networks.unet import build_unet
from ck19ml.workflows.steps.split import Split


def untrained_classifier(split: Split, **changes: Any) -> Scorer:
    """A small classifier whose card names the split's wells; changes are the card's."""
    training.seed_everything(6)
    card = _card(split, "classifier").changed(**changes)
    encoder = architectures.build_encoder("compact", card.patch_size)
    head = architectures.build_classifier_head(
        architectures.feature_shape(encoder), classes=len(card.classes), units=4, depth=1,
        dropout=0.0, normalise=False, pooled=True,
    )  # fmt: skip
    return Scorer(architectures.join(encoder, head), card)


def untrained_autoencoder(split: Split) -> Scorer:
    """A small autoencoder."""
    training.seed_everything(6)
    network = architectures.build_autoencoder("compact", split.dataset.parameters["patch_size"])
    return Scorer(network, _card(split, "autoencoder"))


def untrained_regressor(split: Split) -> Scorer:
    """A regressor without an encoder."""
    training.seed_everything(6)
    size = split.dataset.parameters["patch_size"]
    return Scorer(overlap.build_overlap_network(size), _card(split, "regressor"))


def untrained_masks() -> MaskNetwork:
    """A small mask network."""
    training.seed_everything(6)
    card = MaskCard(architecture="compact", target="truth", wells={}, seed=6, software="ck19ml 0")
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
        baselines=split.baselines("train"),
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
