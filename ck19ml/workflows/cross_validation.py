"""Cross-validate a classifier: a model that has not seen a well's group predicts the well."""

from typing import Any

import pandas as pd
from pydantic import ValidationError

from ck19ml.config import ClassifierConfig
from ck19ml.core.settings import explain
from ck19ml.errors import ConfigError
from ck19ml.networks.evaluation import Evaluation, classified, evaluate, with_units
from ck19ml.networks.settings import AutoencoderSettings
from ck19ml.plates.dataset.store import Dataset, open_dataset
from ck19ml.tracking import registry, runs
from ck19ml.workflows.autoencoder import fit_autoencoder
from ck19ml.workflows.classifier import classifier_of
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import say
from ck19ml.workflows.reporting.scores import key_figures, score_rows
from ck19ml.workflows.steps.figures import classifier_figures, publish
from ck19ml.workflows.steps.finish import describe, log_fit
from ck19ml.workflows.steps.fit import find_encoder, named_encoder
from ck19ml.workflows.steps.split import Split, split_dataset


def folds_command(config: ClassifierConfig) -> Outcome:
    """Train one model per fold, and score each well by the model that has not seen it.

    Nothing is registered: the models of the folds measure how well the method works. An
    autoencoder is trained for each fold too, with the settings of the one that the config names,
    unless the config starts from a new encoder.

    Raises
    ------
    ConfigError
        If the number of folds is missing, a refit is requested, or the encoder is no autoencoder
        whose settings are known.
    """
    dataset = open_dataset(config.dataset)
    folds = config.split.folds
    if folds is None or config.refit:
        raise ConfigError("cross-validation needs split.folds and refit: false")
    # Before any training: too few wells or columns for so many folds.
    splits = [_split(dataset, config, fold) for fold in range(folds)]
    logged = config.model_dump(mode="json")
    settings = None
    if config.has_encoder and config.encoder is not None:
        uri, settings = _autoencoder(config, splits[0])
        say(
            f"note: {uri} has seen wells of every fold; each fold trains one with its settings "
            f"({settings.architecture}, {settings.fit.epochs} epochs, batches of "
            f"{settings.fit.batch_size}, learning rate {settings.fit.learning_rate})"
        )
        logged["encoder"] = f"an autoencoder of each fold, with the settings of {uri}"
        logged["autoencoder"] = settings.model_dump(mode="json")
    with runs.start(f"classifier {folds} folds by {config.split.by}", "folds", logged) as run:
        found = []
        for fold, split in enumerate(splits):
            say(f"fold {fold + 1} of {folds}")
            with runs.start(f"fold {fold + 1}", "fold", {"fold": fold}) as child:
                # A closed form needs no validation wells to stop at.
                own = config.changed(refit=config.closed_form is not None)
                scorer, result = classifier_of(own, split, _encoder(config, split, settings))
                if result is not None:
                    log_fit(child, result, config.fit.epochs)
                rows = split.rows("test", faulty=split.faulty_class)
                found.append(evaluate(scorer, dataset, rows))
                child.metrics(key_figures(found[-1].metrics("test")))
        whole = joined(found, split.classes, config)
        metrics = whole.metrics("test")
        run.dataset(dataset)
        run.metrics(key_figures(metrics) | _spread(found))
        run.table("scores", score_rows(metrics))
        run.table("out_of_fold_wells", whole.wells)
        run.table("out_of_fold_patches", whole.patches)
        publish(classifier_figures(whole, split.classes), run, None)
        description = describe(scorer.card, whole)
        run.describe(description)
    lines = [line for line in description.splitlines() if line]
    if config.split.by == "plate":
        lines += [_of_fold(each) for each in found]
    return Outcome([*lines, f"run {run.id}"], {"run": run.id, **metrics})


def joined(folds: list[Evaluation], classes: list[str], config: ClassifierConfig) -> Evaluation:
    """Score the predictions of all folds together; the tables name the fold."""
    patches = pd.concat([f.patches.assign(fold=i) for i, f in enumerate(folds)], ignore_index=True)
    wells = pd.concat([f.wells.assign(fold=i) for i, f in enumerate(folds)], ignore_index=True)
    by: str = config.split.by
    if by != "well":  # a fold of a single plate was scored by its wells
        (patches, by), (wells, _) = with_units(patches, by), with_units(wells, by)
    return classified(patches, wells, classes, config.interaction_threshold, config.seed, by)


def _split(dataset: Dataset, config: ClassifierConfig, fold: int) -> Split:
    settings = config.split.changed(fold=fold)
    return split_dataset(
        dataset, settings, config.classes, faulty_class=config.faulty_class, fewest=2
    )


def _encoder(config: ClassifierConfig, split: Split, settings: AutoencoderSettings | None) -> Any:
    if not config.has_encoder:
        return None
    if settings is None:
        return find_encoder(config, split)
    return fit_autoencoder(settings, split, config.seed)[0].get_layer("encoder")


def _autoencoder(config: ClassifierConfig, split: Split) -> tuple[str, AutoencoderSettings]:
    """Return the URI of the autoencoder that a config names, and the settings it was trained with.

    The split's classes, which are those of all folds, say which champion suits.
    """
    uri, scorer, model = named_encoder(config, split)
    fields = AutoencoderSettings.model_fields
    known = {key: value for key, value in registry.config_of(model).items() if key in fields}
    remedy = "name one made by 'ck19ml autoencoder', or set encoder: null"
    if scorer.card.kind != "autoencoder" or "fit" not in known:
        raise ConfigError(
            f"encoder: each fold trains an autoencoder with the settings of {uri}, which is "
            f"{'one' if scorer.card.kind == 'autoencoder' else f'a {scorer.card.kind}'} whose run "
            f"in the store holds none; {remedy}"
        )
    try:
        return uri, AutoencoderSettings.model_validate(known)
    except ValidationError as error:
        said = explain(AutoencoderSettings, error)
        raise ConfigError(f"encoder: settings of {uri}: {said}; {remedy}") from error


def _of_fold(found: Evaluation) -> str:
    """Say how well the plates of a fold were answered by the model of the others."""
    plates = ", ".join(sorted(set(found.wells["plate"])))
    score = found.scores["well_accuracy"]
    return f"- {plates}, by the model of the others: {score} of {len(found.wells)} wells"


def _spread(folds: list[Evaluation]) -> dict[str, float]:
    """Return the lowest and the highest accuracy of wells among the folds."""
    values = [fold.scores["well_accuracy"].value for fold in folds]
    return {
        "folds/lowest_well_accuracy": min(values),
        "folds/mean_well_accuracy": sum(values) / len(values),
        "folds/highest_well_accuracy": max(values),
    }
