"""Refit the best trial, evaluate it once on the test wells, and register it."""

import time
from pathlib import Path
from typing import Any

import yaml

from ck19ml.config import ClassifierConfig, TuneConfig
from ck19ml.core.splits import GATE
from ck19ml.networks.evaluation import Evaluation
from ck19ml.networks.heads import train_classifier
from ck19ml.networks.scorer import Scorer, mask_network_of
from ck19ml.networks.settings import ClassifierSettings
from ck19ml.networks.training import Fit
from ck19ml.tracking import registry
from ck19ml.tracking.runs import Run
from ck19ml.tuning import Trial
from ck19ml.workflows.progress import say
from ck19ml.workflows.reporting.captions import first_look
from ck19ml.workflows.steps.closed_form import fit_closed_form
from ck19ml.workflows.steps.finish import card
from ck19ml.workflows.steps.fit import finish_supervised
from ck19ml.workflows.steps.gate import dataset_losses
from ck19ml.workflows.steps.split import Split
from ck19ml.workflows.tuning.candidates import is_untrained, settings_of
from ck19ml.workflows.tuning.features import Material, load_material
from ck19ml.workflows.tuning.inner_folds import ROLES


def refit(
    config: TuneConfig, split: Split, run: Run, encoder_run: Run, best: Trial, folder: Path
) -> dict[str, Any]:
    """Train with the best trial's settings on all wells but the test wells; register the model.

    The gate compares the losses of a model that was fitted on the training and validation wells
    alone, on wells that neither it nor the choice of the trial has seen.

    Returns
    -------
    dict
        run, model (URI), promoted, description, look (at its figures), metrics, and the config that
        trains this model again (``champion``, YAML); JSON-like.
    """
    say(f"champion: refitting trial {best.number} on all wells but the test wells")
    started = time.monotonic()
    material = load_material(config, split, encoder_run, folder)
    losses: dict[str, float] = {}
    if split.gated:
        wells = split.wells[split.wells["role"] == GATE]
        losses |= dataset_losses(_fitted(material, best, ROLES)[0], split.dataset, wells)
    scorer, result = _fitted(material, best, split.fitted)
    settings = _settings(config, best)
    trained = finish_supervised(
        run,
        scorer,
        split,
        result,
        epochs=settings.fit.epochs,
        seed=config.seed,
        refit=True,
        losses=losses,
        always=config.promote == "always",
    )
    evaluations, known = trained.evaluations, scorer.card
    seen = settings.has_encoder and not is_untrained(best.parameters)
    again = ClassifierConfig(
        **dict(settings),
        dataset=config.dataset,
        encoder=registry.model_uri(encoder_run) if seen else None,
        architecture=config.autoencoder.architecture,
        masked=config.autoencoder.masked,
        refit=True,
        classes=split.classes,
        temperature=known.temperature,
        well_temperature=known.well_temperature,
        interaction_threshold=config.interaction_threshold,
        split=config.split,
        seed=config.seed,
    )
    seconds = time.monotonic() - started
    return {
        "run": run.id,
        "model": trained.version.uri,
        "promoted": trained.promoted,
        "description": trained.description,
        "look": first_look(trained.figures),
        "metrics": evaluations["train"].metrics("train") | evaluations["test"].metrics("test"),
        "champion": as_yaml(again, evaluations["test"], seconds),
    }


def _fitted(material: Material, best: Trial, roles: tuple[str, ...]) -> tuple[Scorer, Fit | None]:
    """Fit a trial's settings on the wells of roles, with the temperatures of its inner folds."""
    config, split = material.config, material.split
    settings, untrained = _settings(config, best), is_untrained(best.parameters)
    pooled, result = None, None
    if settings.closed_form:
        wells = material.wells(settings.source, untrained, roles)
        network = fit_closed_form(settings.closed_form, wells)
        pooled = material.pooled(untrained) if settings.has_encoder else None
    else:
        part = material.part(material.rows(roles), pixels=settings.fine_tune)
        network, result = train_classifier(
            material.encoder, part, None, settings, classes=len(split.classes), seed=config.seed
        )
    known = card(
        "classifier",
        split,
        masked=material.masked,
        seed=config.seed,
        threshold=config.interaction_threshold,
        refit=True,
    )
    known = known.changed(
        source=settings.source,
        head=settings.head.kind,
        temperature=best.notes["temperature"],
        well_temperature=best.notes["well_temperature"],
    )
    return Scorer(network, known, mask_network_of(split.dataset), pooled), result


def as_yaml(config: ClassifierConfig, test: Evaluation, seconds: float) -> str:
    """Write a config as an experiment file, whose first lines state its duration and scores."""
    wells, patches = test.scores["well_accuracy"], test.scores["accuracy"]
    return (
        "# ck19ml classifier -c champion.yaml\n"
        f"# {seconds:.0f} s where it was tuned. Test wells ({len(test.wells)}): well accuracy "
        f"{wells}, patch accuracy {patches.value:.3f}.\n"
        + yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
    )


def _settings(config: TuneConfig, best: Trial) -> ClassifierSettings:
    """Return the settings of a trial, with as many epochs as were best."""
    settings = settings_of(config, best.parameters)
    if settings.closed_form:
        return settings
    whole = settings.fit.changed(epochs=best.notes["best_epoch"])
    head = settings.head_fit and settings.head_fit.changed(epochs=best.notes["head_epochs"])
    return settings.changed(fit=whole, head_fit=head)
