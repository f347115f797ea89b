"""Baselines that a model must beat: simple rules fitted on the training wells alone."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from ck19ml.core.quality import COUNTS
from ck19ml.core.settings import Frozen

MEASURED = ("overlap", "tcell_overlap", "tcell_area_px", "dc_area_px", "overlap_area_px", *COUNTS)
"""Columns whose means over a well's patches are its measurements, where DCs and T cells are there;
areas and counts of other channels follow."""


class OverlapRule(Frozen):
    """Thresholds on the overlap, and the class between them.

    Attributes
    ----------
    cuts : list of float
        Ascending overlaps, fractions in [0, 1].
    classes : list of int
        One more than cuts: the class below the first cut, between the first two ...
    """

    cuts: list[float]
    classes: list[int]

    def predict(self, overlap: NDArray[np.floating]) -> NDArray[np.intp]:
        """Class of each overlap, (n,)."""
        return np.asarray(self.classes, dtype=np.intp)[np.searchsorted(self.cuts, overlap)]


def fit_overlap_rule(
    overlap: NDArray[np.floating], labels: NDArray[np.integer], classes: int
) -> OverlapRule:
    """Find the thresholds on the overlap that separate the classes best.

    Parameters
    ----------
    overlap : ndarray, (n,), fractions in [0, 1]
        Of patches or, as their mean, of wells.
    labels : ndarray of int, (n,)
    classes : int
        Number of classes; there is at most one threshold less.

    Examples
    --------
    >>> rule = fit_overlap_rule(np.array([0.1, 0.2, 0.6, 0.8]), np.array([1, 1, 0, 0]), 2)
    >>> [round(cut, 3) for cut in rule.cuts], rule.classes
    ([0.4], [1, 0])
    """
    from sklearn.tree import DecisionTreeClassifier  # every config imports this module

    tree = DecisionTreeClassifier(max_leaf_nodes=max(2, classes), random_state=0)
    tree.fit(overlap.reshape(-1, 1), labels)
    cuts = sorted(float(t) for t in tree.tree_.threshold[tree.tree_.children_left != -1])
    edges = np.array([-1.0, *cuts, 2.0])
    middles = (edges[:-1] + edges[1:]) / 2
    return OverlapRule(
        cuts=cuts, classes=[int(label) for label in tree.predict(middles.reshape(-1, 1))]
    )


class LogisticRule(Frozen):
    """Logistic regression on a well's measurements: overlap, areas and counts.

    Attributes
    ----------
    mean, scale : list of float, (measures,)
        Of the training wells' `well_measures`.
    weights : list of list of float, (classes, measures)
    biases : list of float, (classes,)
    classes : list of int
        The class of each row of the weights.
    """

    mean: list[float]
    scale: list[float]
    weights: list[list[float]]
    biases: list[float]
    classes: list[int]

    def predict(self, measures: NDArray[np.float64]) -> NDArray[np.intp]:
        """Class of each well, (wells,), from its `well_measures`, (wells, measures)."""
        known = np.asarray(self.classes, dtype=np.intp)
        return np.asarray(known[self.logits(measures).argmax(axis=1)])

    def logits(self, measures: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits of each well in the order of `classes`, (wells, classes)."""
        scaled = (measures - np.asarray(self.mean)) / np.asarray(self.scale)
        return np.asarray(scaled @ np.asarray(self.weights).T + np.asarray(self.biases))


def well_measures(table: pd.DataFrame) -> NDArray[np.float64]:
    """Means of `MEASURED` over the patches of each well, and the share without any overlap.

    What the table does not have, as of a single channel, is left out.

    Parameters
    ----------
    table : DataFrame, one row a patch
        plate, well and the columns of `MEASURED`.

    Returns
    -------
    ndarray, (wells, measures), float64
        Wells in the order of plate and well.
    """
    names = [name for name in MEASURED if name in table]
    if "overlap" in table:
        table, names = (
            table.assign(none=(table["overlap"] == 0).astype(np.float64)),
            [*names, "none"],
        )
    own = [str(n) for n in table if str(n).startswith("cells_") or str(n).endswith("_area_px")]
    names += [name for name in own if name not in names]
    means = table.groupby(["plate", "well"], sort=True)[names].mean()
    return np.asarray(means, dtype=np.float64)


def fit_logistic_rule(
    measures: NDArray[np.float64], labels: NDArray[np.integer]
) -> LogisticRule | None:
    """Fit a logistic regression (scikit-learn's, with its L2 penalty) on standardised measures.

    Parameters
    ----------
    measures : ndarray, (wells, measures)
    labels : ndarray of int, (wells,)

    Returns
    -------
    LogisticRule, or None where all wells are of one class
    """
    if np.unique(labels).size < 2:
        return None
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(measures)
    model = LogisticRegression(max_iter=1000).fit(scaler.transform(measures), labels)
    weights, biases = model.coef_, model.intercept_
    if len(weights) == 1:  # two classes: scikit-learn keeps the logit of the second only
        weights, biases = np.vstack([0 * weights, weights]), np.append(0 * biases, biases)
    return LogisticRule(
        mean=scaler.mean_.tolist(),
        scale=scaler.scale_.tolist(),
        weights=weights.tolist(),
        biases=biases.tolist(),
        classes=[int(label) for label in model.classes_],
    )


class Baselines(Frozen):
    """Everything that the simple rules learnt from the training wells.

    Attributes
    ----------
    majority : int
        The class with the most training wells (the first of them when tied).
    mean_overlap : float, optional
        Mean overlap of the training patches, where there are DCs and T cells.
    class_overlap : list of float
        The same of each class; a class without patches has the overall mean.
    patch_rule, well_rule : OverlapRule, optional
    logistic : LogisticRule, optional
    line : (float, float), optional
        Slope and intercept of the true overlap over the masks' own, where the truth is known: masks
        that lose the same share of every cell need no network, but two numbers.
    """

    majority: int
    mean_overlap: float | None = None
    class_overlap: list[float] = Field(default=[])
    patch_rule: OverlapRule | None = None
    well_rule: OverlapRule | None = None
    logistic: LogisticRule | None = None
    line: tuple[float, float] | None = None


def fit_baselines(
    overlap: NDArray[np.floating] | None,
    labels: NDArray[np.integer],
    well: NDArray[np.integer],
    classes: Sequence[str],
) -> Baselines:
    """Fit all baselines on training patches.

    Parameters
    ----------
    overlap : ndarray, (n,), fractions in [0, 1], or None
        None without a pair of DCs and T cells.
    labels : ndarray of int, (n,)
    well : ndarray of int, (n,)
        Index of each patch's well, 0 .. wells - 1, each used.
    classes : sequence of str
    """
    counts = np.bincount(well)
    well_labels = np.zeros(counts.size, dtype=np.intp)
    well_labels[well] = labels
    majority = int(np.bincount(well_labels).argmax())
    if overlap is None:
        return Baselines(majority=majority)
    mean = float(overlap.mean())
    by_class = [
        float(overlap[labels == k].mean()) if (labels == k).any() else mean
        for k in range(len(classes))
    ]
    return Baselines(
        majority=majority,
        mean_overlap=mean,
        class_overlap=by_class,
        patch_rule=fit_overlap_rule(overlap, labels, len(classes)),
        well_rule=fit_overlap_rule(np.bincount(well, overlap) / counts, well_labels, len(classes)),
    )
