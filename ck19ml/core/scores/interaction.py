"""Interaction, yes or no: overlap at or above a threshold, told from predicted overlap."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix_at_thresholds,
    roc_auc_score,
)

Floats = NDArray[np.float64]

SLIDES_THRESHOLD = 0.2
"""Overlap from which cells interact in the slides."""

THRESHOLDS = np.arange(1, 81) / 200
"""Overlaps at which the curve is drawn: 0.005 to 0.4; above, a patch in 10,000 is left."""


def call_scores(
    true: Floats, predicted: Floats, threshold: float, call: float | None = None
) -> dict[str, float]:
    """Score "these cells interact" beside "never", which is right 99 % of the time at 0.2.

    Parameters
    ----------
    true, predicted : ndarray, (n,), fractions in [0, 1]
    threshold : float
        True overlap from which cells interact.
    call : float, optional
        Predicted overlap from which they are said to; the threshold by default.

    Returns
    -------
    dict
        ``interaction_threshold``, ``interaction_call``, ``interaction_prevalence``,
        ``interaction_accuracy``, ``interaction_never_accuracy``, ``interaction_precision``,
        ``interaction_recall``, ``interaction_f1``, ``interaction_average_precision`` and
        ``interaction_roc_auc``; NaN where there is nothing to divide by, or only one answer.

    Examples
    --------
    >>> scores = call_scores(np.array([0.0, 0.3, 0.4]), np.array([0.1, 0.1, 0.5]), 0.2)
    >>> scores["interaction_precision"], scores["interaction_recall"]
    (1.0, 0.5)
    """
    call = threshold if call is None else call
    positive, called = true >= threshold, predicted >= call
    both = positive.any() and not positive.all()
    return {
        "interaction_threshold": threshold,
        "interaction_call": call,
        **{f"interaction_{name}": float(v) for name, v in _counted(positive, called).items()},
        "interaction_average_precision": float(average_precision_score(positive, predicted))
        if positive.any()
        else float("nan"),
        "interaction_roc_auc": float(roc_auc_score(positive, predicted)) if both else float("nan"),
    }


def _counted(positive: NDArray[np.bool_], called: NDArray[np.bool_]) -> dict[str, float]:
    hits, n_called, n_true = (positive & called).sum(), called.sum(), positive.sum()
    return {
        "prevalence": positive.mean(),
        "accuracy": (positive == called).mean(),
        "never_accuracy": 1 - positive.mean(),
        "precision": hits / n_called if n_called else np.nan,
        "recall": hits / n_true if n_true else np.nan,
        "f1": 2 * hits / (n_called + n_true) if n_called + n_true else np.nan,
    }


def interaction_curve(
    true: Floats, predicted: Floats, thresholds: Floats = THRESHOLDS
) -> dict[str, Floats]:
    """Score the call at each threshold, which defines both the truth and the call.

    Returns
    -------
    dict of ndarray, (thresholds,)
        threshold, prevalence, accuracy, never_accuracy, precision, recall, f1.
    """
    rows = [_counted(true >= level, predicted >= level) for level in thresholds]
    columns = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    return {"threshold": np.asarray(thresholds, np.float64), **columns}


def best_call(true: Floats, predicted: Floats, threshold: float = SLIDES_THRESHOLD) -> float:
    """Predicted overlap from which saying "interaction" gives the highest F1.

    A regressor that shrinks towards the mean rarely predicts 0.2 where 0.2 is true: what it is
    asked for is a cut on its own scale. Chosen on wells that the scores are not taken from.

    Parameters
    ----------
    true, predicted : ndarray, (n,), fractions in [0, 1]
    threshold : float
        True overlap from which cells interact.

    Returns
    -------
    float
        Half-way between the predictions on both sides; the threshold itself where no patch
        interacts. Of equally good cuts the highest.

    Examples
    --------
    >>> best_call(np.array([0.0, 0.1, 0.3, 0.4]), np.array([0.02, 0.04, 0.08, 0.1]))
    0.06
    """
    positive = true >= threshold
    if not positive.any():
        return threshold
    _, false, missed, hits, cuts = confusion_matrix_at_thresholds(positive, predicted)
    best = int(np.argmax(2 * hits / (2 * hits + false + missed)))  # cuts descend: the highest
    below = cuts[min(best + 1, cuts.size - 1)]
    middle = (cuts[best] + below) / 2
    return float(middle if middle > below else cuts[best])  # no number between neighbours
