"""Calibration: whether answers of a given probability come true that often."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from ck19ml.core.scores.intervals import Score, interval
from ck19ml.core.scores.metrics import SMALLEST_PROBABILITY, log_losses

BINS = 10
LARGEST_STEP = 4.0
"""Temperatures lie between the exponential of minus this and of plus this."""

Floats = NDArray[np.float64]


def tempered(probabilities: Floats, temperature: float) -> Floats:
    """Divide the log-probabilities by a temperature and let the rows sum to 1 again.

    Above 1 answers become less sure, below 1 more; which class is likeliest stays [1]_.

    Parameters
    ----------
    probabilities : ndarray, (n, classes)
    temperature : float
        Above 0; 1 changes nothing.

    References
    ----------
    .. [1] Guo et al., "On calibration of modern neural networks", ICML (2017).

    Examples
    --------
    >>> tempered(np.array([[0.8, 0.2]]), 2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    if temperature == 1.0:
        return probabilities
    logs = np.log(np.clip(probabilities, SMALLEST_PROBABILITY, 1.0)) / temperature
    return np.asarray(softmax(logs, axis=1))


def fit_temperature(probabilities: Floats, labels: NDArray[np.integer]) -> float:
    """Find the temperature with the least log loss on answers that were not trained on.

    Parameters
    ----------
    probabilities : ndarray, (n, classes)
        Of validation patches, or validation wells.
    labels : ndarray of int, (n,)

    Returns
    -------
    float
        Between exp(-4) and exp(4): where every answer is right, no finite one is best.
    """

    def loss(step: float) -> float:
        return float(log_losses(tempered(probabilities, float(np.exp(step))), labels).mean())

    found = minimize_scalar(loss, bounds=(-LARGEST_STEP, LARGEST_STEP), method="bounded")
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0


def calibration_error(
    probabilities: Floats,
    labels: NDArray[np.integer],
    unit: NDArray[np.integer],
    rng: np.random.Generator,
) -> Score:
    """Score the expected calibration error of the likeliest class [1]_.

    The mean over answers of the distance between the probability and the share of right
    answers of its bin, of ten equal ones. Resampled units fill the bins more unevenly, so the
    interval leans upwards; it may lie above an error that is close to 0.

    Parameters
    ----------
    probabilities : ndarray, (n, classes)
    labels, unit : ndarray of int, (n,)
        True class, and the index of the unit that the interval resamples, of each answer.

    References
    ----------
    .. [1] Guo et al., "On calibration of modern neural networks", ICML (2017).
    """
    sure = probabilities.max(axis=1)
    gap = (probabilities.argmax(axis=1) == labels) - sure
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    units = int(unit.max()) + 1
    flat = unit * BINS + place
    sums = np.bincount(flat, gap, units * BINS).reshape(units, BINS)
    counts = np.bincount(unit, minlength=units)

    def error(drawn: NDArray[np.intp], axis: int = -1) -> Floats:
        # The bins' axis comes last; the units' one before it.
        gaps = np.abs(sums[drawn].sum(axis=axis - 1)).sum(axis=-1)
        return np.asarray(gaps / counts[drawn].sum(axis=axis))

    return interval(error, units, rng).within(0.0, 1.0)
