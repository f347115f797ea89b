"""Refit the best trial, evaluate it once on the test wells, and register it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ck19ml import plots
from ck19ml.classifier import HeadSettings, Part, train_classifier
from ck19ml.config import RegressorConfig, TuneConfig
from ck19ml.core.fingerprint import fingerprint
from ck19ml.evaluation import evaluate
from ck19ml.scoring import Scorer
from ck19ml.tracking import registry, runs
from ck19ml.tracking.runs import Run
from ck19ml.training import Patches
from ck19ml.tuning import Trial
from ck19ml.workflows.figures import classifier_figures, umap_figure
from ck19ml.workflows.progress import say
from ck19ml.workflows.supervised import regressor_step
from ck19ml.workflows.trained import card, finish, log_fit
from ck19ml.workflows.trials import encoded_parts, settings_of
from ck19ml.workflows.wells import Split


def refit(
    config: TuneConfig, split: Split, run: Run, encoder_run: Run, best: Trial, folder: Path
) -> dict[str, Any]:
    """Train the best trial's settings on training and validation wells, and register the model.

    The gate compares the trial as it was before it saw the validation wells.

    Returns
    -------
    dict
        run, model (URI), promoted, description and the test metrics, JSON-like.
    """
    say(f"champion: refitting trial {best.number} on training and validation wells")
    encoder = registry.load_model(registry.model_uri(encoder_run)).encoder
    _train_regressor(config, split, encoder, encoder_run)
    parts = encoded_parts(config, split, encoder, fingerprint(encoder_run.id), folder)
    settings = _settings(config, best)
    network, result = train_classifier(
        encoder,
        joined(parts["train"], parts["validation"]),
        None,
        settings,
        classes=len(split.classes),
        seed=config.seed,
    )
    known = card(
        "classifier",
        split,
        masked=config.autoencoder.masked,
        seed=config.seed,
        threshold=config.interaction_threshold,
        refit=True,
    )
    scorer = Scorer(network, known)
    log_fit(run, result, settings.fit.epochs)
    evaluations = {
        "train": evaluate(scorer, split.dataset, split.rows("train", "validation")),
        "test": evaluate(scorer, split.dataset, split.rows("test")),
    }
    figures = classifier_figures(evaluations["test"], split.classes)
    figures |= {"learning_curves": plots.learning_curves(result.history)}
    figures |= umap_figure(scorer, split.dataset, split.rows("test"), config.seed)
    trained = finish(
        run,
        scorer,
        split,
        evaluations,
        figures,
        losses=best.notes["losses"],
        always=config.promote == "always",
    )
    return {
        "run": run.id,
        "model": trained.version.uri,
        "promoted": trained.promoted,
        "description": trained.description,
        "metrics": evaluations["train"].metrics("train") | evaluations["test"].metrics("test"),
    }


def joined(train: Part, validation: Part) -> Part:
    """Put two parts together."""
    return Part(
        Patches(
            _both(train.patches.raw, validation.patches.raw),
            _both(train.patches.masks, validation.patches.masks),
        ),
        _both(train.targets, validation.targets),
        _both(train.features, validation.features),
    )


def _both(first: Any, second: Any) -> Any:
    return None if first is None or second is None else np.concatenate([first, second])


def _settings(config: TuneConfig, best: Trial) -> HeadSettings:
    settings = settings_of(config, best.parameters)
    whole = replace(settings.fit, epochs=best.notes["best_epoch"])
    head = settings.head_fit and replace(settings.head_fit, epochs=best.notes["head_epochs"])
    return replace(settings, fit=whole, head_fit=head)


def _train_regressor(config: TuneConfig, split: Split, encoder: Any, encoder_run: Run) -> None:
    settings = RegressorConfig(
        dataset=config.dataset,
        encoder=registry.model_uri(encoder_run),
        architecture=config.autoencoder.architecture,
        masked=config.autoencoder.masked,
        fit=config.regressor_fit,
        interaction_threshold=config.interaction_threshold,
        split=config.split,
        seed=config.seed,
    )
    mark = fingerprint("regressor", settings.model_dump(mode="json"), split.fingerprints(),
                       split.dataset.content_hash)  # fmt: skip
    if runs.find_finished(mark, "regressor") is None:
        regressor_step(settings, split, encoder, mark)
