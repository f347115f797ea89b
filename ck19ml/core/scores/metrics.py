"""Scores of classifiers and regressors, with intervals that come from resampling wells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

DRAWS = 1000
"""Bootstrap draws; the percentile bounds then move by less than a tenth of their width."""

SMALLEST_PROBABILITY = 1e-7
"""Probabilities are clipped here before the logarithm (the value of Keras' epsilon)."""

NO_SPREAD = 1e-12
"""Variance below this share of the mean square is rounding: equal values have no R2."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """A score with its 95 % interval over wells.

    Examples
    --------
    >>> str(Score(0.5, 0.25, 0.75))
    '0.500 [0.250, 0.750]'
    """

    value: float
    low: float
    high: float

    def flat(self, name: str) -> dict[str, float]:
        """Return the value under a name, and its interval under ``NAME_low`` and ``NAME_high``."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def interval(
    statistic: Callable[[NDArray[np.intp]], float], wells: int, rng: np.random.Generator
) -> Score:
    """Score all wells, and bound the score by resampling wells with replacement.

    Parameters
    ----------
    statistic : callable
        Takes indices of wells, (wells,), and returns the score of these wells.
    wells : int
        Number of wells.

    Returns
    -------
    Score
        The bounds are the 2.5th and 97.5th percentile of the bootstrap [1]_; draws without
        a score (NaN) are left out.

    References
    ----------
    .. [1] Efron and Tibshirani, "An Introduction to the Bootstrap", chapter 13 (1993).
    """
    draws = rng.integers(0, wells, size=(DRAWS, wells))
    values = np.array([statistic(draw) for draw in draws])
    scored = values[~np.isnan(values)]
    low, high = np.percentile(scored, [2.5, 97.5]) if scored.size else (np.nan, np.nan)
    return Score(float(statistic(np.arange(wells))), float(low), float(high))


def mean_score(sums: Floats, counts: NDArray[np.integer], rng: np.random.Generator) -> Score:
    """Average over patches, with the interval over wells.

    Parameters
    ----------
    sums, counts : ndarray, (wells,)
        Sum of the patches' values and number of patches of each well.
    """
    return interval(lambda w: float(sums[w].sum() / counts[w].sum()), sums.size, rng)


def by_well(values: Floats, well: NDArray[np.integer]) -> tuple[Floats, NDArray[np.intp]]:
    """Sum values and count patches of each well.

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
    unscaled = np.exp(mean - mean.max(axis=1, keepdims=True))
    return np.asarray(unscaled / unscaled.sum(axis=1, keepdims=True))


def log_losses(probabilities: Floats, labels: NDArray[np.integer]) -> Floats:
    """Negative log-probability of each row's true class, in nats, (n,)."""
    chosen = probabilities[np.arange(labels.size), labels]
    return np.asarray(-np.log(np.clip(chosen, SMALLEST_PROBABILITY, 1.0)))


def label_scores(
    probabilities: Floats,
    labels: NDArray[np.integer],
    well: NDArray[np.integer],
    rng: np.random.Generator,
) -> dict[str, Score]:
    """Score the class probabilities of patches (or, with one row a well, of wells).

    Parameters
    ----------
    probabilities : ndarray, (n, classes)
    labels : ndarray of int, (n,)
        True class of each row.
    well : ndarray of int, (n,)
        Index of each row's well: the interval resamples wells.

    Returns
    -------
    dict
        ``accuracy`` and ``log_loss`` (nats).
    """
    correct = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    return {
        "accuracy": mean_score(*by_well(correct, well), rng),
        "log_loss": mean_score(*by_well(log_losses(probabilities, labels), well), rng),
    }


def overlap_scores(
    true: Floats, predicted: Floats, well: NDArray[np.integer], rng: np.random.Generator
) -> dict[str, Score]:
    """Score predicted overlap of patches against the truth, and the mean overlap of wells.

    Parameters
    ----------
    true, predicted : ndarray, (n,), fractions in [0, 1]
    well : ndarray of int, (n,)

    Returns
    -------
    dict
        ``overlap_mse``, ``overlap_rmse`` and ``overlap_r2`` of patches (R2 against the mean
        of these patches), ``well_overlap_rmse`` of the wells' mean overlap.
    """
    squared, counts = by_well((true - predicted) ** 2, well)
    sums, squares = np.bincount(well, true), np.bincount(well, true**2)
    difference = (sums - np.bincount(well, predicted)) / counts

    mse = mean_score(squared, counts, rng)
    return {
        "overlap_mse": mse,
        "overlap_rmse": Score(*(float(np.sqrt(v)) for v in (mse.value, mse.low, mse.high))),
        "overlap_r2": interval(
            lambda w: r2(squared[w], sums[w], squares[w], counts[w]), sums.size, rng
        ),
        "well_overlap_rmse": interval(
            lambda w: float(np.sqrt(np.mean(difference[w] ** 2))), sums.size, rng
        ),
    }


def r2(
    errors: NDArray[Any], sums: NDArray[Any], squares: NDArray[Any], counts: NDArray[Any]
) -> float:
    """R2 of the patches of some wells, against their mean; NaN where they are all equal.

    Parameters
    ----------
    errors, sums, squares : ndarray, (wells,)
        Over each well's patches: the squared errors, the true values and their squares.
    counts : ndarray of int, (wells,)
        Number of each well's patches.
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
