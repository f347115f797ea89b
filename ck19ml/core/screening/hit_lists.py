"""Score a hit list against known inhibitors, with intervals that come from resampling compounds."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.scores.intervals import Score, interval

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def hit_list_scores(
    inhibits: Flags,
    strength: Floats,
    hit: Flags,
    compound: NDArray[np.integer],
    rng: np.random.Generator,
) -> dict[str, Score]:
    """Score a ranked hit list against the truth.

    Parameters
    ----------
    inhibits : ndarray of bool, (n,)
        Truth of each row, one compound under one stimulation.
    strength : ndarray, (n,)
        What the list is ranked by, the strongest inhibition first.
    hit : ndarray of bool, (n,)
        Whether the row is called an inhibitor.
    compound : ndarray of int, (n,)
        Index of the row's compound, 0 .. compounds - 1, each used: rows of one compound are not
        independent, so the interval resamples compounds.

    Returns
    -------
    dict
        ``average_precision``, ``precision`` (NaN without a hit) and ``recall``; NaN where there is
        no inhibitor.
    """

    def precision(rows: NDArray[np.intp]) -> float:
        called = hit[rows].sum()
        return float((hit & inhibits)[rows].sum() / called) if called else float("nan")

    def recall(rows: NDArray[np.intp]) -> float:
        true = inhibits[rows].sum()
        return float((hit & inhibits)[rows].sum() / true) if true else float("nan")

    named = {
        "average_precision": lambda rows: average_precision(inhibits[rows], strength[rows]),
        "precision": precision,
        "recall": recall,
    }
    return {name: over_compounds(score, compound, rng) for name, score in named.items()}


def average_precision_gain(
    inhibits: Flags,
    strength: Floats,
    other: Floats,
    compound: NDArray[np.integer],
    rng: np.random.Generator,
) -> Score:
    """Average precision of one ranking minus that of another, on the same draws of compounds.

    Parameters
    ----------
    inhibits : ndarray of bool, (n,)
        Truth of each row, see `hit_list_scores`.
    strength, other : ndarray, (n,)
        What each list is ranked by, the strongest inhibition first.
    compound : ndarray of int, (n,)
        Index of each row's compound, see `hit_list_scores`.
    """

    def gain(rows: NDArray[np.intp]) -> float:
        true = inhibits[rows]
        return average_precision(true, strength[rows]) - average_precision(true, other[rows])

    return over_compounds(gain, compound, rng)


def average_precision(positive: Flags, strength: Floats) -> float:
    """Average precision of a ranking; NaN without a positive row.

    Scikit-learn's definition (the sum of precision times the gain in recall over the different
    strengths), without its checks of the input: thousands of draws would spend seconds on these.

    Examples
    --------
    >>> average_precision(np.array([True, False, True]), np.array([3.0, 2.0, 1.0])).__round__(3)
    0.833
    """
    if not positive.any():
        return float("nan")
    order = np.argsort(-strength, kind="stable")
    ranked, values = positive[order], strength[order]
    ends = np.flatnonzero(np.append(np.diff(values) != 0, True))
    found = np.cumsum(ranked)[ends]
    gain = np.diff(found, prepend=0) / found[-1]
    return float((found / (ends + 1) * gain).sum())


def log_error(
    found: Floats, true: Floats, compound: NDArray[np.integer], rng: np.random.Generator
) -> Score:
    """Median of |log10(found / true)| of concentrations, with the interval over compounds.

    Parameters
    ----------
    found, true : ndarray, (n,), the same unit, above 0
    compound : ndarray of int, (n,)
    """
    errors = np.abs(np.log10(found) - np.log10(true))
    return over_compounds(lambda rows: float(np.median(errors[rows])), compound, rng)


def over_compounds(
    statistic: Callable[[NDArray[np.intp]], float],
    compound: NDArray[np.integer],
    rng: np.random.Generator,
) -> Score:
    """Score all rows, and bound the score by resampling compounds with all their rows.

    Parameters
    ----------
    statistic : callable
        Takes the indices of rows, (rows,), some of them more than once.
    compound : ndarray of int, (n,)
        Index of each row's compound, 0 .. compounds - 1, each used.
    """
    rows = [np.flatnonzero(compound == index) for index in range(int(compound.max()) + 1)]
    return interval(
        lambda drawn: statistic(np.concatenate([rows[index] for index in drawn])), len(rows), rng
    )
