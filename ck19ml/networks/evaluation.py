"""Evaluate a model on wells of a dataset, beside the baselines and with intervals over wells."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.scores.baselines import Baselines, well_measures
from ck19ml.core.scores.calibration import tempered
from ck19ml.core.scores.classification import MEAN_OVERLAP, classifier_scores
from ck19ml.core.scores.interaction import call_scores
from ck19ml.core.scores.metrics import (
    Score,
    by_well,
    interaction_scores,
    mean_score,
    well_probabilities,
)
from ck19ml.core.scores.regression import against_truth, regression_scores
from ck19ml.core.wells import WELL
from ck19ml.errors import PlateError
from ck19ml.networks.card import FAULTY, Card, class_labels
from ck19ml.networks.scorer import Scorer, in_portions, without_faulty
from ck19ml.networks.training import reconstruction_losses
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.truth import true_overlap

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on some wells, and the predictions that they come from.

    Attributes
    ----------
    scores : dict
        Name to score; names that start with ``baseline_`` are the baselines'.
    numbers : dict
        Figures without an interval (prevalence, average precision ...).
    patches : DataFrame, one row a patch
        plate, well, patch, stimulation, faulty, overlap, predicted_overlap, and a classifier's
        label, predicted and probability_NAME.
    wells : DataFrame, one row a well
        plate, well, stimulation, patches, faulty_share, overlap, predicted_overlap, and a
        classifier's predicted and probability_NAME.
    """

    scores: dict[str, Score]
    numbers: dict[str, float]
    patches: pd.DataFrame
    wells: pd.DataFrame

    def metrics(self, prefix: str) -> dict[str, float]:
        """All figures under ``prefix/``; intervals as ``NAME_low`` and ``NAME_high``.

        Figures that are not numbers (an average precision without a positive) are left out.
        """
        flat = dict(self.numbers)
        for name, score in self.scores.items():
            flat |= score.flat(name)
        return {f"{prefix}/{key}": value for key, value in flat.items() if np.isfinite(value)}


def unseen_rows(dataset: Dataset, card: Card) -> NDArray[np.intp]:
    """Rows of the patches, (n,), in wells that the model and its tuning have not seen.

    Wells are known by the hash of their pixels: a renamed or copied plate hides nothing.

    Raises
    ------
    PlateError
        If the model has seen every well, or patches are not like the model's.
    """
    require_fitting(dataset, card)
    wells = dataset.wells
    unseen = wells[~wells["sha256"].isin(card.seen)]
    if unseen.empty:
        raise PlateError(
            f"expected wells in {dataset.path} that the model has not seen, found none; give a "
            "dataset of other wells"
        )
    return dataset.rows_of(unseen)


def require_fitting(dataset: Dataset, card: Card) -> None:
    """Refuse a dataset whose patches are not like those that the model was trained on.

    Raises
    ------
    PlateError
        If they have another size, or only one of both has corrected illumination.
    """
    if dataset.parameters["patch_size"] != card.patch_size:
        raise PlateError(
            f"expected a dataset of patches of {card.patch_size} pixels as the model takes, found "
            f"{dataset.parameters['patch_size']} in {dataset.path}; prepare it with this size"
        )
    if dataset.illumination != card.illumination:
        raise PlateError(
            f"expected a dataset {'with' if card.illumination else 'without'} corrected "
            f"illumination as the model was trained on, found the opposite in {dataset.path}; "
            f"prepare it {'with' if card.illumination else 'without'} --illumination"
        )


def evaluate(scorer: Scorer, dataset: Dataset, rows: NDArray[np.integer]) -> Evaluation:
    """Evaluate a model of any kind on the patches with these rows of the dataset, (n,)."""
    dataset = dataset.with_target(scorer.card.target)
    table = dataset.with_counts(rows)
    if scorer.card.kind == "autoencoder":
        losses = in_portions(
            lambda raw: reconstruction_losses(scorer.network, scorer.patches(raw)), dataset, rows
        )
        return evaluate_reconstruction(losses, table, scorer.card)
    outputs = in_portions(scorer.predict_patches, dataset, rows).astype(np.float64)
    if scorer.card.kind == "regressor":
        truth = true_overlap(dataset, scorer.card.target)
        table = table if truth is None else table.assign(true_overlap=truth[rows])
        return evaluate_regressor(outputs[:, 0], table, scorer.card)
    return evaluate_classifier(outputs, table, scorer.card)


def evaluate_reconstruction(losses: Floats, table: pd.DataFrame, card: Card) -> Evaluation:
    """Score an autoencoder by its binary cross-entropy per patch, (n,), in nats."""
    well, wells = _wells(table)
    rng = np.random.default_rng(card.seed)
    sums, counts = by_well(losses, well)
    patches = _patches(table).assign(bce=losses)
    return Evaluation(
        {"bce": mean_score(sums, counts, rng)}, {}, patches, wells.assign(bce=sums / counts)
    )


