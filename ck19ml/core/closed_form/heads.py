"""Linear heads: shrunken discriminant analysis and logistic regression, nothing but arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from scipy.special import log_softmax
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.linear_model import LogisticRegression

CONSTANT = 1e-12
"""A standard deviation below this share of the mean is rounding: the feature says nothing."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LinearHead:
    """Standardised features to the logits of classes.

    Attributes
    ----------
    mean, scale : ndarray, (features,)
        Mean and standard deviation of the training features, missing ones left out.
    weights : ndarray, (features, classes)
        Of standardised features.
    biases : ndarray, (classes,)
    """

    mean: Floats
    scale: Floats
    weights: Floats
    biases: Floats

    def standardised(self, features: Floats) -> Floats:
        """Standardise features, (n, features); a missing one (NaN) counts as the mean."""
        return np.nan_to_num((features - self.mean) / self.scale, nan=0.0)

    def log_probabilities(self, features: Floats) -> Floats:
        """Log-probability of each class, (n, classes), from features, (n, features)."""
        logits = self.standardised(features) @ self.weights + self.biases
        return np.asarray(log_softmax(logits, axis=1))


def fit_lda(features: Floats, labels: NDArray[np.integer], *, balanced: bool = False) -> LinearHead:
    """Fit a linear discriminant analysis whose covariance is shrunk as far as the data ask for.

    The shrinkage is Ledoit and Wolf's [1]_, so that there is nothing to tune, and it works for many
    more features than samples.

    Parameters
    ----------
    features : ndarray, (n, features)
        NaN where missing.
    labels : ndarray of int, (n,)
        0 .. classes - 1, each of them used.
    balanced : bool
        Whether all classes are equally likely beforehand, whatever their number of samples.

    Raises
    ------
    ValueError
        If there are fewer than two classes, or one of them has no sample.

    References
    ----------
    .. [1] Ledoit and Wolf, "Honey, I shrunk the sample covariance matrix", Journal of Portfolio
       Management 30 (2004).
    """
    classes = _classes(labels)
    priors = np.full(classes, 1 / classes) if balanced else np.bincount(labels) / labels.size
    mean, scale, standardised = _standardised(features)
    means = np.stack([standardised[labels == each].mean(axis=0) for each in range(classes)])
    weights = _solved(standardised - means[labels], labels, priors, means.T)
    biases = np.log(priors) - 0.5 * (means.T * weights).sum(axis=0)
    return LinearHead(mean, scale, weights, biases)


def _solved(centred: Floats, labels: NDArray[np.integer], priors: Floats, means: Floats) -> Floats:
    """Solve covariance @ weights = means, (features, classes).

    The covariance is the mean of the classes' ones, each shrunk as by scikit-learn: a diagonal and
    a part of as low a rank as there are samples, which Woodbury's identity solves many times faster
    than a matrix of all features. All are positive unless no class varies or is shrunk.
    """
    diagonal, rows = np.zeros(centred.shape[1]), []
    for label, prior in enumerate(priors):
        own = centred[labels == label]
        spread = own.std(axis=0)
        spread[spread == 0] = 1.0
        share = ledoit_wolf_shrinkage(own / spread, assume_centered=True) if len(own) > 1 else 0.0
        diagonal += prior * share * np.mean((own / spread) ** 2) * spread**2
        rows.append(own * np.sqrt(prior * (1 - share) / len(own)))
    low = np.concatenate(rows)
    if low.shape[1] <= len(low) or not diagonal.all():
        return np.asarray(np.linalg.lstsq(np.diag(diagonal) + low.T @ low, means, rcond=None)[0])
    first = means / diagonal[:, None]
    inner = np.eye(len(low)) + (low / diagonal) @ low.T
    return np.asarray(first - (low / diagonal).T @ solve(inner, low @ first, assume_a="pos"))


def fit_logistic(
    features: Floats, labels: NDArray[np.integer], *, strength: float = 0.03, balanced: bool = False
) -> LinearHead:
    """Fit a logistic regression with an L2 penalty.

    Parameters
    ----------
    features : ndarray, (n, features)
        NaN where missing.
    labels : ndarray of int, (n,)
        0 .. classes - 1, each of them used.
    strength : float
        scikit-learn's C: the smaller, the stronger the penalty.
    balanced : bool
        Whether all classes weigh the same, whatever their number of samples.

    Raises
    ------
    ValueError
        If there are fewer than two classes, or one of them has no sample.
    """
    _classes(labels)
    model = LogisticRegression(
        C=strength, class_weight="balanced" if balanced else None, max_iter=1000
    )
    mean, scale, standardised = _standardised(features)
    model.fit(standardised, labels)
    weights, biases = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:  # two classes: scikit-learn has the logit of the second only
        weights, biases = np.hstack([0 * weights, weights]), np.append(0 * biases, biases)
    return LinearHead(mean, scale, weights.astype(np.float64), biases.astype(np.float64))


def _classes(labels: NDArray[np.integer]) -> int:
    counts = np.bincount(labels)
    if counts.size < 2 or not counts.all():
        raise ValueError(f"expected samples of two or more classes, found {counts.tolist()}")
    return int(counts.size)


def _standardised(features: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean and standard deviation of features, and the standardised ones; 0 where missing."""
    known = np.isfinite(features)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, features, 0.0).sum(axis=0) / count
    spread = np.where(known, features - mean, 0.0)
    scale = np.sqrt((spread**2).sum(axis=0) / count)
    scale[scale <= CONSTANT * np.maximum(np.abs(mean), 1)] = 1.0
    return mean, scale, spread / scale
