"""Wells as closed-form heads see them, and answers by heads that have not seen them."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.model_selection import StratifiedGroupKFold

from ck19ml.core.closed_form.heads import LinearHead

Floats = NDArray[np.float64]

FitHead = Callable[[Floats, NDArray[np.integer]], LinearHead]
"""Takes features, (n, features), and labels, (n,); such as `heads.fit_lda`."""

LEAST = 1e-7
"""Probability of a class that a fold has not trained on."""

FOLDS = 5


@dataclass(frozen=True)
class Wells:
    """Features of the patches of wells.

    Attributes
    ----------
    features : ndarray, (patches, features)
        NaN where missing.
    well : ndarray of int, (patches,)
        Index of each patch's well, 0 .. wells - 1, each used.
    labels, groups : ndarray of int, (wells,)
        Class of each well, and what folds keep together: the well, its column or its plate.
    widths : tuple of int
        How many features come from each source (measurements, an encoder), in order: each source
        has a head of its own, and their log-probabilities are averaged.
    """

    features: Floats
    well: NDArray[np.intp]
    labels: NDArray[np.intp]
    groups: NDArray[np.intp]
    widths: tuple[int, ...]


def pool_wells(features: Floats, well: NDArray[np.integer]) -> Floats:
    """Mean and standard deviation of each well's patches: what its head sees.

    A well of one patch has no spread: its deviations are missing.

    Parameters
    ----------
    features : ndarray, (n, features)
        Of patches; NaN where missing.
    well : ndarray of int, (n,)
        Index of each patch's well, 0 .. wells - 1, each used.

    Returns
    -------
    ndarray, (wells, 2 * features)
        Means, then deviations; NaN for what no patch of the well has, and for a deviation of
        fewer than two.

    Examples
    --------
    >>> pool_wells(np.array([[1.0], [3.0], [5.0]]), np.array([0, 0, 1])).tolist()
    [[2.0, 1.0], [5.0, nan]]
    """
    member = csr_array((np.ones(len(well)), (well, np.arange(len(well)))))
    known = np.isfinite(features)
    count = member @ known
    mean = member @ np.where(known, features, 0.0) / np.maximum(count, 1)
    off = np.where(known, features - mean[well], 0.0)
    spread = np.sqrt(member @ off**2 / np.maximum(count, 1))
    return np.hstack([np.where(count > 0, mean, np.nan), np.where(count > 1, spread, np.nan)])


def as_wells(features: Floats) -> Floats:
    """Patches, (n, features), in the form of `pool_wells`, (n, 2 * features), each on its own."""
    return np.hstack([features, np.full_like(features, np.nan)])


def fit_wells(fit: FitHead, wells: Wells) -> LinearHead:
    """Fit a head on wells.

    Returns
    -------
    LinearHead
        Takes what `pool_wells` makes of the features.
    """
    return _fit(fit, pool_wells(wells.features, wells.well), wells.labels, wells.widths)


def _fit(
    fit: FitHead, pooled: Floats, labels: NDArray[np.integer], widths: tuple[int, ...]
) -> LinearHead:
    """Fit a head a source, and average their log-probabilities: logits up to a constant."""
    if len(widths) == 1:
        return fit(pooled, labels)
    ends = np.cumsum(widths)
    columns = []
    for start, end in zip(ends - widths, ends, strict=True):
        own = np.arange(start, end)
        columns.append(np.concatenate([own, ends[-1] + own]))
    heads = [fit(pooled[:, own], labels) for own in columns]
    order = np.argsort(np.concatenate(columns))
    return LinearHead(
        mean=np.concatenate([head.mean for head in heads])[order],
        scale=np.concatenate([head.scale for head in heads])[order],
        weights=np.concatenate([head.weights for head in heads])[order] / len(heads),
        biases=np.mean([head.biases for head in heads], axis=0),
    )


def fold_of(
    labels: NDArray[np.integer], groups: NDArray[np.integer], *, folds: int = FOLDS, seed: int = 0
) -> NDArray[np.intp]:
    """Draw the fold of each well, (wells,): groups stay whole, and folds alike in their classes.

    Parameters
    ----------
    labels, groups : ndarray of int, (wells,)
        See `Wells`.
    folds : int
        As many as there are groups at most.

    Raises
    ------
    ValueError
        If there are fewer than two groups.
    """
    count = np.unique(groups).size
    if count < 2:
        raise ValueError("folds need two groups of wells or more")
    splits = max(2, min(folds, count, int(np.bincount(labels).max())))
    splitter = StratifiedGroupKFold(splits, shuffle=True, random_state=seed)
    found = np.zeros(len(labels), np.intp)
    with warnings.catch_warnings():
        # Of classes with fewer wells than folds: the others are still stratified.
        warnings.simplefilter("ignore", UserWarning)
        for index, (_, held_out) in enumerate(splitter.split(labels, labels, groups)):
            found[held_out] = index
    return found


def cross_fitted(
    fit: FitHead, wells: Wells, *, folds: int = FOLDS, seed: int = 0
) -> tuple[Floats, Floats]:
    """Log-probabilities of wells, and of their patches, by heads that have not seen their group.

    Parameters
    ----------
    folds : int
        As many as there are groups at most.

    Returns
    -------
    of_wells : ndarray, (wells, classes)
    of_patches : ndarray, (patches, classes)
        NaN where the other groups are of one class only, so that nothing can be fitted.

    Raises
    ------
    ValueError
        If there are fewer than two groups.
    """
    fold = fold_of(wells.labels, wells.groups, folds=folds, seed=seed)
    pooled = pool_wells(wells.features, wells.well)
    labels, classes = wells.labels, int(wells.labels.max()) + 1
    of_wells = np.full((len(labels), classes), np.nan)
    of_patches = np.full((len(wells.features), classes), np.nan)
    for index in range(int(fold.max()) + 1):
        train, held_out = np.flatnonzero(fold != index), np.flatnonzero(fold == index)
        known, own = np.unique(labels[train], return_inverse=True)
        if known.size < 2:
            continue
        head = _fit(fit, pooled[train], own, wells.widths)
        patches = np.flatnonzero(np.isin(wells.well, held_out))
        for answers, rows, seen in (
            (of_wells, held_out, pooled[held_out]),
            (of_patches, patches, as_wells(wells.features[patches])),
        ):
            answers[rows] = np.log(LEAST)
            answers[np.ix_(rows, known)] = head.log_probabilities(seen)
    return of_wells, of_patches
