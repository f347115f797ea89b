"""The value of a trial: how well it answers wells of inner folds that it has not seen."""

from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.closed_form.wells import cross_fitted, fold_of
from ck19ml.core.scores.calibration import fit_temperature, tempered
from ck19ml.core.scores.metrics import log_losses, well_probabilities
from ck19ml.core.wells import WELL, well_index
from ck19ml.networks.architectures import Network
from ck19ml.networks.callbacks import Report
from ck19ml.networks.heads import train_classifier
from ck19ml.networks.settings import ClassifierSettings
from ck19ml.networks.training import Fit, predict, predict_features
from ck19ml.workflows.steps.closed_form import fit_of
from ck19ml.workflows.tuning.features import Material
from ck19ml.workflows.tuning.selection import LOSSES, gain_of

Floats = NDArray[np.float64]

ROLES = ("train", "validation")
"""The wells of these make the inner folds."""


@dataclass(frozen=True)
class Scored:
    """The scores of a trial in its inner folds.

    Attributes
    ----------
    losses : dict of float
        Log loss of each answered well in nats, by the well's fingerprint.
    notes : dict
        The temperatures, and the epochs of a trained head.
    metrics : dict of float
    """

    losses: dict[str, float]
    notes: dict[str, float]
    metrics: dict[str, float]


def score_closed_form(
    material: Material, settings: ClassifierSettings, untrained: bool = False
) -> Scored:
    """Score a closed-form head on all inner folds."""
    head = settings.closed_form
    assert head is not None  # noqa: S101 (the caller has looked)
    wells = material.wells(settings.source, untrained, ROLES)
    of_wells, of_patches = cross_fitted(fit_of(head), wells, seed=material.config.seed)
    rows = material.rows(ROLES)
    # Where the other wells of a fold are of one class only, nothing is known.
    known, even = ~np.isnan(of_wells[:, 0]), np.log(1 / of_wells.shape[1])
    of_wells[~known], of_patches[~known[wells.well]] = even, even
    return _scored(material, rows, np.exp(of_patches), np.exp(of_wells), {})


def score_trained(
    material: Material, settings: ClassifierSettings, report: Report, reference: Scored
) -> Scored:
    """Score a head that is trained step by step.

    A fold is answered by a network of the others; the epoch to stop at is chosen on one of these,
    which is not trained on. A fine-tuned network takes long: it answers the first fold only. Other
    heads answer no more folds once they are hopeless on the wells answered so far.

    Parameters
    ----------
    report : callable
        Told the epochs of the first fold.
    reference : Scored
        The default's losses.
    """
    split, seed = material.split, material.config.seed
    rows = material.rows(ROLES)
    wells = material.wells("measurements", False, ROLES)
    fold = fold_of(wells.labels, wells.groups, seed=seed)[wells.well]
    count = int(fold.max()) + 1
    answers = np.full((len(rows), len(split.classes)), np.nan)
    fits = []
    for index in range(1 if settings.fine_tune else count):
        stop = (index + 1) % count
        held_out = fold == index
        train = ~held_out & (fold != stop) if count > 2 else ~held_out
        parts = [material.part(rows[own], pixels=settings.fine_tune)
                 for own in (train, fold == stop if count > 2 else held_out, held_out)]  # fmt: skip
        network, fit = train_classifier(
            material.encoder, parts[0], parts[1], settings, classes=len(split.classes), seed=seed,
            report=None if index else report,
        )  # fmt: skip
        fits.append(fit)
        answers[held_out] = answers_of(network, parts[2], settings)
        done = ~np.isnan(answers[:, 0])
        scored = _scored(material, rows[done], answers[done], None, epochs_of(fits))
        if is_hopeless(scored, reference):
            break
    return scored


def is_hopeless(scored: Scored, reference: Scored) -> bool:
    """Return whether a trial is worse than the reference by more than a standard error.

    Over the wells that both have answered.
    """
    gain, error = gain_of(reference.losses, scored.losses)
    return gain < -error


def epochs_of(fits: list[Fit]) -> dict[str, float]:
    """Return the median of the best epochs, of the last stage and of the head alone."""
    return {
        "best_epoch": int(median(fit.best_epoch for fit in fits)),
        "head_epochs": int(median(fit.head_epochs for fit in fits)),
    }


def answers_of(network: Network, part: Any, settings: ClassifierSettings) -> Floats:
    """Class probabilities of patches, (n, classes)."""
    if settings.fine_tune:
        return predict(network, part.patches).astype(np.float64)
    return predict_features(network.get_layer("head"), part.features).astype(np.float64)


def _scored(
    material: Material,
    rows: NDArray[np.integer],
    of_patches: Floats,
    of_wells: Floats | None,
    notes: dict[str, float],
) -> Scored:
    """Score answers that were not trained on; wells are combined from patches by default."""
    table = material.split.dataset.table.iloc[rows]
    well, labels = well_index(table), material.split.labels(rows)
    first = np.unique(well, return_index=True)[1]
    temperature = fit_temperature(of_patches, labels)
    patches = tempered(of_patches, temperature)
    wells = well_probabilities(patches, well) if of_wells is None else of_wells
    well_temperature = fit_temperature(wells, labels[first])
    wells = tempered(wells, well_temperature)
    losses = log_losses(wells, labels[first])
    hashes = material.split.wells.set_index(WELL)["sha256"]
    names = hashes.loc[pd.MultiIndex.from_frame(table[WELL].iloc[first])].astype(str)
    metrics = {
        "validation/well_log_loss": float(losses.mean()),
        "validation/well_accuracy": float((wells.argmax(axis=1) == labels[first]).mean()),
        "validation/log_loss": float(log_losses(patches, labels).mean()),
        "validation/accuracy": float((patches.argmax(axis=1) == labels).mean()),
        **notes,
    }
    found = notes | {"temperature": temperature, "well_temperature": well_temperature}
    return Scored(dict(zip(names, losses.tolist(), strict=True)), found, metrics)


def value_of(scored: Scored, reference: Scored) -> float:
    """Mean log loss of a well; where few wells were answered, beside a reference on the same ones.

    The difference on the same wells says more than a mean over the few that were drawn.
    """
    common = scored.losses.keys() & reference.losses.keys()
    own = np.mean([scored.losses[well] - reference.losses[well] for well in sorted(common)])
    return float(np.mean(list(reference.losses.values())) + own)


def notes_of(scored: Scored) -> dict[str, Any]:
    """Return what is kept with a trial, JSON-like."""
    return scored.notes | {LOSSES: scored.losses}
