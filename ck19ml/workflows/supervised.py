"""Train a classifier or a regressor on an encoder as a tracked run."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ck19ml import models, plots
from ck19ml.checkpoint import Checkpoint
from ck19ml.classifier import (
    HeadSettings,
    Part,
    RegressorSettings,
    encode,
    train_classifier,
    train_regressor,
)
from ck19ml.config import ClassifierConfig, RegressorConfig
from ck19ml.core.classification import fit_temperatures
from ck19ml.core.interaction import SLIDES_THRESHOLD, best_call
from ck19ml.errors import ConfigError
from ck19ml.evaluation import evaluate
from ck19ml.plates.store import open_dataset
from ck19ml.scoring import Scorer, mask_network_of
from ck19ml.tracking import registry, runs
from ck19ml.tracking.runs import Run
from ck19ml.training import Fit, seed_everything
from ck19ml.workflows.attention import with_attention
from ck19ml.workflows.data import Outcome
from ck19ml.workflows.figures import (
    classifier_figures,
    curve_of,
    regressor_figures,
    umap_figure,
)
from ck19ml.workflows.progress import bar
from ck19ml.workflows.repair import repair_runs
from ck19ml.workflows.resume import checkpoint_of, weights_mark
from ck19ml.workflows.trained import (
    Trained,
    card,
    finish,
    fit_settings,
    log_fit,
    outcome,
)
from ck19ml.workflows.wells import SAME_WELLS, Split, load_patches, split_dataset

REFIT_ROLES = {"train": ("train", "validation"), "test": ("test",)}
"""What the scores of a model are called that was trained on the validation wells too."""


def classifier_command(config: ClassifierConfig) -> Outcome:
    """Train a classifier with fixed settings, and register it."""
    dataset = open_dataset(config.dataset)
    split = split_dataset(
        dataset, config.split, config.classes, faulty_class=config.faulty_class, fewest=2
    )
    encoder = find_encoder(config, split)
    kind = "fine-tuned" if config.fine_tune else "frozen"
    repair_runs()
    with runs.start(f"classifier {kind}", "classifier", config.model_dump(mode="json")) as run:
        kept = _checkpoint("classifier", config, split, encoder)
        scorer, result = classifier_of(config, split, encoder, kept)
        trained = _finish_supervised(run, scorer, split, result, config)
        kept.remove()
    return outcome(trained)


def classifier_of(
    config: ClassifierConfig, split: Split, encoder: Any, checkpoint: Checkpoint | None = None
) -> tuple[Scorer, Fit]:
    """Train a classifier on an encoder and calibrate it on the validation wells."""
    train, held_out = _classifier_parts(encoder, split, config)
    network, result = fit_with_bar(
        train_classifier,
        "classifier",
        encoder,
        (train, held_out),
        head_settings(config),
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


def fit_with_bar(
    train: Callable[..., tuple[Any, Fit]],
    what: str,
    encoder: Any,
    parts: tuple[Part, Part | None],
    settings: HeadSettings | RegressorSettings,
    **arguments: Any,
) -> tuple[Any, Fit]:
    """Train on training and validation patches, with a bar of the epochs.

    Parameters
    ----------
    train : callable
        `classifier.train_classifier` or `train_regressor`; takes the arguments left over.
    """
    with bar(what) as progress:
        return train(
            encoder,
            *parts,
            settings,
            report=lambda epoch, _: progress(epoch, settings.fit.epochs),
            **arguments,
        )


def calibrated(scorer: Scorer, split: Split, config: ClassifierConfig) -> Scorer:
    """Give a classifier its temperatures: the config's, or those of the validation wells."""
    first, second = config.temperature, config.well_temperature
    if not config.refit and (first is None or second is None):
        rows = split.rows("validation", faulty=split.faulty_class)
        found = evaluate(scorer, split.dataset, rows)
        fitted = fit_temperatures(found.patches, found.wells, split.classes)
        first, second = first or fitted[0], second or fitted[1]
    known = replace(scorer.card, temperature=first or 1.0, well_temperature=second or 1.0)
    return Scorer(scorer.network, known, scorer.mask_network)


def regressor_command(config: RegressorConfig) -> Outcome:
    """Train a regressor of the overlap, and register it."""
    dataset = open_dataset(config.dataset).with_target(config.target)
    split = split_dataset(dataset, config.split)
    encoder = None if config.head == "masks" else find_encoder(config, split)
    repair_runs()
    return outcome(regressor_step(config, split, encoder))


def regressor_step(
    config: RegressorConfig, split: Split, encoder: Any, mark: str | None = None
) -> Trained:
    """Train a regressor of the overlap on an encoder in a run of its own.

    Parameters
    ----------
    split : Split
        Of a dataset whose overlap is the config's target, see `Dataset.with_target`.
    encoder : keras.Model or None
        Not used by the head ``masks``.
    mark : str, optional
        Fingerprint by which the finished run is found again.
    """
    kind = "fine-tuned" if config.fine_tune else "frozen"
    kind = "masks" if config.head == "masks" else kind
    with runs.start(
        f"regressor {kind}", "regressor", config.model_dump(mode="json"), fingerprint=mark
    ) as run:
        settings = RegressorSettings(
            dropout=config.dropout,
            local=config.head == "local",
            fine_tune=config.fine_tune,
            fit=fit_settings(config.fit),
            masks=config.head == "masks",
            target=config.target,
        )
        parts = {role: _part(split, role, config, labels=False) for role in ("train", "validation")}
        kept = _checkpoint("regressor", config, split, encoder)
        network, result = fit_with_bar(
            train_regressor,
            "regressor",
            encoder,
            (parts["train"], parts["validation"]),
            settings,
            seed=config.seed,
            checkpoint=kept,
        )
        known = card(
            "regressor",
            split,
            masked=config.masked,
            seed=config.seed,
            threshold=_threshold(config),
            target=config.target,
        )
        scorer = with_call(Scorer(network, known, mask_network_of(split.dataset)), split, config)
        trained = _finish_supervised(run, scorer, split, result, config)
        kept.remove()
        return trained


