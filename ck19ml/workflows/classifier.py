"""Train a classifier on an encoder in a tracked run."""

from typing import Any

import numpy as np

from ck19ml.config import ClassifierConfig
from ck19ml.core.scores.classification import fit_temperatures
from ck19ml.networks.batches import load_patches
from ck19ml.networks.checkpoint import Checkpoint
from ck19ml.networks.evaluation import evaluate
from ck19ml.networks.heads import Part, encode, train_classifier
from ck19ml.networks.scorer import Scorer, mask_network_of
from ck19ml.networks.training import Fit
from ck19ml.plates.dataset.store import open_dataset
from ck19ml.tracking import runs
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.steps.closed_form import closed_form_of
from ck19ml.workflows.steps.finish import card, outcome
from ck19ml.workflows.steps.fit import (
    find_encoder,
    finish_supervised,
    fit_with_bar,
    part_of,
    training_checkpoint,
)
from ck19ml.workflows.steps.resume import repair_runs
from ck19ml.workflows.steps.split import Split, split_dataset


def classifier_command(config: ClassifierConfig) -> Outcome:
    """Train a classifier with fixed settings and register it."""
    dataset = open_dataset(config.dataset)
    split = split_dataset(
        dataset, config.split, config.classes, faulty_class=config.faulty_class, fewest=2
    )
    encoder = find_encoder(config, split) if config.has_encoder else None
    kind = "fine-tuned" if config.fine_tune else "frozen"
    kind = f"{config.head.kind} on {config.source}" if config.closed_form else kind
    repair_runs()
    with runs.start(f"classifier {kind}", "classifier", config.model_dump(mode="json")) as run:
        kept = training_checkpoint("classifier", config, split, encoder)
        scorer, result = classifier_of(config, split, encoder, kept)
        trained = finish_supervised(
            run,
            scorer,
            split,
            result,
            epochs=config.fit.epochs,
            seed=config.seed,
            refit=config.refit,
            # A model trained on the validation wells has no losses that the gate could compare.
            losses={} if config.refit else None,
        )
        kept.remove()
    return outcome(trained)


def classifier_of(
    config: ClassifierConfig, split: Split, encoder: Any, checkpoint: Checkpoint | None = None
) -> tuple[Scorer, Fit | None]:
    """Train a classifier on an encoder and calibrate it on the validation wells.

    Returns
    -------
    scorer : Scorer
    fit : Fit, or None
        A closed form is not trained step by step; it is calibrated on inner folds.
    """
    if config.closed_form:
        scorer = closed_form_of(
            config,
            split,
            encoder,
            masked=config.masked,
            seed=config.seed,
            threshold=config.interaction_threshold,
            refit=config.refit,
        )
        return _with_temperatures(scorer, config.temperature, config.well_temperature), None
    train, held_out = _classifier_parts(encoder, split, config)
    network, result = fit_with_bar(
        train_classifier,
        "classifier",
        encoder,
        (train, held_out),
        config,
        classes=len(split.classes),
        seed=config.seed,
        checkpoint=checkpoint,
    )
    known = card(
        "classifier",
        split,
        masked=config.masked,
        seed=config.seed,
        threshold=config.interaction_threshold,
        refit=config.refit,
    )
    scorer = Scorer(network, known, mask_network_of(split.dataset))
    return calibrated(scorer, split, config), result


def calibrated(scorer: Scorer, split: Split, config: ClassifierConfig) -> Scorer:
    """Set a classifier's temperatures: those of the config, or fitted on the validation wells."""
    first, second = config.temperature, config.well_temperature
    if not config.refit and (first is None or second is None):
        rows = split.rows("validation", faulty=split.faulty_class)
        found = evaluate(scorer, split.dataset, rows)
        fitted = fit_temperatures(found.patches, found.wells, split.classes)
        first, second = first or fitted[0], second or fitted[1]
    return _with_temperatures(scorer, first or 1.0, second or 1.0)


def _with_temperatures(scorer: Scorer, first: float | None, second: float | None) -> Scorer:
    known = scorer.card
    return scorer.changed(
        temperature=first or known.temperature,
        well_temperature=second or known.well_temperature,
    )


def _classifier_parts(
    encoder: Any, split: Split, config: ClassifierConfig
) -> tuple[Part, Part | None]:
    if not config.refit:
        train, held_out = (
            part_of(split, role, config, labels=True) for role in ("train", "validation")
        )
        return train, held_out
    roles = split.fitted
    features = None
    if config.encoder is not None:
        # Encoded separately, as in the tuning: batches affect the last digits.
        each_role = [part_of(split, role, config, labels=True) for role in roles]
        parts = [encode(encoder, part).features for part in each_role]
        features = np.concatenate([each for each in parts if each is not None])
    every = np.concatenate([split.rows(role, faulty=split.faulty_class) for role in roles])
    patches = load_patches(
        split.dataset, every, masked=config.masked, memory_gb=config.fit.memory_gb
    )
    return Part(patches, split.labels(every), features), None
