"""Fields that a mask network learns from and is judged on, and how wells are simulated for it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.instrument_masks import CellKinds
from ck19ml.core.mask_methods import MaskSettings, segment
from ck19ml.core.measurements.panel import PAIR
from ck19ml.core.patches import PATCH_SIZE
from ck19ml.core.simulation.mask_examples import Conditions, MaskWell, simulate_well
from ck19ml.core.splits import GATE

ROLES = {"train": 1, "validation": 2, GATE: 3}
"""Part of each well's seed, so that the roles have different wells."""

TRUTH = "truth"
"""Target of a network that learns the true masks, and no other method's."""


@dataclass(frozen=True)
class MaskField:
    """A raw field with the masks to learn.

    Attributes
    ----------
    name : str
        Stimulation, or name of the file.
    image : ndarray, (channels, height, width), unsigned integers
    masks : ndarray, (channels, height, width), bool
    diameters_px : sequence of float
        Stated diameter of the cells of each channel, in pixels.
    sha256 : str
        Fingerprint of the pixels.
    unit : str
        Well, by which annotated images are split.
    """

    name: str
    image: NDArray[np.unsignedinteger]
    masks: NDArray[np.bool_]
    diameters_px: Sequence[float]
    sha256: str
    unit: str


def simulated_field(
    role: str, index: int, *, seed: int, size: int, conditions: Conditions, target: str
) -> MaskField:
    """Simulate a well of a role under random conditions.

    Parameters
    ----------
    role : str
        A key of `ROLES`.
    index : int
        Number of the well.
    seed : int
    size : int
        Side of the field in pixels where cells have the plate's diameter; the wider they are the
        wider it is, so that each is as large once it is rescaled. Rounded to whole patches.
    conditions : Conditions
    target : str
        `TRUTH`, or the method of `core.mask_methods.METHODS` that makes the masks.
    """
    rng = np.random.default_rng([seed, ROLES[role], index])
    degradation, parameters = conditions.draw(index, rng)
    size = PATCH_SIZE * max(round(size * parameters.diameter / PATCH_SIZE), 1)
    well = simulate_well(index, size, rng, degradation, parameters)
    error = conditions.belief
    wide = [CellKinds().of(name).diameter_um * parameters.diameter for name in PAIR.names]
    stated = [w * np.exp(rng.uniform(-error, error)) / parameters.pixel_um for w in wide]
    mark = well.sha256
    return MaskField(well.stimulation, well.image, _target(well, target), stated, mark, unit=mark)


def _target(well: MaskWell, target: str) -> NDArray[np.bool_]:
    if target == TRUTH:
        return well.truth
    return segment(np.moveaxis(well.image, 0, -1), MaskSettings(target)).masks
