"""The trials of a study: each trains a head or a fine-tuned network in its own run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ck19ml.config import TuneConfig
from ck19ml.core.scores.classification import fit_temperatures
from ck19ml.core.splits import GATE
from ck19ml.errors import Ck19Error, TrialFailed
from ck19ml.networks.architectures import Network
from ck19ml.networks.evaluation import Evaluation, evaluate_classifier
from ck19ml.networks.heads import Part, train_classifier
from ck19ml.networks.settings import ClassifierSettings, FitSettings, HeadSettings
from ck19ml.networks.training import Fit, predict, predict_features
from ck19ml.tracking import trial_runs
from ck19ml.tracking.runs import Run
from ck19ml.tuning import Parameters, Report
from ck19ml.workflows.steps.finish import card
from ck19ml.workflows.steps.gate import well_losses
from ck19ml.workflows.tuning.features import Material

HEAD = ("units", "depth", "dropout", "normalise", "pooled")
"""Parameters of a trial that are its head's."""

EXHAUSTED = ("ResourceExhaustedError", "OutOfMemoryError", "XlaRuntimeError")
"""Names that the backends of Keras give to a lack of memory."""


def settings_of(config: TuneConfig, parameters: Parameters) -> ClassifierSettings:
    """Make the settings of a trial from its parameters."""
    fine_tune = parameters["fine_tune"]
    head = FitSettings(
        epochs=config.epochs,
        batch_size=parameters["batch_size"],
        learning_rate=parameters["learning_rate"],
        patience=config.patience,
        least_steps=config.autoencoder.fit.least_steps,
    )
    # The whole network trains at a tenth of the rate, as encoder and head are already trained.
    whole = head.changed(epochs=config.fine_tune_epochs, learning_rate=head.learning_rate / 10)
    return ClassifierSettings(
        head=HeadSettings(**{name: parameters[name] for name in HEAD}),
        fine_tune=fine_tune,
        class_weights=parameters["class_weights"],
        fit=whole if fine_tune else head,
        head_fit=head if fine_tune else None,
    )


@dataclass
class Trials:
    """Trains the trials of a study, each in its own run.

    Attributes
    ----------
    open : dict of Run
        Runs of the trials in progress.
    """

    config: TuneConfig
    material: Material
    parent: Run
    open: dict[int, Run] = field(default_factory=dict)
    progress: Callable[[], None] | None = None

    def started(self, number: int, parameters: Parameters) -> None:
        """Open the run of a trial."""
        self.open[number] = trial_runs.start_trial(self.parent, number, parameters)

    def ended(self, number: int, state: str, error: str | None) -> None:
        """Close the run of a trial in its true state."""
        run = self.open.pop(number, None)
        if run is not None:  # None if the server was lost before the run was made
            trial_runs.end_trial(run, state, error)
        if self.progress:
            self.progress()

    def objective(
        self, number: int, parameters: Parameters, report: Report
    ) -> tuple[float, dict[str, Any]]:
        """Train a trial; its value is the mean log loss of the validation patches, in nats."""
        run = self.open[number]
        curve: list[tuple[int, dict[str, float]]] = []

        def watch(epoch: int, metrics: Any) -> None:
            curve.append((epoch, dict(metrics)))
            report(epoch, metrics["validation/loss"])

        settings = settings_of(self.config, parameters)
        tags: dict[str, str] = {}
        try:
            network, result = self._train(settings, watch)
            value, notes, metrics = self._evaluate(network, result, settings)
            curve.append((0, metrics))
            tags["stop_reason"] = result.stop_reason
        finally:  # all at once, as a short trial takes less time than several requests
            run.curve(curve, tags)
        return value, notes

    def _train(self, settings: ClassifierSettings, watch: Any) -> tuple[Network, Fit]:
        """Train; errors caused by the parameters fail the trial and not the study."""
        try:
            return train_classifier(
                self.material.encoder,
                self.material.part("train", pixels=settings.fine_tune),
                self.material.part("validation", pixels=settings.fine_tune),
                settings,
                classes=len(self.material.split.classes),
                seed=self.config.seed,
                report=watch,
            )
        except Ck19Error:
            raise
        except (ValueError, ArithmeticError) as error:
            raise TrialFailed(_sentence(error)) from error
        except Exception as error:
            if type(error).__name__ in EXHAUSTED:
                raise TrialFailed(f"out of memory: {_sentence(error)}") from error
            raise

    def _evaluate(
        self, network: Network, result: Fit, settings: ClassifierSettings
    ) -> tuple[float, dict[str, Any], dict[str, float]]:
        """Return the value, the notes and the metrics of a trained trial."""
        split = self.material.split
        evaluation = self._score(network, settings, "validation")
        epochs = {"best_epoch": result.best_epoch, "head_epochs": result.head_epochs}
        first, second = fit_temperatures(evaluation.patches, evaluation.wells, split.classes)
        losses = {}
        if split.gated:  # wells that do not choose the trial
            at_gate = self._score(network, settings, GATE)
            losses = well_losses("classifier", at_gate, split.wells)
        notes = epochs | {"losses": losses, "temperature": first, "well_temperature": second}
        return evaluation.scores["log_loss"].value, notes, evaluation.metrics("validation") | epochs

    def _score(self, network: Network, settings: ClassifierSettings, role: str) -> Evaluation:
        split = self.material.split
        part = self.material.part(role, pixels=settings.fine_tune)
        known = card(
            "classifier",
            split,
            masked=self.config.autoencoder.masked,
            seed=self.config.seed,
            threshold=self.config.interaction_threshold,
        )
        table = split.dataset.with_counts(split.rows(role))
        return evaluate_classifier(
            _predict(network, part, settings).astype(np.float64), table, known
        )


def _predict(network: Any, part: Part, settings: ClassifierSettings) -> NDArray[np.float32]:
    if settings.fine_tune:
        return predict(network, part.patches)
    assert part.features is not None  # noqa: S101 (known for a frozen encoder)
    return predict_features(network.get_layer("head"), part.features)


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
