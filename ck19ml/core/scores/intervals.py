"""Intervals of scores: one bootstrap, Wilson's interval of a share, and pivotal intervals.

Their coverage is measured by ``benchmarks/interval_coverage.py``; its table is in
docs/statistics.md.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

DRAWS = 1000
"""Bootstrap draws; the percentile bounds then move by less than a tenth of their width."""

PIVOTAL_DRAWS = 10_000
"""Draws of generalised pivotal quantities, which cost little more than the random numbers."""

LEVEL = 0.95
"""Confidence level of every interval."""

FEW = 8
"""Percentiles of fewer units end at the smallest and the largest of them, and cover too little."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """A score with its 95 % interval; NaN bounds where the data give none.

    Examples
    --------
    >>> str(Score(0.5, 0.25, 0.75))
    '0.500 [0.250, 0.750]'
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")

    def __str__(self) -> str:
        return self.text()

    def text(self, digits: int = 3) -> str:
        """Return the score and its interval with this many decimals, without absent bounds.

        Examples
        --------
        >>> Score(0.5).text(1)
        '0.5'
        """
        if not np.isfinite([self.low, self.high]).all():
            return f"{self.value:.{digits}f}"
        return f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"

    def within(self, lowest: float, highest: float) -> "Score":
        """Return the score with its bounds cut to the range that the quantity has."""
        low, high = (float(np.clip(bound, lowest, highest)) for bound in (self.low, self.high))
        return Score(self.value, low, high)

    def flat(self, name: str) -> dict[str, float]:
        """Return the value under a name, and the bounds under ``NAME_low`` and ``NAME_high``."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


def bootstrap(
    statistic: Callable[..., Any],
    samples: Sequence[NDArray[Any]],
    rng: np.random.Generator,
    *,
    value: float | None = None,
) -> Score:
    """Bound a statistic of independent samples by resampling each with replacement.

    Let w be Student's quantile times sqrt(n / (n - 1)), with n of the smallest sample. Of `FEW` or
    more the bounds are percentiles of the bootstrap distribution, at the level whose normal
    quantile is w ("expanded percentile" [1]_); of fewer, they lie w bootstrap SDs away.

    Parameters
    ----------
    statistic : callable
        Takes one array a sample and returns a number, NaN where a draw has none. One with a
        parameter ``axis`` takes all draws at once.
    samples : sequence of ndarray, (n,) each
    value : float, optional
        The estimate; by default the statistic of the samples.

    Returns
    -------
    Score
        Without bounds where a sample has fewer than two elements, or no draw has a value.

    References
    ----------
    .. [1] Hesterberg, "What teachers should know about the bootstrap", Am. Stat. 69 (2015) 371,
       section 5.
    """
    estimate = float(statistic(*samples)) if value is None else value
    fewest = min(len(sample) for sample in samples)
    if fewest < 2:
        return Score(estimate)
    with warnings.catch_warnings():  # of draws that are all alike, or of which some are NaN
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        draws = stats.bootstrap(
            samples, statistic, n_resamples=DRAWS, method="percentile", rng=rng
        ).bootstrap_distribution
    known = draws[np.isfinite(draws)]
    if not known.size:
        return Score(estimate)
    wide = stats.t.isf((1 - LEVEL) / 2, fewest - 1) * np.sqrt(fewest / (fewest - 1))
    if fewest < FEW:
        half = float(wide * known.std())
        return Score(estimate, estimate - half, estimate + half)
    low, high = np.quantile(known, stats.norm.cdf([-wide, wide]))
    return Score(estimate, float(low), float(high))


def interval(statistic: Callable[..., Any], units: int, rng: np.random.Generator) -> Score:
    """Score all units, and bound the score by resampling units with replacement.

    Parameters
    ----------
    statistic : callable
        Takes indices of units, (units,), some of them more than once, and returns their score. One
        with a parameter ``axis`` takes all draws at once, (draws, units).
    units : int
        Number of wells, plates or donors: of what was kept together when the wells were split.
    """
    return bootstrap(statistic, (np.arange(units),), rng)


def share(hits: int, trials: int) -> Score:
    """Score a share of independent units, with Wilson's interval [1]_.

    Returns
    -------
    Score
        NaN without a trial.

    References
    ----------
    .. [1] Wilson, J. Am. Stat. Assoc. 22 (1927) 209; Brown, Cai and DasGupta, Stat. Sci. 16 (2001)
       101 recommend it for few trials.

    Examples
    --------
    >>> str(share(9, 10))
    '0.900 [0.596, 0.982]'
    """
    if not trials:
        return Score(float("nan"))
    bounds = stats.binomtest(hits, trials).proportion_ci(LEVEL, method="wilson")
    return Score(hits / trials, float(bounds.low), float(bounds.high))


def pivotal(
    statistic: Callable[[Floats, Floats, Floats, Floats], Floats],
    first: Floats,
    second: Floats,
    rng: np.random.Generator,
) -> Score:
    """Bound a function of the means and SDs of two normal samples by pivotal quantities [1]_.

    Each draw replaces a sample's SD by s sqrt((n - 1) / chi-squared), and its mean by the mean plus
    a normal number times this SD over sqrt(n): what the sample leaves open of both.

    Parameters
    ----------
    statistic : callable
        Takes mean, SD, mean and SD of the two, arrays of one shape.
    first, second : ndarray, (n,) and (m,)

    Returns
    -------
    Score
        NaN for fewer than two values in a sample, and without bounds where neither has any spread.

    References
    ----------
    .. [1] Weerahandi, "Generalized confidence intervals", J. Am. Stat. Assoc. 88 (1993) 899.
    """
    if min(first.size, second.size) < 2:
        return Score(float("nan"))
    moments = [(x.mean(), x.std(ddof=1), x.size) for x in (first, second)]
    value = float(statistic(*[np.asarray(m) for mean, sd, _ in moments for m in (mean, sd)]))
    if not np.isfinite(value):
        return Score(float("nan"))
    drawn: list[Floats] = []
    for mean, sd, n in moments:
        spread = sd * np.sqrt((n - 1) / rng.chisquare(n - 1, PIVOTAL_DRAWS))
        drawn += [mean + rng.standard_normal(PIVOTAL_DRAWS) * spread / np.sqrt(n), spread]
    known = statistic(*drawn)
    known = known[np.isfinite(known)]
    if not known.size or max(sd for _, sd, _ in moments) == 0:
        return Score(value)
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Score(value, float(low), float(high))
