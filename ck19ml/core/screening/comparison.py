"""Assay quality, and tests of compounds against the controls of their plate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

FEWEST_CONTROLS = 3
"""With fewer control wells their mean says less than the median of all wells."""

FEWEST_DEGREES = 3
"""With fewer degrees of freedom replicates do not tell the spread of wells."""

CONTROL = -1
"""Group of the control wells in `compare_with_controls`."""

Floats = NDArray[np.float64]


def robust_z(values: Floats, reference: Floats) -> Floats:
    """Distance from the median of the reference wells in robust SDs (1.4826 x MAD).

    Parameters
    ----------
    values, reference : ndarray, (n,) and (m,), any unit

    Returns
    -------
    ndarray, (n,)
        NaN where the reference has no spread or no value.

    References
    ----------
    .. [1] Birmingham et al., Nature Methods 6 (2009) 569, box 2.

    Examples
    --------
    >>> robust_z(np.array([5.0]), np.array([1.0, 2.0, 3.0])).round(3).tolist()
    [2.023]
    """
    known = reference[np.isfinite(reference)]
    if not known.size:
        return np.full(values.shape, np.nan)
    spread = stats.median_abs_deviation(known, scale="normal")
    return np.asarray((values - np.median(known)) / (spread if spread > 0 else np.nan))


def z_prime(positive: Floats, negative: Floats) -> float:
    """Return Z' of two groups of control wells: 1 - 3 (SD + SD) / |mean - mean| [1]_.

    1 is a perfect assay, 0.5 or more an excellent one, below 0 the groups' three-SD bands
    overlap. NaN for fewer than two wells in a group or equal means.

    References
    ----------
    .. [1] Zhang, Chung and Oldenburg, J. Biomol. Screen. 4 (1999) 67, equation 4.

    Examples
    --------
    >>> z_prime(np.array([9.0, 10.0, 11.0]), np.array([-1.0, 0.0, 1.0]))
    0.4
    """
    return _of_wells(z_prime_of_moments, positive, negative)


def z_prime_of_moments(mean: Floats, sd: Floats, other_mean: Floats, other_sd: Floats) -> Floats:
    """Return Z' of groups with these means and SDs, of any shape; for `pivotal`."""
    return 1 - _divided(3 * (sd + other_sd), np.abs(mean - other_mean))


def ssmd(first: Floats, second: Floats) -> float:
    """Return the strictly standardised mean difference of two groups of wells [1]_.

    (mean - mean) / sqrt(variance + variance); NaN for fewer than two wells in a group or groups
    without any spread.

    References
    ----------
    .. [1] Zhang, Genomics 89 (2007) 552.

    Examples
    --------
    >>> round(ssmd(np.array([9.0, 10.0, 11.0]), np.array([-1.0, 0.0, 1.0])), 3)
    7.071
    """
    return _of_wells(ssmd_of_moments, first, second)


def ssmd_of_moments(mean: Floats, sd: Floats, other_mean: Floats, other_sd: Floats) -> Floats:
    """Return the SSMD of groups with these means and SDs, of any shape; for `pivotal`."""
    return _divided(mean - other_mean, np.sqrt(sd**2 + other_sd**2))


def _of_wells(statistic: Callable[..., Floats], first: Floats, second: Floats) -> float:
    if min(first.size, second.size) < 2:
        return float("nan")
    return float(statistic(first.mean(), first.std(ddof=1), second.mean(), second.std(ddof=1)))


@dataclass(frozen=True)
class Comparison:
    """Groups of wells beside their reference, one entry a group.

    Attributes
    ----------
    against : {'controls', 'all wells'}
        What the groups were compared with.
    wells : ndarray of int, (groups,)
    effect : ndarray, (groups,)
        Mean of the group minus that of the reference, in the unit of the values.
    robust_z : ndarray, (groups,)
        `robust_z` of the group's median.
    ssmd : ndarray, (groups,)
        Effect over sqrt(2) SD: SSMD of two groups with the same SD.
    t : ndarray, (groups,)
        Effect over its standard error.
    p : ndarray, (groups,)
        Two-sided p-value, before any correction for the number of groups.
    degrees : float
        Degrees of freedom of the SD; infinite where it is a MAD of all wells.
    """

    against: str
    wells: NDArray[np.intp]
    effect: Floats
    robust_z: Floats
    ssmd: Floats
    t: Floats
    p: Floats
    degrees: float


@dataclass(frozen=True)
class Beyond:
    """Variance of groups around the controls that wells of one group do not show.

    Attributes
    ----------
    variance : float
        Of a group's mean minus the controls' mean, in the square of the values' unit.
    degrees : float
        Degrees of freedom of the variance.
    """

    variance: float = 0.0
    degrees: float = float("inf")


def variance_beyond_replicates(
    values: Floats, group: NDArray[np.integer], groups: int
) -> Beyond | None:
    """Estimate how far inert groups lie from the controls for reasons other than the wells' spread.

    Replicates of a compound often share a row, and vehicle wells a few others, so the spread
    within groups shows nothing of rows, edges or gradients. Where the groups do nothing, as
    inhibitors without a stimulus, all of their distance from the controls beyond that spread is
    such an effect: the mean square of the groups around the controls minus what the spread gives.
    A common offset of the controls counts as much as differences between the groups.

    Parameters
    ----------
    values : ndarray, (n,), any unit
    group, groups
        As in `compare_with_controls`.

    Returns
    -------
    Beyond, or None
        None with fewer than `FEWEST_CONTROLS` controls or groups, or without replicates.
    """
    known = np.isfinite(values)
    values, group = values[known], group[known]
    counts, means, controls = _means(values, group, groups)
    used = counts > 0
    sd, degrees = _spread(values, group, groups)
    if min(controls.size, used.sum()) < FEWEST_CONTROLS or not np.isfinite(degrees):
        return None
    square = ((means[used] - controls.mean()) ** 2).mean()
    within = sd**2 * ((1 / counts[used]).mean() + 1 / controls.size)
    apart = means[used].var(ddof=1) - sd**2 * (1 / counts[used]).mean()
    return Beyond(max(0.0, square - within, 2 * apart), float(used.sum() - 1))


