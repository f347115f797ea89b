"""A small tuning in several calls, and what stood in the store after each."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from numpy.typing import NDArray

from ck19ml.config import ClassifierConfig, SpaceConfig, TuneConfig, load_config
from ck19ml.networks.scorer import Card
from ck19ml.networks.settings import AutoencoderSettings, FitSettings
from ck19ml.tracking import registry
from ck19ml.tracking.runs import Run
from ck19ml.workflows.classifier import classifier_command
from ck19ml.workflows.reporting.scores import from_rows
from ck19ml.workflows.tuning import inner_folds

CHAMPION = "models:/ck19-classifier@champion"
KINDS = ("tune", "prepare", "autoencoder", "trial")
FIRST = {
    "head": "softmax", "units": 32, "depth": 1, "dropout": 0.0, "normalise": False, "pooled": False,
    "learning_rate": 0.001, "batch_size": 32, "class_weights": False, "fine_tune": True,
}  # fmt: skip


def config_of(plate: Path, folder: Path, number: int) -> TuneConfig:
    return TuneConfig(
        plate=plate,
        dataset=folder / "plate.zarr",
        autoencoder=AutoencoderSettings(fit=FitSettings(epochs=1, batch_size=16, least_steps=1)),
        trials=number,
        # The first trial trains the encoder too, the others are heads on stored features.
        first=FIRST,
        space=SpaceConfig(head=["softmax"], fine_tune=[True, False], units=[16, 32], depth=[1]),
        epochs=2,
        fine_tune_epochs=1,
    )


@dataclass
class Chapter:
    """What stood in the store after one call of the command."""

    outcome: dict[str, Any]
    kinds: dict[str, int]
    versions: dict[str, int]
    parents: list[str]
    parent_state: str
    states: list[str]
    parameters: list[dict[str, str]]
    values: list[float | None]


@dataclass
class Story:
    """A tuning in several calls, and the models that came of it."""

    chapters: dict[str, Chapter] = field(default_factory=dict)
    encoder: list[NDArray[Any]] = field(default_factory=list)
    champion: list[NDArray[Any]] = field(default_factory=list)
    cards: dict[str, Card] = field(default_factory=dict)
    logged: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, list[str]] = field(default_factory=dict)
    evaluated: dict[str, Any] = field(default_factory=dict)
    split: dict[str, list[str]] = field(default_factory=dict)
    again: dict[str, Any] = field(default_factory=dict)
    again_weights: list[NDArray[Any]] = field(default_factory=list)
    artifacts: set[str] = field(default_factory=set)


def look(outcome: dict[str, Any]) -> Chapter:
    client = MlflowClient()
    every = list(client.search_runs(["0"]))
    counts = Counter(run.data.tags.get("ck19ml.kind") for run in every)
    parents = [run for run in every if run.data.tags.get("ck19ml.kind") == "tune"]
    parent = parents[0].info.run_id
    query = f"tags.`mlflow.parentRunId` = '{parent}' and tags.`ck19ml.kind` = 'trial'"
    found = client.search_runs(["0"], query, order_by=["attributes.start_time ASC"])
    models = client.search_registered_models()
    versions = {
        model.name: len(client.search_model_versions(f"name = '{model.name}'")) for model in models
    }
    return Chapter(
        outcome,
        {kind: counts[kind] for kind in KINDS},
        versions,
        [run.info.run_id for run in parents],
        parents[0].info.status,
        [run.info.status for run in found],
        [run.data.params for run in found],
        [run.data.metrics.get("validation/log_loss") for run in found],
    )


def remember_models(story: Story, parent: Run) -> None:
    encoder_run = parent.tag("ck19ml.autoencoder_run")
    assert encoder_run is not None
    autoencoder = registry.load_model(registry.model_uri(Run(encoder_run)))
    champion = registry.load_model(CHAMPION)
    story.encoder = autoencoder.encoder.get_weights()
    story.champion = champion.network.get_weights()
    story.cards = {scorer.card.kind: scorer.card for scorer in (autoencoder, champion)}
    story.logged = parent.logged | from_rows(pd.read_csv(parent.download("scores.csv")))
    every = MlflowClient().search_runs(["0"])
    story.metrics = {
        f"{run.info.run_name} {run.info.run_id[:6]}": sorted(
            name for name in run.data.metrics if not name.startswith("system/")
        )
        for run in every
    }


def train_again(story: Story, parent: Run, folder: Path) -> None:
    """Train the champion once more by the config that lies beside it."""
    path = folder / "champion.yaml"
    path.write_text(parent.text("champion.yaml") or "")
    config = load_config(ClassifierConfig, path, [])
    story.again = classifier_command(config).data
    story.again_weights = registry.load_model(story.again["model"]).network.get_weights()
    found = MlflowClient().list_artifacts(parent.id, "figures")
    story.artifacts = {Path(each.path).stem for each in found}


def interrupt_at(call: int) -> Any:
    """Train as always, but be interrupted in one call."""
    real, calls = inner_folds.train_classifier, [0]

    def train(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == call:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    return train
