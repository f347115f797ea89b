"""Drift: how far a plate's vehicle wells lie from those that a model was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ck19ml.core.settings import Frozen

FAR = 2.0
"""Shift in SDs of wells beyond which, with its whole interval, a plate looks different."""

FEWEST_DEGREES = 3
"""Of freedom: with fewer, the SD of the training wells says nothing."""

Floats = NDArray[np.float64]


class Vehicles(Frozen):
    """Appearance of the vehicle wells of a model's training plates.

    Attributes
    ----------
    means : dict
        Of each stimulation, the mean of each measure over its vehicle wells.
    sd : list of float
        Of each measure, the SD of wells of one stimulation, pooled over the stimulations.
    wells : dict
        Number of vehicle wells of each stimulation.
    """

    means: dict[str, list[float]]
    sd: list[float]
    wells: dict[str, int]

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the SD."""
        return sum(self.wells.values()) - len(self.wells)


@dataclass(frozen=True)
class Shift:
    """The largest shift of a plate's vehicle wells among several measures.

    Attributes
    ----------
    measure : int
        Index of the measure.
    value, low, high : float
        Shift in SDs of wells, and its 95 % interval, corrected for the number of measures.
    wells : int
        Vehicle wells of the plate that count.
    """

    measure: int
    value: float
    low: float
    high: float
    wells: int

    @property
    def far(self) -> bool:
        """True if all of the interval lies further than `FAR` from 0."""
        return self.low > FAR or self.high < -FAR


def appearance(patches: NDArray[np.unsignedinteger], masks: NDArray[np.bool_]) -> Floats:
    """Return the mean grey value and the masked share of each channel of patches.

    Parameters
    ----------
    patches, masks : ndarray, (n, height, width, channels)

    Returns
    -------
    ndarray, (n, 2 x channels)
        The means of all channels, then the shares.
    """
    both = [patches.mean(axis=(1, 2)), masks.mean(axis=(1, 2))]
    return np.concatenate(both, axis=1, dtype=np.float64)


def of_wells(each: Floats, well: NDArray[np.integer]) -> Floats:
    """Average `appearance` over wells; grey values as log2, so that a gain is a sum.

    Parameters
    ----------
    each : ndarray, (n, measures)
    well : ndarray of int, (n,)
        Index of each patch's well, 0 .. wells - 1, each used.

    Returns
    -------
    ndarray, (wells, measures)
    """
    sums = np.zeros((int(well.max()) + 1, each.shape[1]))
    np.add.at(sums, well, each)
    means = sums / np.bincount(well)[:, None]
    channels = each.shape[1] // 2
    means[:, :channels] = np.log2(np.maximum(means[:, :channels], 1))
    return means


def vehicles_of(values: Floats, stimulation: Sequence[str]) -> Vehicles | None:
    """Summarise vehicle wells, (wells, measures); None where they are too few to have an SD."""
    names = np.asarray(stimulation)
    wells = {str(name): int(count) for name, count in zip(*np.unique(names, return_counts=True),
                                                          strict=True)}  # fmt: skip
    means = {name: values[names == name].mean(axis=0) for name in wells}
    known = Vehicles(
        means={name: mean.tolist() for name, mean in means.items()}, sd=[], wells=wells
    )
    if known.degrees < FEWEST_DEGREES:
        return None
    square = sum(((values[names == name] - means[name]) ** 2).sum(axis=0) for name in wells)
    sd = np.sqrt(square / known.degrees)
    return known.changed(sd=sd.tolist()) if (sd > 0).all() else None


def shift(known: Vehicles, values: Floats, stimulation: Sequence[str]) -> Shift | None:
    """Compare vehicle wells with those of the training plates, each with its own stimulation.

    The interval is that of a difference of two means with a common SD (Student's t), which is
    pooled over both groups of wells; its level is Bonferroni's for the number of measures.

    Parameters
    ----------
    values : ndarray, (wells, measures)
        As `of_wells` gives them.
    stimulation : sequence of str, (wells,)

    Returns
    -------
    Shift, optional
        None where no well has a stimulation that the model knows vehicle wells of.
    """
    names = np.asarray(stimulation)
    names, values = (part[np.isin(names, list(known.wells))] for part in (names, values))
    if not names.size:
        return None
    z = (values - np.array([known.means[name] for name in names])) / np.array(known.sd)
    counts = {name: int((names == name).sum()) for name in set(names)}
    within = sum(((z[names == n] - z[names == n].mean(axis=0)) ** 2).sum(axis=0) for n in counts)
    degrees = known.degrees + names.size - len(counts)
    sd = np.sqrt((known.degrees + within) / degrees)
    share = 1 / names.size + sum((counts[n] / names.size) ** 2 / known.wells[n] for n in counts)
    half = stdtrit(degrees, 1 - 0.025 / z.shape[1]) * sd * np.sqrt(share)
    mean = z.mean(axis=0)
    # The measure that is surely furthest away, not the one whose value happens to be.
    worst = int(np.argmax(np.abs(mean) - half))
    value, radius = float(mean[worst]), float(half[worst])
    return Shift(worst, value, value - radius, value + radius, int(names.size))