def evaluate_regressor(predicted: Floats, table: pd.DataFrame, card: Card) -> Evaluation:
    """Score predicted overlaps of patches, (n,), beside predict-the-mean.

    Where the table has a column ``true_overlap``, that of simulated cells, the model and the
    dataset's own masks are scored against it too.
    """
    well, wells = _wells(table)
    rng = np.random.default_rng(card.seed)
    true = table["overlap"].to_numpy(np.float64)
    mean = card.rules.mean_overlap
    field = table.groupby(["plate", "well", "field"], sort=True).ngroup().to_numpy(np.intp)
    stimulation = table["stimulation"].to_numpy(str)
    scores = regression_scores(true, predicted, well, field, stimulation, rng)
    constant = regression_scores(true, np.full_like(true, mean), well, field, stimulation, rng)
    for name in ("overlap_mse", "overlap_rmse", "field_overlap_rmse"):
        scores[f"baseline_mean_{name}"] = constant[name]
    numbers = call_scores(true, predicted, card.interaction_threshold, card.interaction_call)
    patches = _patches(table).assign(predicted_overlap=predicted)
    if "true_overlap" in table:
        truth = table["true_overlap"].to_numpy(np.float64)
        patches = patches.assign(true_overlap=truth)
        known = np.isfinite(truth)
        own = np.unique(well[known], return_inverse=True)[1]
        found, more = against_truth(truth[known], predicted[known], true[known], own, rng)
        scores, numbers = scores | found, numbers | more
    wells = wells.assign(predicted_overlap=np.bincount(well, predicted) / np.bincount(well))
    return Evaluation(scores, numbers, patches, wells)


def evaluate_classifier(probabilities: Floats, table: pd.DataFrame, card: Card) -> Evaluation:
    """Score class probabilities of patches, (n, classes), and of their wells.

    A faulty patch is left out, or is the class ``Faulty`` where the model has it; wells are
    always scored on their usable patches. The overlap that a classifier predicts is what its
    probabilities make of the classes' mean overlaps in the training wells.

    Raises
    ------
    PlateError
        If a stimulation of the wells is not a class of the model.
    """
    labels = class_labels(table, card.classes)
    usable = ~table["faulty"].to_numpy(bool)
    kept = usable if FAULTY not in card.classes else np.ones(len(table), bool)
    baselines = card.rules
    names = np.asarray(card.classes)
    overlap = table["overlap"].to_numpy(np.float64)
    predicted_overlap = probabilities @ np.asarray(baselines.class_overlap)
    patches = _patches(table).assign(
        label=names[labels],
        predicted=names[probabilities.argmax(axis=1)],
        predicted_overlap=predicted_overlap,
        **{f"probability_{name}": p for name, p in zip(names, probabilities.T, strict=True)},
        baseline_majority=names[baselines.majority],
        baseline_overlap=names[baselines.patch_rule.predict(overlap)],
        **{MEAN_OVERLAP: baselines.mean_overlap},
    )
    patches = patches[kept].reset_index(drop=True)
    wells = _classified_wells(
        probabilities[usable], table[usable], predicted_overlap[usable], card, baselines
    )
    return Evaluation(
        classifier_scores(patches, wells, card.classes, card.seed),
        interaction_scores(overlap[kept], predicted_overlap[kept], card.interaction_threshold),
        patches,
        wells,
    )


def _classified_wells(
    probabilities: Floats,
    table: pd.DataFrame,
    predicted_overlap: Floats,
    card: Card,
    baselines: Baselines,
) -> pd.DataFrame:
    """One row a well: what the model answers, and what the rules do."""
    well, wells = _wells(table)
    names = np.asarray(card.stimulations)
    combined = well_probabilities(without_faulty(probabilities, card.classes), well)
    combined = tempered(combined, card.well_temperature)
    rules = {
        "baseline_majority": np.full(len(wells), baselines.majority),
        "baseline_overlap": baselines.well_rule.predict(wells["overlap"].to_numpy()),
    }
    if baselines.logistic is not None:
        rules["baseline_logistic"] = baselines.logistic.predict(well_measures(table))
    return wells.assign(
        predicted_overlap=np.bincount(well, predicted_overlap) / np.bincount(well),
        predicted=names[combined.argmax(axis=1)],
        **{f"probability_{name}": p for name, p in zip(names, combined.T, strict=True)},
        **{rule: names[answers] for rule, answers in rules.items()},
    )


def _wells(table: pd.DataFrame) -> tuple[NDArray[np.integer], pd.DataFrame]:
    """Index the wells of these patches: (n,) indices, and a table with one row a well."""
    grouped = table.groupby(WELL, sort=True)
    wells = grouped.agg(
        stimulation=("stimulation", "first"),
        compound=("compound", "first"),
        concentration_um=("concentration_um", "first"),
        control=("control", "first"),
        patches=("faulty", "size"),
        faulty_share=("faulty", "mean"),
        overlap=("overlap", "mean"),
    )
    return grouped.ngroup().to_numpy(np.intp), wells.reset_index()


def _patches(table: pd.DataFrame) -> Any:
    return table[["plate", "well", "field", "patch", "stimulation", "faulty", "overlap"]]
