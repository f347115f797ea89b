"""Evaluate a model on wells of a dataset, with baselines and with intervals over wells."""

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
    """Scores of a model on some wells, and the predictions they are computed from.

    Attributes
    ----------
    scores : dict
        Scores by name; names of baselines start with ``baseline_``.
    numbers : dict
        Figures without an interval, such as prevalence and average precision.
    patches : DataFrame, one row per patch
        Columns plate, well, field, patch, stimulation, faulty, overlap, predicted_overlap, and of a
        classifier label, predicted and probability_NAME.
    wells : DataFrame, one row per well
        Columns plate, well, stimulation, compound, concentration_um, control, patches,
        faulty_share, overlap, predicted_overlap, and of a classifier predicted and
        probability_NAME.
    """

    scores: dict[str, Score]
    numbers: dict[str, float]
    patches: pd.DataFrame
    wells: pd.DataFrame

    def metrics(self, prefix: str) -> dict[str, float]:
        """Return all figures under ``prefix/``; intervals as ``NAME_low`` and ``NAME_high``.

        Figures that are not finite, such as an average precision without positives, are left out.
        """
        flat = dict(self.numbers)
        for name, score in self.scores.items():
            flat |= score.flat(name)
        return {f"{prefix}/{key}": value for key, value in flat.items() if np.isfinite(value)}


def unseen_rows(dataset: Dataset, card: Card) -> NDArray[np.intp]:
    """Return the rows of patches, (n,), in wells that neither the model nor its tuning has seen.

    Wells are identified by the hash of their pixels, so that renamed or copied plates are found.

    Raises
    ------
    PlateError
        If the model has seen every well, or the patches do not suit the model.
    """
    require_fitting(dataset, card)
    wells = dataset.wells
    unseen = wells[~wells["sha256"].isin(card.seen)]
    if unseen.empty:
        raise PlateError(
            f"the model has seen every well in {dataset.path}; give a dataset of other wells"
        )
    return dataset.rows_of(unseen)


def require_fitting(dataset: Dataset, card: Card) -> None:
    """Refuse a dataset whose patches differ in kind from those the model was trained on.

    Raises
    ------
    PlateError
        If the patch size or the correction of illumination differs.
    """
    if dataset.parameters["patch_size"] != card.patch_size:
        raise PlateError(
            f"{dataset.path} has patches of {dataset.parameters['patch_size']} pixels, but the "
            f"model takes {card.patch_size}; prepare it with --patch-size {card.patch_size}"
        )
    if dataset.illumination != card.illumination:
        raise PlateError(
            f"{dataset.path} was prepared {'without' if card.illumination else 'with'} corrected "
            f"illumination, unlike the data the model was trained on; prepare it "
            f"{'with' if card.illumination else 'without'} --illumination"
        )


def evaluate(scorer: Scorer, dataset: Dataset, rows: NDArray[np.integer]) -> Evaluation:
    """Evaluate a model of any kind on patches of a dataset, given by their rows, (n,)."""
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
    """Score an autoencoder by the binary cross-entropy of each patch, (n,), in nats."""
    well, wells = _wells(table)
    rng = np.random.default_rng(card.seed)
    sums, counts = by_well(losses, well)
    patches = _patches(table).assign(bce=losses)
    return Evaluation(
        {"bce": mean_score(sums, counts, rng)}, {}, patches, wells.assign(bce=sums / counts)
    )


def evaluate_regressor(predicted: Floats, table: pd.DataFrame, card: Card) -> Evaluation:
    """Score predicted overlaps of patches, (n,), and the baseline that predicts the mean.

    If the table has a column ``true_overlap``, the overlap of simulated cells, the model and the
    masks of the dataset are scored against it too.
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

    Faulty patches are left out, or are the class ``Faulty`` if the model has it; wells are always
    scored on their usable patches. A classifier predicts an overlap too: the mean overlaps of the
    classes in the training wells, weighted by its probabilities.

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
    """Return one row per well with the predictions of the model and of the baselines."""
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
    """Return the well index of each patch, (n,), and a table with one row per well."""
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
