"""Paired verdicts: whether a model is better than another on the same wells."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ck19ml.core.scores.intervals import Score, bootstrap
from ck19ml.core.scores.metrics import by_well

BETTER, WORSE, NOT_SHOWN = "better", "worse", "no difference shown"

DIFFERENCE = 0.1
"""Difference in accuracy that a laboratory would act on, for which the power is given."""

POWER = 0.8
"""Usual probability with which a study should show a difference that is there."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """A paired comparison of two models on the same wells.

    Attributes
    ----------
    difference : Score
        Mean gain of the first over the second with its interval; above 0 the first is better.
    units : int
        Number of independent units that the interval resamples.
    wins, losses : int
        Wells that only the first, or only the second, answers rightly; 0 where the gain is not of
        right and wrong answers.
    p : float
        Exact McNemar test of the wins against the losses, two-sided [1]_; NaN where the units are
        not single wells.

    References
    ----------
    .. [1] McNemar, Psychometrika 12 (1947) 153; in its exact form a sign test.
    """

    difference: Score
    units: int
    wins: int = 0
    losses: int = 0
    p: float = float("nan")

    @property
    def word(self) -> str:
        """`BETTER` or `WORSE` where the interval excludes 0, else `NOT_SHOWN`."""
        if self.difference.low > 0:
            return BETTER
        return WORSE if self.difference.high < 0 else NOT_SHOWN

    def points(self) -> str:
        """Return the verdict on a share in percentage points.

        Examples
        --------
        >>> Verdict(Score(0.1, 0.04, 0.16), 120).points()
        'better by 10 points [4, 16]'
        >>> Verdict(Score(0.01, -0.05, 0.06), 120).points()
        'no difference shown (+1 [-5, 6])'
        """
        return self._text(Score(*(100 * v for v in _values(self.difference))), 0, " points")

    def text(self, digits: int) -> str:
        """Return the verdict on a quantity with its own unit.

        Examples
        --------
        >>> Verdict(Score(-0.02, -0.03, -0.01), 30).text(3)
        'worse by 0.020 [0.010, 0.030]'
        """
        return self._text(self.difference, digits, "")

    def _text(self, score: Score, digits: int, unit: str) -> str:
        value, low, high = _values(score)
        if self.word == NOT_SHOWN:
            bounds = "" if np.isnan(low) else f" [{low:.{digits}f}, {high:.{digits}f}]"
            return _without_minus_zero(f"{NOT_SHOWN} ({value:+.{digits}f}{bounds})")
        if self.word == WORSE:
            value, low, high = -value, -high, -low
        return f"{self.word} by {value:.{digits}f}{unit} [{low:.{digits}f}, {high:.{digits}f}]"


def compare(gain: Floats, unit: NDArray[np.integer], rng: np.random.Generator) -> Verdict:
    """Compare two models by the gain of the first over the second in each answer.

    Units are resampled. Where each unit is one well with right or wrong answers, one win and one
    loss are added before (Agresti and Min [1]_ add half of each to every cell of the table):
    without them a handful of wins and no loss excludes 0 although the exact test does not.

    Parameters
    ----------
    gain : ndarray, (n,)
        Of right answers 1, 0 or -1; of losses the second's minus the first's.
    unit : ndarray of int, (n,)
        Index of each answer's unit, 0 ... each used.

    References
    ----------
    .. [1] Agresti and Min, Stat. Med. 24 (2005) 729.

    Examples
    --------
    >>> won = compare(np.repeat([1.0, 0.0], [9, 21]), np.arange(30), np.random.default_rng(0))
    >>> won.word, won.wins, round(won.p, 3)
    ('better', 9, 0.004)
    """
    sums, counts = by_well(gain, unit)
    single = bool(np.isin(gain, (-1, 0, 1)).all()) and sums.size == gain.size
    value = float(gain.mean())
    wins, losses = int((gain == 1).sum()), int((gain == -1).sum())
    if single:
        sums, counts = np.append(sums, [1.0, -1.0]), np.append(counts, [1, 1])

    def mean(units: NDArray[np.intp], axis: int = -1) -> Floats:
        return np.asarray(sums[units].sum(axis) / counts[units].sum(axis))

    score = bootstrap(mean, (np.arange(sums.size),), rng, value=value)
    if not single:
        return Verdict(score, len(sums))
    p = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    return Verdict(score, gain.size, wins, losses, float(p))


FLIPS = 4096
"""Sign flips that are drawn at random where there are more; of up to 12 units all are tried."""

GATE_LEVEL = 0.025
"""Largest one-sided p-value of a promotion: the share of promotions between equal models. Measured
by ``benchmarks/gate_errors.py``."""


def sign_flip_test(gain: Floats, rng: np.random.Generator) -> float:
    """Test one-sidedly whether the mean gain is above 0, by flipping signs [1]_.

    Exact at any number of units if two equal models lose as often by a given amount as they win.

    Parameters
    ----------
    gain : ndarray, (units,)
        Of losses the second's minus the first's.

    Returns
    -------
    float
        Probability of a mean gain this high between equal models; 1 without a difference.

    References
    ----------
    .. [1] Good, "Permutation, Parametric and Bootstrap Tests of Hypotheses", chapter 3 (2005).

    Examples
    --------
    >>> sign_flip_test(np.array([0.1, 0.2, 0.3, 0.1, 0.2]), np.random.default_rng(0))
    0.03125
    """
    if not gain.any():
        return 1.0
    if gain.size == 1:
        return 0.5 if gain[0] > 0 else 1.0
    found = stats.permutation_test(
        (gain,), np.mean, permutation_type="samples", alternative="greater",
        n_resamples=FLIPS, vectorized=True, rng=rng,
    )  # fmt: skip
    return float(found.pvalue)


def discordance(verdict: Verdict, difference: float = DIFFERENCE) -> float:
    """Estimate the share of wells that only one of the two answers rightly.

    At least the difference: with fewer such wells it could not be there.
    """
    found = (verdict.wins + verdict.losses + 1) / (verdict.units + 2)
    return max(found, difference)


def power(wells: int, discordant: float, difference: float = DIFFERENCE) -> float:
    """Probability that so many wells show a difference in accuracy at 5 %, two-sided.

    Exact for the McNemar test, by summing over the number of wells that only one of the two answers
    rightly; a verdict by the bootstrap has nearly the same power.

    Parameters
    ----------
    discordant : float
        Share of the wells that only one of the two answers rightly.

    Examples
    --------
    >>> round(power(120, 0.25), 2)
    0.52
    """
    split = np.arange(wells + 1)
    fewest = stats.binom.isf(0.025, split, 0.5) + 1
    won = min((discordant + difference) / (2 * discordant), 1.0)
    shown = stats.binom.sf(fewest - 1, split, won)
    return float(stats.binom.pmf(split, wells, discordant) @ shown)


def wells_needed(discordant: float, difference: float = DIFFERENCE) -> int:
    """Smallest number of wells, in tens, that shows a difference with the probability `POWER`.

    Examples
    --------
    >>> wells_needed(0.25)
    210
    """
    low, high = 0, 10
    while power(high, discordant, difference) < POWER:
        low, high = high, 2 * high
    while high - low > 10:
        middle = (low + high) // 20 * 10
        low, high = (
            (low, middle) if power(middle, discordant, difference) >= POWER else (middle, high)
        )
    return high


def _values(score: Score) -> tuple[float, float, float]:
    return score.value, score.low, score.high


def _without_minus_zero(text: str) -> str:
    return text.replace("-0]", "0]").replace("[-0,", "[0,").replace("(-0 ", "(+0 ")
