"""Evaluate a model on wells of a dataset, with baselines and with intervals over units."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.scores.baselines import Baselines, well_measures
from ck19ml.core.scores.classification import (
    MEAN_OVERLAP,
    against_best_rule,
    classifier_scores,
    index_of,
)
from ck19ml.core.scores.interaction import call_scores
from ck19ml.core.scores.intervals import Score
from ck19ml.core.scores.metrics import by_well, interaction_scores, mean_score, overlap_scores
from ck19ml.core.scores.regression import regression_scores
from ck19ml.core.scores.verdict import Verdict, compare
from ck19ml.core.splits import unit_names
from ck19ml.core.wells import WELL, well_index
from ck19ml.errors import PlateError
from ck19ml.networks.card import FAULTY, Card, class_labels
from ck19ml.networks.scorer import Scorer, combine, in_portions
from ck19ml.networks.training import reconstruction_losses
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.truth import OF_MASKS, with_truth

Floats = NDArray[np.float64]

MASKS, LINE = "baseline_masks", "baseline_line"
"""Rivals of a regressor where the truth is known: the masks' own measure, and a line through it."""

KEY_SCORES = ("well_accuracy", "overlap_mse", "bce")
"""Scores that models are compared by; the first that there is counts."""


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
        Columns plate, well, field, patch, stimulation, faulty, overlap, unit, predicted_overlap
        (both overlaps where there are DCs and T cells), and of a classifier label, predicted and
        probability_NAME.
    wells : DataFrame, one row per well
        Columns plate, well, stimulation, compound, concentration_um, control, patches,
        faulty_share, overlap, unit, predicted_overlap, and of a classifier predicted and
        probability_NAME.
    unit : str
        Unit that the intervals resample: a key of `core.splits.UNITS`.
    verdict : Verdict, optional
        Paired comparison with the best baseline on the same wells.
    """

    scores: dict[str, Score]
    numbers: dict[str, float]
    patches: pd.DataFrame
    wells: pd.DataFrame
    unit: str = "well"
    verdict: Verdict | None = None

    def __repr__(self) -> str:
        name = next(name for name in KEY_SCORES if name in self.scores)
        return f"Evaluation({len(self.wells)} wells, {name} {self.scores[name]})"

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
    Faulty patches are left out unless the model has a class for them.

    Raises
    ------
    PlateError
        If the model has seen every well, all patches are faulty, or they do not suit the model.
    """
    require_fitting(dataset, card)
    wells = dataset.wells
    unseen = wells[~wells["sha256"].isin(card.seen)]
    if unseen.empty:
        raise PlateError(
            f"the model has seen every well in {dataset.path}; give a dataset of other wells"
        )
    rows = dataset.rows_of(unseen)
    if FAULTY not in card.classes:
        rows = dataset.usable(rows)
    if not len(rows):
        raise PlateError(f"all patches in {dataset.path} are faulty; prepare other wells")
    return rows


