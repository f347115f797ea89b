"""Scores of classifiers and regressors, with intervals over the units that were split by."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.metrics import average_precision_score

from ck19ml.core.scores.intervals import Score, interval, share

SMALLEST_PROBABILITY = 1e-7
"""Probabilities are clipped here before the logarithm (the value of Keras' epsilon)."""

NO_SPREAD = 1e-12
"""Variance below this share of the mean square is rounding: equal values have no R2."""

Floats = NDArray[np.float64]


def mean_score(sums: Floats, counts: NDArray[np.integer], rng: np.random.Generator) -> Score:
    """Average over patches, with the interval over units.

    Parameters
    ----------
    sums, counts : ndarray, (units,)
        Sum of the values and number of values of each unit.
    """

    def mean(units: NDArray[np.intp], axis: int = -1) -> Any:
        return sums[units].sum(axis) / counts[units].sum(axis)

    return interval(mean, sums.size, rng)


def share_score(
    right: NDArray[np.bool_], unit: NDArray[np.integer], rng: np.random.Generator
) -> Score:
    """Score the share of right answers, with the interval over units.

    Parameters
    ----------
    right : ndarray of bool, (n,)
    unit : ndarray of int, (n,)
        Index of each answer's unit, 0 ... each used. Wilson's interval serves where each unit has
        one answer; otherwise units are resampled.
    """
    if right.size == np.unique(unit).size:
        return share(int(right.sum()), right.size)
    return mean_score(*by_well(right.astype(np.float64), unit), rng).within(0.0, 1.0)


def by_well(values: Floats, well: NDArray[np.integer]) -> tuple[Floats, NDArray[np.intp]]:
    """Sum values and count patches of each well, or of each unit of another kind.

    Parameters
    ----------
    values : ndarray, (n,)
    well : ndarray of int, (n,)
        Index of each patch's well, 0 .. wells - 1, each used.

    Returns
    -------
    sums, counts : ndarray, (wells,)
    """
    return np.bincount(well, values).astype(np.float64), np.bincount(well)


def well_probabilities(probabilities: Floats, well: NDArray[np.integer]) -> Floats:
    """Combine the patches of each well: the normalised exponential of the mean log-probability.

    Parameters
    ----------
    probabilities : ndarray, (n, classes)
    well : ndarray of int, (n,)

    Returns
    -------
    ndarray, (wells, classes)
        Rows sum to 1.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.5, 0.5]])
    >>> well_probabilities(p, np.array([0, 0])).round(2).tolist()
    [[0.75, 0.25]]
    """
    logs = np.log(np.clip(probabilities, SMALLEST_PROBABILITY, 1.0))
    counts = np.bincount(well)
    mean = np.stack([np.bincount(well, column) / counts for column in logs.T], axis=1)
    return np.asarray(softmax(mean, axis=1))


def log_losses(probabilities: Floats, labels: NDArray[np.integer]) -> Floats:
    """Negative log-probability of each row's true class, in nats, (n,)."""
    chosen = probabilities[np.arange(labels.size), labels]
    return np.asarray(-np.log(np.clip(chosen, SMALLEST_PROBABILITY, 1.0)))


def label_scores(
    probabilities: Floats,
    labels: NDArray[np.integer],
    unit: NDArray[np.integer],
    rng: np.random.Generator,
) -> dict[str, Score]:
    """Score the class probabilities of patches (or, with one row a well, of wells).

    Parameters
    ----------
    probabilities : ndarray, (n, classes)
    labels : ndarray of int, (n,)
        True class of each row.
    unit : ndarray of int, (n,)
        Index of each row's unit, which the intervals resample.

    Returns
    -------
    dict
        ``accuracy`` and ``log_loss`` (nats).
    """
    losses = log_losses(probabilities, labels)
    return {
        "accuracy": share_score(probabilities.argmax(axis=1) == labels, unit, rng),
        "log_loss": mean_score(*by_well(losses, unit), rng).within(0.0, np.inf),
    }


def overlap_scores(
    true: Floats,
    predicted: Floats,
    well: NDArray[np.integer],
    rng: np.random.Generator,
    unit: NDArray[np.integer] | None = None,
) -> dict[str, Score]:
    """Score predicted overlap of patches against the truth, and the mean overlap of wells.

    Parameters
    ----------
    true, predicted : ndarray, (n,), fractions in [0, 1]
    well : ndarray of int, (n,)
    unit : ndarray of int, (n,), optional
        Index of each patch's unit, which the intervals resample; by default its well.

    Returns
    -------
    dict
        ``overlap_mse``, ``overlap_rmse`` and ``overlap_r2`` of patches (R2 against the mean
        of these patches), ``well_overlap_rmse`` of the wells' mean overlap.
    """
    unit = well if unit is None else unit
    squared, counts = by_well((true - predicted) ** 2, unit)
    sums, squares = np.bincount(unit, true), np.bincount(unit, true**2)
    difference = np.bincount(well, true - predicted) / np.bincount(well)
    own = unit[np.unique(well, return_index=True)[1]]
    of_wells = mean_score(*by_well(difference**2, own), rng).within(0.0, np.inf)
    mse = mean_score(squared, counts, rng).within(0.0, np.inf)
    return {
        "overlap_mse": mse,
        "overlap_rmse": _root(mse),
        "overlap_r2": interval(
            lambda w: r2(squared[w], sums[w], squares[w], counts[w]), sums.size, rng
        ).within(-np.inf, 1.0),
        "well_overlap_rmse": _root(of_wells),
    }


def _root(score: Score) -> Score:
    return Score(*(float(np.sqrt(v)) for v in (score.value, score.low, score.high)))


def r2(
    errors: NDArray[Any], sums: NDArray[Any], squares: NDArray[Any], counts: NDArray[Any]
) -> float:
    """R2 of the patches of some units, against their mean; NaN where they are all equal.

    Parameters
    ----------
    errors, sums, squares : ndarray, (units,)
        Over each unit's patches: the squared errors, the true values and their squares.
    counts : ndarray of int, (units,)
        Number of each unit's patches.
    """
    total = squares.sum()
    spread = total - sums.sum() ** 2 / counts.sum()
    return float(1 - errors.sum() / spread) if spread > NO_SPREAD * total else float("nan")


def interaction_scores(true: Floats, predicted: Floats, threshold: float) -> dict[str, float]:
    """Score the call "these cells interact": overlap at or above a threshold.

    Parameters
    ----------
    true, predicted : ndarray, (n,), fractions in [0, 1]
    threshold : float
        0.2 in the slides, where "never" is right 99 % of the time: read the accuracy beside
        the prevalence.

    Returns
    -------
    dict
        ``interaction_accuracy``, ``interaction_prevalence``,
        ``interaction_average_precision`` (NaN without a positive patch).
    """
    positive = true >= threshold
    return {
        "interaction_accuracy": float(np.mean(positive == (predicted >= threshold))),
        "interaction_prevalence": float(np.mean(positive)),
        "interaction_average_precision": float(average_precision_score(positive, predicted))
        if positive.any()
        else float("nan"),
    }