def with_call(scorer: Scorer, split: Split, config: RegressorConfig) -> Scorer:
    """Give a regressor the predicted overlap from which it says "interaction"."""
    if config.interaction_threshold != "validation":
        return scorer
    found = evaluate(scorer, split.dataset, split.rows("validation")).patches
    call = best_call(
        found["overlap"].to_numpy(np.float64), found["predicted_overlap"].to_numpy(np.float64)
    )
    known = replace(scorer.card, interaction_call=call)
    return Scorer(scorer.network, known, scorer.mask_network)


def _threshold(config: RegressorConfig) -> float:
    chosen = config.interaction_threshold
    return SLIDES_THRESHOLD if chosen == "validation" else float(chosen)


def _checkpoint(
    what: str, config: ClassifierConfig | RegressorConfig, split: Split, encoder: Any
) -> Checkpoint:
    settings = config.model_dump(mode="json", exclude={"dataset", "encoder"})
    held_out = int(split.held_out.sum())
    wells = split.fingerprints()
    mark = "" if encoder is None else weights_mark(encoder)
    return checkpoint_of(what, split.dataset, settings, wells, held_out, mark)


def _finish_supervised(
    run: Run,
    scorer: Scorer,
    split: Split,
    result: Fit,
    config: ClassifierConfig | RegressorConfig,
) -> Trained:
    log_fit(run, result, config.fit.epochs)
    refit = isinstance(config, ClassifierConfig) and config.refit
    roles = dict(REFIT_ROLES) if refit else {role: (role,) for role in split.roles}
    if split.audited:
        roles[SAME_WELLS] = (SAME_WELLS,)
    evaluations = {
        name: evaluate(scorer, split.dataset, split.rows(*of, faulty=split.faulty_class))
        for name, of in roles.items()
    }
    if scorer.card.kind == "classifier" and not refit:
        evaluations["test"] = with_attention(scorer, split, evaluations["test"], config.seed)
    test = evaluations["test"]
    if scorer.card.kind == "regressor":
        run.table("interaction_curve", pd.DataFrame(curve_of(test)))
        figures = regressor_figures(test)
    else:
        figures = classifier_figures(test, split.classes)
    figures |= {"learning_curves": plots.learning_curves(result.history)}
    figures |= umap_figure(scorer, split.dataset, split.rows("test"), config.seed)
    # A model that was trained on the validation wells has nothing to show at the gate.
    return finish(run, scorer, split, evaluations, figures, losses={} if refit else None)


def _classifier_parts(
    encoder: Any, split: Split, config: ClassifierConfig
) -> tuple[Part, Part | None]:
    train, held_out = (_part(split, role, config, labels=True) for role in ("train", "validation"))
    if not config.refit:
        return train, held_out
    features = None
    if config.encoder is not None:
        # Encoded apart, as the tuning does: batches decide on the last digits.
        parts = [encode(encoder, part).features for part in (train, held_out)]
        features = np.concatenate([each for each in parts if each is not None])
    rows = [split.rows(role, faulty=split.faulty_class) for role in ("train", "validation")]
    every = np.concatenate(rows)
    patches = load_patches(
        split.dataset, every, masked=config.masked, memory_gb=config.fit.memory_gb
    )
    return Part(patches, split.labels(every), features), None


def find_encoder(config: ClassifierConfig | RegressorConfig, split: Split) -> Any:
    """Load the encoder that a config names, or build a fresh one.

    Raises
    ------
    ConfigError
        If the encoder takes other patches, or has seen a test well of this split.
    """
    size = split.dataset.parameters["patch_size"]
    if config.encoder is None:
        seed_everything(config.seed)
        return models.build_encoder(config.architecture, size)
    scorer = registry.load_model(config.encoder)
    known = scorer.card
    if not scorer.has_encoder:
        raise ConfigError(
            f"encoder: expected a model with an encoder, found {config.encoder}, a {known.kind} "
            "without one; give an autoencoder"
        )
    if (known.patch_size, known.masked) != (size, config.masked):
        raise ConfigError(
            f"encoder: expected one for {'masked ' if config.masked else ''}patches of {size} "
            f"pixels, found {config.encoder} for {'masked ' if known.masked else ''}patches of "
            f"{known.patch_size}; train another autoencoder or change 'masked'"
        )
    leaked = known.seen & set(split.hashes("test"))
    if leaked:
        raise ConfigError(
            f"encoder: expected one that has seen no test well, found {config.encoder}, which has "
            f"seen {len(leaked)} of {len(split.hashes('test'))}; use the split it was trained with"
        )
    return scorer.encoder


def head_settings(config: ClassifierConfig) -> HeadSettings:
    """Take the head and its training from a config."""
    return HeadSettings(
        **config.head.model_dump(),
        fine_tune=config.fine_tune,
        class_weights=config.class_weights,
        fit=fit_settings(config.fit),
        head_fit=None if config.head_fit is None else fit_settings(config.head_fit),
    )


def _part(
    split: Split, role: str, config: ClassifierConfig | RegressorConfig, *, labels: bool
) -> Part:
    rows = split.rows(role, faulty=split.faulty_class)
    patches = load_patches(
        split.dataset, rows, masked=config.masked, memory_gb=config.fit.memory_gb
    )
    return Part(patches, split.labels(rows) if labels else split.overlap(rows))
