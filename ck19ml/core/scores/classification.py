"""Scores of a classifier from its tables of patches and wells, beside those of the baselines."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.scores.calibration import calibration_error, fit_temperature
from ck19ml.core.scores.intervals import Score
from ck19ml.core.scores.metrics import label_scores, overlap_scores, share_score
from ck19ml.core.scores.verdict import Verdict, compare
from ck19ml.core.wells import well_index

BASELINE = "baseline_"
"""Prefix of the columns with the answers of simple rules."""

MEAN_OVERLAP = "baseline_mean_overlap"
"""Column of the mean overlap of the training patches: what "the mean" predicts."""

RULES = {
    "baseline_majority": "majority class",
    "baseline_overlap": "thresholds on the mean overlap",
    "baseline_logistic": "logistic regression on overlap, areas and counts",
}
"""Columns of the rules' answers for wells, and what the rules are called."""


def rule_name(text: str, table: Iterable[object]) -> str:
    """Return what a rule is called where scores or tables have no overlap.

    Parameters
    ----------
    text : str
        Its name with one, as in `RULES`.
    table : iterable of str
        Names of scores or of columns.
    """
    has_overlap = any("overlap" in str(name) for name in table)
    return text if has_overlap else text.replace("overlap, ", "")


def classifier_scores(
    patches: pd.DataFrame, wells: pd.DataFrame, classes: list[str], seed: int
) -> dict[str, Score]:
    """Score the answers to patches and to wells, with 95 % intervals over units.

    The tables may come from one model, or from several that each answered other wells (the
    folds of a cross-validation).

    Parameters
    ----------
    patches : DataFrame, one row a patch
        plate, well, unit (what was kept together when the wells were split), label,
        predicted_overlap, overlap and `MEAN_OVERLAP` where there are DCs and T cells,
        probability_NAME for each class, and the class that each rule answers in columns that start
        with `BASELINE`.
    wells : DataFrame, one row a well
        unit, stimulation, probability_NAME for each class, and the rules' answers.
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
    unit, each = index_of(patches["unit"]), index_of(wells["unit"])
    scores = _label_scores(patches, patches["label"], classes, unit, rng)
    if "overlap" in patches:
        overlap = patches["overlap"].to_numpy(np.float64)
        scores |= overlap_scores(overlap, patches["predicted_overlap"].to_numpy(), well, rng, unit)
        mean = overlap_scores(overlap, patches[MEAN_OVERLAP].to_numpy(np.float64), well, rng, unit)
        scores["baseline_mean_overlap_mse"] = mean["overlap_mse"]
    scores |= _rule_scores(patches, patches["label"], unit, rng, "accuracy")
    named = [name for name in classes if f"probability_{name}" in wells]
    own = _label_scores(wells, wells["stimulation"], named, each, rng)
    scores |= {f"well_{key}": score for key, score in own.items()}
    return scores | _rule_scores(wells, wells["stimulation"], each, rng, "well_accuracy")


def best_rule(wells: pd.DataFrame) -> str:
    """Column of the rule that answers most of these wells rightly, the last one where tied.

    The best is looked for on the wells that it is compared on, which favours the rules.
    """
    right = {name: (wells[name] == wells["stimulation"]).mean() for name in _rules(wells)}
    return max(reversed(list(right)), key=lambda name: right[name])


def against_best_rule(wells: pd.DataFrame, seed: int) -> Verdict:
    """Compare a classifier's answers for wells with those of the best rule.

    Parameters
    ----------
    wells : DataFrame, one row a well
        See `classifier_scores`; and predicted, the classifier's answer.
    """
    true = wells["stimulation"].astype(str).to_numpy()
    mine, rule = (wells[n].astype(str).to_numpy() == true for n in ("predicted", best_rule(wells)))
    gain = mine.astype(np.float64) - rule
    return compare(gain, index_of(wells["unit"]), np.random.default_rng(seed))


def index_of(units: pd.Series) -> NDArray[np.intp]:
    """Return the index of each row's unit, (n,): 0 ... each used."""
    return np.asarray(pd.factorize(units, sort=True)[0], np.intp)


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
    unit: NDArray[np.integer],
    rng: np.random.Generator,
) -> dict[str, Score]:
    return answer_scores(*_answers(table, names, classes), unit, rng)


def answer_scores(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.integer],
    unit: NDArray[np.integer],
    rng: np.random.Generator,
) -> dict[str, Score]:
    """Score class probabilities, with 95 % intervals over units.

    Parameters
    ----------
    probabilities : ndarray, (n, classes)
    labels, unit : ndarray of int, (n,)

    Returns
    -------
    dict
        Those of `metrics.label_scores`, and calibration_error.
    """
    scores = label_scores(probabilities, labels, unit, rng)
    return scores | {"calibration_error": calibration_error(probabilities, labels, unit, rng)}


def _rule_scores(
    table: pd.DataFrame,
    names: pd.Series,
    unit: NDArray[np.integer],
    rng: np.random.Generator,
    ending: str,
) -> dict[str, Score]:
    true = names.astype(str).to_numpy()
    return {
        f"{rule}_{ending}": share_score(table[rule].astype(str).to_numpy() == true, unit, rng)
        for rule in _rules(table)
    }


def _rules(table: pd.DataFrame) -> list[str]:
    return [str(c) for c in table if str(c).startswith(BASELINE) and c != MEAN_OVERLAP]
