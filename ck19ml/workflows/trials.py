"""The trials of a study: each one a head (or a fine-tuned network) and an MLflow run."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ck19ml.classifier import HeadSettings, Part, train_classifier
from ck19ml.config import TuneConfig
from ck19ml.core.fingerprint import fingerprint
from ck19ml.evaluation import evaluate_classifier
from ck19ml.models import Network
from ck19ml.tracking import registry, runs
from ck19ml.tracking.runs import Run
from ck19ml.training import Fit, FitSettings, Patches, predict
from ck19ml.tuning import Parameters, Report, Study
from ck19ml.workflows.gate import well_losses
from ck19ml.workflows.progress import bar, say
from ck19ml.workflows.train import card
from ck19ml.workflows.tune import MLFLOW_STATES, space_of
from ck19ml.workflows.wells import Split, load_patches


def run_trials(
    config: TuneConfig, split: Split, study: Study, parent: Run, encoder_run: Run, folder: Path
) -> int:
    """Run trials until the study has as many as the config says; returns how many were added."""
    encoder = registry.load_model(registry.model_uri(encoder_run)).encoder
    parts = encoded_parts(config, split, encoder, fingerprint(encoder_run.id), folder)
    trials = Trials(config, split, encoder, parts, parent)
    with bar("trials") as progress:
        trials.progress = lambda: progress(study.done, config.trials)
        return study.run(
            config.trials, trials.objective, space_of(config), trials, failures=config.failures
        )


def encoded_parts(
    config: TuneConfig, split: Split, encoder: Network, mark: str, folder: Path
) -> dict[str, Part]:
    """Load the training and validation patches with their features, computed once a study.

    Features are kept beside the study, so that a study that goes on does not encode again.

    Parameters
    ----------
    mark : str
        Fingerprint of the encoder.
    folder : Path
        Where the features are kept.
    """
    parts = {}
    for role in ("train", "validation"):
        rows = split.rows(role)
        patches = load_patches(split.dataset, rows, masked=config.autoencoder.masked)
        own = fingerprint(mark, split.dataset.content_hash, rows.tolist())
        features = _features(folder / f"features-{own}.npy", encoder, patches)
        parts[role] = Part(patches, split.labels(rows), features)
    return parts


def _features(path: Path, encoder: Network, patches: Patches) -> NDArray[np.float32]:
    if path.exists():
        return np.asarray(np.load(path, allow_pickle=False))
    say(f"encoding {len(patches)} patches")
    features = predict(encoder, patches)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.npy")
    np.save(partial, features, allow_pickle=False)
    partial.replace(path)
    return features


def settings_of(config: TuneConfig, parameters: Parameters) -> HeadSettings:
    """Turn a trial's parameters into the settings of its head and training."""
    fine_tune = bool(parameters["fine_tune"])
    head = FitSettings(
        epochs=config.epochs,
        batch_size=int(parameters["batch_size"]),
        learning_rate=float(parameters["learning_rate"]),
        patience=config.patience,
    )
    # The whole network at a tenth of the rate: encoder and head have both been trained.
    whole = replace(head, epochs=config.fine_tune_epochs, learning_rate=head.learning_rate / 10)
    return HeadSettings(
        units=int(parameters["units"]),
        depth=int(parameters["depth"]),
        dropout=float(parameters["dropout"]),
        normalise=bool(parameters["normalise"]),
        pooled=bool(parameters["pooled"]),
        fine_tune=fine_tune,
        class_weights=bool(parameters["class_weights"]),
        fit=whole if fine_tune else head,
        head_fit=head if fine_tune else None,
    )


@dataclass
class Trials:
    """Trains a study's trials, and writes each into a run of its own.

    Attributes
    ----------
    parts : dict of Part
        ``train`` and ``validation``, with features.
    open : dict of Run
        Runs of the trials at work.
    """

    config: TuneConfig
    split: Split
    encoder: Any
    parts: dict[str, Part]
    parent: Run
    open: dict[int, Run] = field(default_factory=dict)
    progress: Any = None

    def started(self, number: int, parameters: Parameters) -> None:
        """Open the trial's run."""
        run = runs.start_child(self.parent, f"trial-{number:03d}", "trial")
        run.tags({"ck19ml.trial": str(number)})
        run.params(parameters)
        self.open[number] = run

    def ended(self, number: int, state: str, error: str | None) -> None:
        """Close the trial's run in its true state."""
        run = self.open.pop(number)
        if error:
            run.describe(f"**{state}**: {error}")
        run.tags({"ck19ml.state": state})
        run.end(MLFLOW_STATES.get(state, "KILLED"))
        if self.progress:
            self.progress()

    def objective(
        self, number: int, parameters: Parameters, report: Report
    ) -> tuple[float, dict[str, Any]]:
        """Train a trial; its value is the validation patches' mean log loss, in nats."""
        run = self.open[number]
        curve: list[tuple[int, dict[str, float]]] = []

        def watch(epoch: int, metrics: Any) -> None:
            curve.append((epoch, dict(metrics)))
            report(epoch, metrics["validation/loss"])

        settings = settings_of(self.config, parameters)
        try:
            network, result = train_classifier(
                self.encoder,
                self.parts["train"],
                self.parts["validation"],
                settings,
                classes=len(self.split.classes),
                seed=self.config.seed,
                report=watch,
            )
        finally:
            run.curve(curve)
        run.tags({"stop_reason": result.stop_reason})
        return self._evaluate(run, network, result, settings)

    def _evaluate(
        self, run: Run, network: Network, result: Fit, settings: HeadSettings
    ) -> tuple[float, dict[str, Any]]:
        part = self.parts["validation"]
        probabilities = _predict(network, part, settings).astype(np.float64)
        rows = self.split.rows("validation")
        table = self.split.dataset.table.iloc[rows].reset_index(drop=True)
        known = card(
            "classifier",
            self.split,
            masked=self.config.autoencoder.masked,
            seed=self.config.seed,
            threshold=self.config.interaction_threshold,
        )
        evaluation = evaluate_classifier(probabilities, table, known)
        epochs = {"best_epoch": result.best_epoch, "head_epochs": result.head_epochs}
        run.metrics(evaluation.metrics("validation") | epochs)
        losses = well_losses("classifier", evaluation, self.split.wells)
        return evaluation.scores["log_loss"].value, epochs | {"losses": losses}


def _predict(network: Any, part: Part, settings: HeadSettings) -> NDArray[np.float32]:
    if settings.fine_tune:
        return predict(network, part.patches)
    # The encoder is as it was, so its features are known.
    return np.asarray(network.get_layer("head").predict(part.features, verbose=0, batch_size=4096))
