"""Scores of predicted overlap: per patch, per field and per stimulation."""

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.scores.intervals import Score
from ck19ml.core.scores.metrics import by_well, overlap_scores

Floats = NDArray[np.float64]


def regression_scores(
    true: Floats,
    predicted: Floats,
    well: NDArray[np.integer],
    field: NDArray[np.integer],
    stimulation: NDArray[np.str_],
    rng: np.random.Generator,
    unit: NDArray[np.integer] | None = None,
) -> dict[str, Score]:
    """Score predicted overlap of patches, of fields (the mean of its patches) and by stimulation.

    Parameters
    ----------
    true, predicted : ndarray, (n,)
    well, field : ndarray of int, (n,)
        Index of each patch's well and field, 0 ... each used.
    stimulation : ndarray of str, (n,)
    unit : ndarray of int, (n,), optional
        Index of each patch's unit, which the intervals resample; by default its well.

    Returns
    -------
    dict
        What `metrics.overlap_scores` gives; ``field_overlap_mse``, ``field_overlap_rmse`` and
        ``field_overlap_r2``; and ``overlap_mse_NAME``, ``overlap_rmse_NAME``, ``overlap_r2_NAME``
        and ``field_overlap_rmse_NAME`` of each stimulation.
    """
    unit = well if unit is None else unit
    scores = overlap_scores(true, predicted, well, rng, unit)
    scores |= _of_fields(true, predicted, unit, field, rng)
    for name in np.unique(stimulation):
        own = stimulation == name
        own_unit, own_field = (np.unique(x[own], return_inverse=True)[1] for x in (unit, field))
        part = overlap_scores(true[own], predicted[own], own_unit, rng)
        part.pop("well_overlap_rmse")
        fields = _of_fields(true[own], predicted[own], own_unit, own_field, rng)
        part["field_overlap_rmse"] = fields["field_overlap_rmse"]
        scores |= {f"{key}_{name}": score for key, score in part.items()}
    return scores


def _of_fields(
    true: Floats,
    predicted: Floats,
    unit: NDArray[np.integer],
    field: NDArray[np.integer],
    rng: np.random.Generator,
) -> dict[str, Score]:
    (sums, counts), (made, _) = by_well(true, field), by_well(predicted, field)
    units = np.zeros(counts.size, np.intp)
    units[field] = unit
    found = overlap_scores(sums / counts, made / counts, units, rng)
    return {f"field_{name}": found[name] for name in ("overlap_mse", "overlap_rmse", "overlap_r2")}
