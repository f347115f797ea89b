"""What a model must beat: simple rules fitted on the training wells alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier


@dataclass(frozen=True)
class OverlapRule:
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
    tree = DecisionTreeClassifier(max_leaf_nodes=max(2, classes), random_state=0)
    tree.fit(overlap.reshape(-1, 1), labels)
    cuts = sorted(float(t) for t in tree.tree_.threshold[tree.tree_.children_left != -1])
    edges = np.array([-1.0, *cuts, 2.0])
    middles = (edges[:-1] + edges[1:]) / 2
    return OverlapRule(cuts, [int(label) for label in tree.predict(middles.reshape(-1, 1))])


@dataclass(frozen=True)
class Baselines:
    """Everything that the simple rules learnt from the training wells.

    Attributes
    ----------
    majority : int
        The class with the most training wells (the first of them when tied).
    mean_overlap : float
        Mean overlap of the training patches.
    class_overlap : list of float
        The same of each class; a class without patches has the overall mean.
    patch_rule, well_rule : OverlapRule
    """

    majority: int
    mean_overlap: float
    class_overlap: list[float]
    patch_rule: OverlapRule
    well_rule: OverlapRule

    @classmethod
    def from_json(cls, content: dict[str, object]) -> "Baselines":
        """Rebuild from `dataclasses.asdict`."""
        rules = {name: OverlapRule(**content[name]) for name in ("patch_rule", "well_rule")}  # type: ignore[arg-type]
        return cls(**{**content, **rules})  # type: ignore[arg-type]


def fit_baselines(
    overlap: NDArray[np.floating],
    labels: NDArray[np.integer],
    well: NDArray[np.integer],
    classes: Sequence[str],
) -> Baselines:
    """Fit all baselines on training patches.

    Parameters
    ----------
    overlap : ndarray, (n,), fractions in [0, 1]
    labels : ndarray of int, (n,)
    well : ndarray of int, (n,)
        Index of each patch's well, 0 .. wells - 1, each used.
    classes : sequence of str
    """
    counts = np.bincount(well)
    well_labels = np.zeros(counts.size, dtype=np.intp)
    well_labels[well] = labels
    mean = float(overlap.mean())
    by_class = [
        float(overlap[labels == k].mean()) if (labels == k).any() else mean
        for k in range(len(classes))
    ]
    return Baselines(
        majority=int(np.bincount(well_labels).argmax()),
        mean_overlap=mean,
        class_overlap=by_class,
        patch_rule=fit_overlap_rule(overlap, labels, len(classes)),
        well_rule=fit_overlap_rule(np.bincount(well, overlap) / counts, well_labels, len(classes)),
    )
