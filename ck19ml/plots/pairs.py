"""True and predicted values of the same rows, by stimulation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ck19ml.plots import style

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """True and predicted values of the rows in which both are finite, and all names."""

    true: Values
    predicted: Values
    names: NDArray[np.str_]
    order: list[str]
    left_out: int

    def of(self, name: str) -> tuple[Values, Values]:
        """Return the true and the predicted values of one stimulation, (n of it,) each."""
        rows = self.names == name
        return self.true[rows], self.predicted[rows]


def pairs_of(true: ArrayLike, predicted: ArrayLike, stimulation: ArrayLike) -> Pairs:
    """Pair the values of each row and leave out those that are not finite.

    Parameters
    ----------
    true, predicted : array_like, (n,), float
    stimulation : array_like, (n,), str

    Raises
    ------
    ValueError
        If the arrays are not of the same length.
    """
    style.same_length(true=true, predicted=predicted, stimulation=stimulation)
    first, second = np.asarray(true, float), np.asarray(predicted, float)
    names = style.as_names(stimulation)
    finite = np.isfinite(first) & np.isfinite(second)
    left_out = int(np.count_nonzero(~finite))
    # A stimulation without any finite value keeps its place, so that its absence is seen.
    order = style.stimulation_order(names)
    return Pairs(first[finite], second[finite], names[finite], order, left_out)
