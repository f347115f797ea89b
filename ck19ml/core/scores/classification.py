"""Scores of a classifier from its tables of patches and wells, beside those of the baselines."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.scores.calibration import calibration_error, fit_temperature
from ck19ml.core.scores.metrics import Score, by_well, label_scores, mean_score, overlap_scores
from ck19ml.core.wells import well_index

BASELINE = "baseline_"
"""How the columns of the answers of simple rules start."""

MEAN_OVERLAP = "baseline_mean_overlap"
"""Column of the mean overlap of the training patches: what "the mean" predicts."""


def classifier_scores(
    patches: pd.DataFrame, wells: pd.DataFrame, classes: list[str], seed: int
) -> dict[str, Score]:
    """Score the answers to patches and to wells, with 95 % intervals over wells.

    The tables may come from one model, or from several that each answered other wells (the
    folds of a cross-validation).

    Parameters
    ----------
    patches : DataFrame, one row a patch
        plate, well, label, predicted_overlap, overlap, `MEAN_OVERLAP`, probability_NAME for each
        class, and the class that each rule answers in columns that start with `BASELINE`.
    wells : DataFrame, one row a well
        stimulation, probability_NAME for each class, and the rules' answers.
    classes : list of str
        Of the patches; those of the wells are the ones that have a column.

    Returns
    -------
    dict
        Of patches: accuracy, log_loss, calibration_error, overlap_mse ..., and
        baseline_RULE_accuracy; the same of wells, starting with ``well_``.
    """
    rng = np.random.default_rng(seed)
    well = well_index(patches)
    overlap = patches["overlap"].to_numpy(np.float64)
    scores = _label_scores(patches, patches["label"], classes, well, rng)
    scores |= overlap_scores(overlap, patches["predicted_overlap"].to_numpy(), well, rng)
    mean = overlap_scores(overlap, patches[MEAN_OVERLAP].to_numpy(np.float64), well, rng)
    scores["baseline_mean_overlap_mse"] = mean["overlap_mse"]
    scores |= _rule_scores(patches, patches["label"], well, rng, "accuracy")
    named = [name for name in classes if f"probability_{name}" in wells]
    each = np.arange(len(wells))
    own = _label_scores(wells, wells["stimulation"], named, each, rng)
    scores |= {f"well_{key}": score for key, score in own.items()}
    return scores | _rule_scores(wells, wells["stimulation"], each, rng, "well_accuracy")


def fit_temperatures(
    patches: pd.DataFrame, wells: pd.DataFrame, classes: list[str]
) -> tuple[float, float]:
    """Fit the temperatures of patches and of wells on validation wells.

    Parameters
    ----------
    patches, wells, classes
        See `classifier_scores`; of a model whose temperatures are 1.

    Returns
    -------
    temperature, well_temperature : float
        The second acts on top of the first: patches are tempered before they are combined.
    """
    first = fit_temperature(*_answers(patches, patches["label"], classes))
    named = [name for name in classes if f"probability_{name}" in wells]
    both = fit_temperature(*_answers(wells, wells["stimulation"], named))
    return first, both / first


def _answers(
    table: pd.DataFrame, names: pd.Series, classes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    probabilities = table[[f"probability_{name}" for name in classes]].to_numpy(np.float64)
    return probabilities, pd.Index(classes).get_indexer(names.astype(str))


def _label_scores(
    table: pd.DataFrame,
    names: pd.Series,
    classes: list[str],
    well: NDArray[np.integer],
    rng: np.random.Generator,
) -> dict[str, Score]:
    return answer_scores(*_answers(table, names, classes), well, rng)


def answer_scores(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.integer],
    well: NDArray[np.integer],
    rng: np.random.Generator,
) -> dict[str, Score]:
    """Score class probabilities, with 95 % intervals over wells.

    Parameters
    ----------
    probabilities : ndarray, (n, classes)
    labels, well : ndarray of int, (n,)

    Returns
    -------
    dict
        What `metrics.label_scores` gives, and calibration_error.
    """
    scores = label_scores(probabilities, labels, well, rng)
    return scores | {"calibration_error": calibration_error(probabilities, labels, well, rng)}


def _rule_scores(
    table: pd.DataFrame,
    names: pd.Series,
    well: NDArray[np.integer],
    rng: np.random.Generator,
    ending: str,
) -> dict[str, Score]:
    rules = [c for c in table if str(c).startswith(BASELINE) and c != MEAN_OVERLAP]
    found = {}
    for rule in rules:
        right = (table[rule].astype(str) == names.astype(str)).to_numpy(np.float64)
        found[f"{rule}_{ending}"] = mean_score(*by_well(right, well), rng)
    return found