def _means(
    values: Floats, group: NDArray[np.integer], groups: int
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Return the size and mean of each group, NaN without a well, and the controls' values."""
    own = group != CONTROL
    counts = np.bincount(group[own], minlength=groups)
    return (
        counts,
        _divided(np.bincount(group[own], values[own], minlength=groups), counts),
        values[~own],
    )


def control_spread(
    values: Floats, group: NDArray[np.integer], groups: int
) -> tuple[float, float, int, int]:
    """Return the sums of squares of control wells and of replicates around their own means.

    Parameters
    ----------
    values : ndarray, (n,), any unit
    group, groups
        As in `compare_with_controls`.

    Returns
    -------
    float, float, int, int
        Of the controls, of the other groups; degrees of freedom of both.
    """
    known = np.isfinite(values)
    values, group = values[known], group[known]
    counts, means, controls = _means(values, group, groups)
    own = group != CONTROL
    return (
        float(controls.var() * controls.size) if controls.size else 0.0,
        float(((values[own] - means[group[own]]) ** 2).sum()),
        max(0, controls.size - 1),
        int((counts[counts > 0] - 1).sum()),
    )


def compare_with_controls(
    values: Floats, group: NDArray[np.integer], groups: int, beyond: Beyond | None = None
) -> Comparison:
    """Test each group of wells against the control wells of the same plate and stimulation.

    The SD is that of wells which were treated alike, pooled over all groups and the controls
    (one-way analysis of variance [1]_): a compound of one or two wells borrows it from the
    others, so its p-value is honest where its own wells could say nothing. With fewer than
    `FEWEST_CONTROLS` controls the reference is the median of all wells with a compound,
    which holds where most compounds do nothing. Where there are no replicates at all, the SD is
    the MAD of all wells and the p-value that of a normal distribution.

    Parameters
    ----------
    values : ndarray, (n,), any unit
        One value a well; NaN is a well without a value.
    group : ndarray of int, (n,)
        Index of the well's group, or `CONTROL`.
    groups : int
        Number of groups; those without a value get NaN.
    beyond : Beyond, optional
        Variance to add to the squared standard error, with degrees of freedom by Satterthwaite.

    References
    ----------
    .. [1] Dunnett, J. Am. Stat. Assoc. 50 (1955) 1096: treatments against one control with the
       pooled SD. Here each p-value stands for itself; see `false_discovery_rate`.
    """
    known = np.isfinite(values)
    values, group = values[known], group[known]
    own = group != CONTROL
    counts, means, controls = _means(values, group, groups)
    enough = controls.size >= FEWEST_CONTROLS
    reference = controls if enough else values[own]
    centre = controls.mean() if enough else np.median(reference) if own.any() else np.nan
    # The variance of a normal sample's median is pi/2 times that of its mean.
    uncertainty = _divided(1.0 if enough else np.pi / 2, reference.size)
    sd, degrees = _spread(values, group, groups)
    effect = means - centre
    more = beyond or Beyond()
    spread = sd**2 * (_divided(1.0, counts) + uncertainty)
    t = _divided(effect, np.sqrt(spread + more.variance))
    each = _divided(
        (spread + more.variance) ** 2, spread**2 / degrees + more.variance**2 / more.degrees
    )
    each = np.where(np.isnan(each), degrees, each)
    middle = pd.Series(values[own]).groupby(group[own]).median()
    medians = middle.reindex(range(groups)).to_numpy(np.float64)
    return Comparison(
        against="controls" if enough else "all wells",
        wells=counts,
        effect=effect,
        robust_z=robust_z(medians, reference),
        ssmd=_divided(effect, np.sqrt(2) * sd),
        t=t,
        p=np.asarray(2 * stats.t.sf(np.abs(t), each)),
        degrees=degrees,
    )


def _spread(values: Floats, group: NDArray[np.integer], groups: int) -> tuple[float, float]:
    """SD of wells that were treated alike, and its degrees of freedom."""
    of_controls, of_replicates, *degrees = control_spread(values, group, groups)
    if sum(degrees) >= FEWEST_DEGREES:
        return float(np.sqrt((of_controls + of_replicates) / sum(degrees))), float(sum(degrees))
    if not values.size:
        return float("nan"), float("nan")
    return float(stats.median_abs_deviation(values, scale="normal")), float("inf")


def _divided(first: NDArray[Any] | float, second: NDArray[Any] | float) -> Floats:
    """Divide; NaN where the second is 0."""
    below = np.asarray(second, np.float64)
    return np.asarray(first / np.where(below == 0, np.nan, below), np.float64)


def false_discovery_rate(p: Floats) -> Floats:
    """Benjamini and Hochberg's adjusted p-values (q), (n,); NaN stays and does not count.

    References
    ----------
    .. [1] Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995) 289.

    Examples
    --------
    >>> false_discovery_rate(np.array([0.01, 0.04, np.nan])).tolist()
    [0.02, 0.04, nan]
    """
    q = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    if known.any():
        q[known] = stats.false_discovery_control(p[known], method="bh")
    return q
