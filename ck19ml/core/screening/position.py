"""Where on the plate a well lies, and whether that changes what is measured."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

DRAWS = 1999
"""Permutations: the smallest p-value is then 1 in 2,000."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PositionEffect:
    """Share of the wells' variance that their position explains.

    Attributes
    ----------
    places : int
        Different rows, columns or zones with a value.
    share : float
        Share of the variance of the ranks within strata that lies between places, in [0, 1].
    expected : float
        The share that chance gives, the mean over the permutations.
    p : float
        NaN where position cannot be told from the strata.
    """

    places: int
    share: float
    expected: float
    p: float


def residuals(values: Floats, stratum: NDArray[np.integer]) -> Floats:
    """Subtract the median of the well's stratum, (n,), in the unit of the values.

    Parameters
    ----------
    values : ndarray, (n,)
        NaN is a well without a value.
    stratum : ndarray of int, (n,)
        Wells that would be alike if position did nothing: those of one plate and stimulation.

    Examples
    --------
    >>> residuals(np.array([1.0, 2.0, 6.0, 10.0]), np.array([0, 0, 0, 1])).tolist()
    [-1.0, 0.0, 4.0, 0.0]
    """
    result = np.full(values.shape, np.nan)
    for name in np.unique(stratum):
        own = (stratum == name) & np.isfinite(values)
        if own.any():
            result[own] = values[own] - np.median(values[own])
    return result


def position_effect(
    values: Floats,
    stratum: NDArray[np.integer],
    place: NDArray[np.integer],
    rng: np.random.Generator,
) -> PositionEffect:
    """Test whether wells of different places differ, strata compared within themselves only.

    Kruskal and Wallis' statistic on ranks within the strata, with a p-value from permuting the
    wells within their strata [1]_: a column that holds one stimulation alone is compared with the
    other columns of this stimulation, never with another stimulation.

    Parameters
    ----------
    values : ndarray, (n,)
        NaN is a well without a value.
    stratum : ndarray of int, (n,)
    place : ndarray of int, (n,)
        Index of the row, the column or the zone.
    rng : numpy.random.Generator

    References
    ----------
    .. [1] Van Elteren, Bull. Int. Stat. Inst. 37 (1960) 351 (stratified rank tests); Good,
       "Permutation, Parametric and Bootstrap Tests of Hypotheses", chapter 3 (2005).
    """
    known = np.isfinite(values)
    values, stratum = values[known], _indices(stratum[known])
    place = _indices(place[known])
    places = int(place.max()) + 1 if place.size else 0
    nothing = PositionEffect(places, float("nan"), float("nan"), float("nan"))
    pairs = np.unique(np.stack([stratum, place]), axis=1).shape[1]
    if pairs == np.unique(stratum).size:  # each stratum lies in one place
        return nothing
    ranks = np.empty(values.size)
    for name in np.unique(stratum):
        own = stratum == name
        ranks[own] = (stats.rankdata(values[own]) - (own.sum() + 1) / 2) / own.sum()
    total = float(ranks @ ranks)
    if total == 0:
        return nothing
    # Sorted by stratum, a permutation within strata is a sort by stratum plus a random number.
    order = np.argsort(stratum, kind="stable")
    ranks, stratum, place = ranks[order], stratum[order], place[order]
    counts = np.bincount(place)

    def share(row: Floats) -> float:
        return float((np.bincount(place, row) ** 2 / counts).sum() / total)

    found = share(ranks)
    drawn = np.array(
        [share(ranks[np.argsort(stratum + rng.random(ranks.size))]) for _ in range(DRAWS)]
    )
    # A share equal but for rounding counts as reached.
    reached = int((drawn >= found * (1 - 1e-12)).sum())
    return PositionEffect(places, found, float(drawn.mean()), (1 + reached) / (1 + DRAWS))


def at_edge(
    row: NDArray[np.integer], column: NDArray[np.integer], plate_format: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return which wells are in the plate's outer ring, (n,); rows and columns count from 0.

    Examples
    --------
    >>> at_edge(np.array([0, 3, 15]), np.array([5, 5, 5]), (16, 24)).tolist()
    [True, False, True]
    """
    rows, columns = plate_format
    return np.asarray(
        (row == 0) | (row == rows - 1) | (column == 0) | (column == columns - 1), np.bool_
    )


def _indices(names: NDArray[np.integer]) -> NDArray[np.intp]:
    return np.asarray(np.unique(names, return_inverse=True)[1], np.intp).reshape(-1)