def require_fitting(dataset: Dataset, card: Card) -> None:
    """Refuse a dataset whose patches differ in kind from those the model was trained on.

    Raises
    ------
    PlateError
        If the patch size or the correction of illumination differs, or a model of masked patches
        meets masks of another method.
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
    if dataset.panel != card.panel:
        raise PlateError(
            f"{dataset.path} has the channels {', '.join(dataset.panel.names)}, but the model was "
            f"trained on {', '.join(card.channels)}; use a model of these channels"
        )
    if card.masked and dataset.parameters["mask"] != card.mask:
        raise PlateError(
            f"the model was trained on patches masked by '{card.mask}', {dataset.path} has masks "
            f"by '{dataset.parameters['mask']}'; prepare it with --mask {card.mask}"
        )


def evaluate(
    scorer: Scorer, dataset: Dataset, rows: NDArray[np.integer] | None = None
) -> Evaluation:
    """Evaluate a model of any kind on patches of a dataset.

    Parameters
    ----------
    rows : ndarray, (n,), optional
        Of the patches; by default `unseen_rows`.
    """
    rows = unseen_rows(dataset, scorer.card) if rows is None else rows
    judged = with_truth if scorer.card.kind == "regressor" else Dataset.with_target
    dataset = judged(dataset, scorer.card.target)
    table, read = dataset.with_counts(rows), partial(scorer.read, dataset)
    table = table.merge(dataset.wells[[*WELL, "sha256"]], on=WELL)
    if scorer.card.kind == "autoencoder":
        losses = in_portions(partial(reconstruction_losses, scorer.network), read, rows)
        return evaluate_reconstruction(losses, table, scorer.card)
    outputs = in_portions(scorer.outputs, read, rows)
    if scorer.card.kind == "regressor":
        return evaluate_regressor(outputs[:, 0].astype(np.float64), table, scorer.card)
    wells = None
    if scorer.card.closed_form:
        usable = ~table["faulty"].to_numpy(bool)
        wells = scorer.combined(outputs[usable], well_index(table[usable]))
    return evaluate_classifier(scorer.shown(outputs).astype(np.float64), table, scorer.card, wells)


def evaluate_reconstruction(losses: Floats, table: pd.DataFrame, card: Card) -> Evaluation:
    """Score an autoencoder by the binary cross-entropy of each patch, (n,), in nats."""
    table, by = with_units(table, card.unit)
    well, wells = _wells(table)
    sums, counts = by_well(losses, well)
    of_units = by_well(losses, index_of(table["unit"]))
    return Evaluation(
        {"bce": mean_score(*of_units, np.random.default_rng(card.seed)).within(0.0, np.inf)},
        {},
        _patches(table).assign(bce=losses),
        wells.assign(bce=sums / counts),
        by,
    )


def with_units(table: pd.DataFrame, by: str) -> tuple[pd.DataFrame, str]:
    """Add the column ``unit``, which the intervals resample: a well, a plate's column or a plate.

    Wells with the same pixels are one unit. Where all wells lie in one column or plate there is
    nothing to resample but wells.

    Parameters
    ----------
    table : DataFrame
        plate, well; and sha256 of the well's pixels where copies are to be recognised.
    by : str
        A key of `core.splits.UNITS`.

    Returns
    -------
    table : DataFrame
    by : str
        What the units are.
    """
    plate, well = table["plate"].astype(str), table["well"]
    names = pd.Series(unit_names(list(plate), list(well), by), table.index)
    if by != "well" and names.nunique() < 2:
        return with_units(table, "well")
    if by == "well" and "sha256" in table:
        names = names.groupby(table["sha256"]).transform("min")
    return table.assign(unit=names), by


def evaluate_regressor(predicted: Floats, table: pd.DataFrame, card: Card) -> Evaluation:
    """Score predicted overlaps of patches, (n,), and the baseline that predicts the mean.

    If the table has a column `OF_MASKS`, the truth is in ``overlap``: the model is compared with
    the better of `MASKS` and `LINE`, and scored against the masks' own measure too.
    """
    table, by = with_units(table, card.unit)
    well, wells = _wells(table)
    unit = index_of(table["unit"])
    rng = np.random.default_rng(card.seed)
    true = table["overlap"].to_numpy(np.float64)
    mean = float(card.rules.mean_overlap or 0.0)
    field = table.groupby(["plate", "well", "field"], sort=True).ngroup().to_numpy(np.intp)
    stimulation = table["stimulation"].to_numpy(str)
    units = (well, field, stimulation, rng, unit)
    scores = regression_scores(true, predicted, *units)
    constant = regression_scores(true, np.full_like(true, mean), *units)
    for name in ("overlap_mse", "overlap_rmse", "field_overlap_rmse"):
        scores[f"baseline_mean_{name}"] = constant[name]
    numbers = call_scores(true, predicted, card.interaction_threshold, card.interaction_call)
    patches = _patches(table).assign(predicted_overlap=predicted)
    rival = np.full_like(true, mean)
    if OF_MASKS in table:
        masks = table[OF_MASKS].to_numpy(np.float64)
        patches = patches.assign(**{OF_MASKS: masks})
        rivals = {MASKS: masks}
        if card.rules.line is not None:
            rivals[LINE] = np.polyval(card.rules.line, masks)
        for rule, values in rivals.items():
            found = overlap_scores(true, values, unit, rng)
            for name in ("overlap_mse", "overlap_rmse", "overlap_r2"):
                scores[f"{rule}_{name}"] = found[name]
        scores["masks_overlap_r2"] = overlap_scores(masks, predicted, unit, rng)["overlap_r2"]
        # The better one: chosen on the same wells, which favours the rival.
        rival = rivals[min(rivals, key=lambda rule: scores[f"{rule}_overlap_mse"].value)]
    verdict = compare((true - rival) ** 2 - (true - predicted) ** 2, unit, rng)
    scores["overlap_mse_gain"] = verdict.difference
    wells = wells.assign(predicted_overlap=np.bincount(well, predicted) / np.bincount(well))
    return Evaluation(scores, numbers, patches, wells, by, verdict)


def evaluate_classifier(
    probabilities: Floats, table: pd.DataFrame, card: Card, of_wells: Floats | None = None
) -> Evaluation:
    """Score class probabilities of patches, (n, classes), and of their wells.

    The answers of wells, (wells, stimulations), are `of_wells`, or by default combined from those
    of their usable patches; wells stand in the order of plate and well.

    Faulty patches are left out, or are the class ``Faulty`` if the model has it; wells are always
    scored on their usable patches. A classifier predicts an overlap too: the mean overlaps of the
    classes in the training wells, weighted by its probabilities.

    Raises
    ------
    PlateError
        If a stimulation of the wells is not a class of the model.
    """
    table, by = with_units(table, card.unit)
    labels = class_labels(table, card.classes)
    usable = ~table["faulty"].to_numpy(bool)
    kept = usable if FAULTY not in card.classes else np.ones(len(table), bool)
    baselines = card.rules
    names = np.asarray(card.classes)
    patches = _patches(table).assign(
        label=names[labels], predicted=names[probabilities.argmax(axis=1)]
    )
    predicted: Floats | None = None
    if baselines.patch_rule is not None:
        predicted = probabilities @ np.asarray(baselines.class_overlap)
        patches["predicted_overlap"] = predicted
    each = {f"probability_{name}": p for name, p in zip(names, probabilities.T, strict=True)}
    patches = patches.assign(**each, baseline_majority=names[baselines.majority])
    if baselines.patch_rule is not None:
        overlap = table["overlap"].to_numpy(np.float64)
        patches["baseline_overlap"] = names[baselines.patch_rule.predict(overlap)]
        patches[MEAN_OVERLAP] = baselines.mean_overlap
    patches = patches[kept].reset_index(drop=True)
    if of_wells is None:
        of_wells = combine(probabilities[usable], well_index(table[usable]), card)
    predicted = None if predicted is None else predicted[usable]
    wells = _classified_wells(of_wells, table[usable], predicted, card, baselines)
    return classified(patches, wells, card.classes, card.interaction_threshold, card.seed, by)


def classified(
    patches: pd.DataFrame,
    wells: pd.DataFrame,
    classes: list[str],
    threshold: float,
    seed: int,
    by: str,
) -> Evaluation:
    """Score tables of a classifier's answers, of one model or of several that share the wells.

    Parameters
    ----------
    patches, wells : DataFrame
        See `core.scores.classification.classifier_scores`.
    threshold : float
        Overlap at or above which cells count as interacting.
    by : str
        What the column ``unit`` of the tables holds: a key of `core.splits.UNITS`.
    """
    verdict = against_best_rule(wells, seed)
    scores = classifier_scores(patches, wells, classes, seed)
    scores["well_accuracy_gain"] = verdict.difference
    numbers = {}
    if "overlap" in patches:
        true, answers = (patches[n].to_numpy(float) for n in ("overlap", "predicted_overlap"))
        numbers = interaction_scores(true, answers, threshold)
    numbers["well_accuracy_gain_p"] = verdict.p
    return Evaluation(scores, numbers, patches, wells, by, verdict)


def _classified_wells(
    combined: Floats,
    table: pd.DataFrame,
    predicted_overlap: Floats | None,
    card: Card,
    baselines: Baselines,
) -> pd.DataFrame:
    """Return one row per well with the predictions of the model and of the baselines."""
    well, wells = _wells(table)
    names = np.asarray(card.stimulations)
    rules = {"baseline_majority": np.full(len(wells), baselines.majority)}
    if baselines.well_rule is not None:
        rules["baseline_overlap"] = baselines.well_rule.predict(wells["overlap"].to_numpy())
    if baselines.logistic is not None:
        rules["baseline_logistic"] = baselines.logistic.predict(well_measures(table))
    if predicted_overlap is not None:
        wells["predicted_overlap"] = np.bincount(well, predicted_overlap) / np.bincount(well)
    return wells.assign(
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
        **({"overlap": ("overlap", "mean")} if "overlap" in table else {}),
        unit=("unit", "first"),
    )
    return grouped.ngroup().to_numpy(np.intp), wells.reset_index()


def _patches(table: pd.DataFrame) -> Any:
    columns = ["plate", "well", "field", "patch", "stimulation", "faulty", "overlap", "unit"]
    return table[[name for name in columns if name in table]]
