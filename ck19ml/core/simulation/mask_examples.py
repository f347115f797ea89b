"""Examples that a mask network learns from: simulated wells with their true masks, and variations.

Droplets are left out: the simulator's truth holds the cells that one hides. `Variation` empties
whole images instead, for which the right answer is an empty mask.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from ck19ml.core.normalisation import KNEE, resized, standardise
from ck19ml.core.patches import PATCH_SIZE, cut
from ck19ml.core.settings import Frozen
from ck19ml.core.simulation.degradation import Degradation, simulate_degraded
from ck19ml.core.simulation.field import SimulatedField
from ck19ml.core.simulation.parameters import Parameters


def _ascending(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise ValueError(f"must be [smallest, largest], found {list(span)}")
    return span


Positive = Annotated[float, Field(gt=0)]
Span = Annotated[tuple[float, float], AfterValidator(_ascending)]
Factors = Annotated[tuple[Positive, Positive], AfterValidator(_ascending)]
"""Factors from the smallest to the largest."""


@dataclass(frozen=True)
class MaskWell:
    """A simulated well and its truth.

    Attributes
    ----------
    stimulation : str
    patches : ndarray, (n, 192, 192, 2), uint16
        Raw grey values, not raised to the background; channel 0 DC, 1 T cell.
    masks : ndarray, (n, 192, 192, 2), bool
        The true masks.
    field : SimulatedField
        The whole field.
    parameters : Parameters
        Parameters that it was simulated with.
    sha256 : str
        Fingerprint of the pixels.
    """

    stimulation: str
    patches: NDArray[np.uint16]
    masks: NDArray[np.bool_]
    field: SimulatedField
    parameters: Parameters
    sha256: str

    @property
    def image(self) -> NDArray[np.uint16]:
        """Raw grey values of the whole field, (2, height, width); channel 0 DC, 1 T cell."""
        return np.stack([self.field.dc, self.field.tcell])

    @property
    def truth(self) -> NDArray[np.bool_]:
        """True masks of the whole field, (2, height, width)."""
        return np.stack([self.field.dc_mask, self.field.tcell_mask])


class Conditions(Frozen):
    """Ranges that training wells are drawn from.

    Attributes
    ----------
    noise, gradient, unstained_share, unstained_brightness : (float, float)
        See `degradation.Degradation`.
    staining : (float, float)
        Logarithm of a factor on the brightness of all stained cells of a kind.
    diameter : (float, float)
        Factor on the diameter of all cells, log-uniform; of every second well. The others have the
        diameters of the plate.
    density : (float, float)
        Factor on the share of a field that cells cover, log-uniform.
    profile : (float, float)
        Factor on the exponent of the fall of light towards a cell's outline (`rendering.Cells`),
        which is the plate's for each kind: the outlines of T cells are sharper than those of DCs.
    blur : (float, float)
        Factor on the camera's blur. Both vary in two of four wells.
    belief : float
        Largest error of the diameter that is stated for the cells, as a logarithm.
    """

    noise: Span = (0.5, 2.5)
    gradient: Span = (0.0, 0.5)
    unstained_share: Span = (0.2, 1.5)
    unstained_brightness: Span = (20.0, 140.0)
    staining: Span = (-0.6, 0.6)
    diameter: Factors = (0.5, 3.0)
    density: Factors = (0.7, 4.0)
    profile: Factors = (0.6, 1.25)
    blur: Span = (0.7, 1.3)
    belief: float = Field(default=0.2, ge=0)

    def draw(self, index: int, rng: np.random.Generator) -> tuple[Degradation, Parameters]:
        """Draw the degradation and the simulator's parameters of a well.

        Larger cells are fewer, so that they cover the same share of a field.

        Parameters
        ----------
        index : int
            Number of the well.
        rng : numpy.random.Generator
        """
        degradation = Degradation(
            noise=rng.uniform(*self.noise),
            gradient=rng.uniform(*self.gradient),
            unstained_share=rng.uniform(*self.unstained_share),
            unstained_brightness=rng.uniform(*self.unstained_brightness),
        )
        base = clear_views()
        tcell, dc = np.exp(rng.uniform(*self.staining, size=2))
        diameter = np.exp(rng.uniform(*np.log(self.diameter))) if index % 2 else 1.0
        changed: dict[str, Any] = {
            "tcell_brightness": (base.tcell_brightness[0] * tcell, base.tcell_brightness[1]),
            "dc_brightness": (base.dc_brightness[0] * dc, base.dc_brightness[1]),
            "diameter": float(diameter),
        }
        density = float(np.exp(rng.uniform(*np.log(self.density))))
        if index % 4 >= 2:
            blur = base.camera.blur_px * rng.uniform(*self.blur)
            changed["camera"] = base.camera.model_copy(update={"blur_px": blur})
            tcell, dc = rng.uniform(*self.profile, size=2)
            changed["tcell_profile"] = base.tcell_profile * tcell
            changed["dc_profile"] = base.dc_profile * dc
        return degradation, base.model_copy(update=changed).at_density(density / diameter**2)


def clear_views() -> Parameters:
    """Return the simulator's parameters without droplets and blind wells."""
    return Parameters(droplet_share=0.0, blind_share=0.0)


def simulate_well(
    index: int,
    size: int,
    rng: np.random.Generator,
    degradation: Degradation,
    parameters: Parameters | None = None,
) -> MaskWell:
    """Simulate one well, its stimulation by turns.

    Parameters
    ----------
    index : int
        Number of the well.
    size : int
        Side of the field in pixels, at least one patch.
    rng : numpy.random.Generator
    degradation : Degradation
    parameters : Parameters, optional
        `clear_views` by default.
    """
    parameters = parameters or clear_views()
    names = list(parameters.conditions)
    stimulation = names[index % len(names)]
    field = simulate_degraded(stimulation, parameters, size, rng, degradation)
    patches = cut(np.stack([field.dc, field.tcell], axis=-1), PATCH_SIZE)
    masks = cut(np.stack([field.dc_mask, field.tcell_mask], axis=-1), PATCH_SIZE)
    return MaskWell(
        stimulation=stimulation,
        patches=np.asarray(patches, dtype=np.uint16),
        masks=np.asarray(masks, dtype=np.bool_),
        field=field,
        parameters=parameters,
        sha256=hashlib.sha256(np.ascontiguousarray(patches).data).hexdigest(),
    )


@dataclass(frozen=True)
class Examples:
    """Crops of one channel each with their masks.

    Attributes
    ----------
    planes : ndarray, (n, side, side), float32
        See `core.normalisation.standardise`.
    masks : ndarray, (n, side, side), bool
    """

    planes: NDArray[np.float32]
    masks: NDArray[np.bool_]


def examples(
    image: NDArray[np.unsignedinteger],
    masks: NDArray[np.bool_],
    diameters_px: Sequence[float],
    side: int,
) -> Examples:
    """Cut a field into crops on the scale that the network sees.

    Parameters
    ----------
    image : ndarray, (channels, height, width), unsigned integers
        Raw grey values.
    masks : ndarray, (channels, height, width), bool
    diameters_px : sequence of float
        Diameter of the cells of each channel, in pixels.
    side : int
        Side of a crop in pixels; a field that is smaller is filled up with background.
    """
    planes, targets = [], []
    for plane, mask, diameter_px in zip(image, masks, diameters_px, strict=True):
        seen = standardise(plane, diameter_px)
        shown = resized(mask.astype(np.float32), seen.shape) >= 0.5
        rim = [(0, max(side - length, 0)) for length in seen.shape]
        planes.append(cut(np.pad(seen, rim), side))
        targets.append(cut(np.pad(shown, rim), side))
    return Examples(np.concatenate(planes).astype(np.float32), np.concatenate(targets).astype(bool))


class Variation(Frozen):
    """Random changes of an example each time that it is seen.

    Attributes
    ----------
    noise : float
        Largest error of the measured noise, as a logarithm: a factor on all values.
    background : float
        Largest error of the measured background, in SDs of the noise.
    empty : float
        Share of the images that show noise without a cell, with an empty mask, as behind a droplet.
    """

    noise: float = Field(default=0.15, ge=0)
    background: float = Field(default=0.4, ge=0)
    empty: float = Field(default=0.04, ge=0, lt=1)

    def __call__(
        self, planes: NDArray[np.float32], masks: NDArray[np.bool_], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Turn, flip and rescale examples.

        Parameters
        ----------
        planes : ndarray, (n, side, side), float32
            See `core.normalisation.standardise`.
        masks : ndarray, (n, side, side), bool
        rng : numpy.random.Generator

        Returns
        -------
        planes, masks : ndarray
            New arrays of the same shapes.
        """
        count, side = planes.shape[:2]
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))
        each = (count, 1, 1)
        heights = KNEE * np.sinh(KNEE * _turn(planes, turns, flip))
        heights = heights * np.exp(rng.uniform(-self.noise, self.noise, each))
        heights += rng.uniform(-self.background, self.background, each)
        empty: NDArray[np.bool_] = np.asarray(rng.random(count) < self.empty)
        for index in np.flatnonzero(empty):
            heights[index] = rng.normal(0, rng.uniform(0.6, 1.4), (side, side))
        seen = _turn(masks, turns, flip).astype(np.bool_) & ~empty[:, None, None]
        return np.asarray(np.arcsinh(heights / KNEE) / KNEE, np.float32), seen


def _turn(values: NDArray[Any], turns: int, flip: bool) -> NDArray[Any]:
    turned = np.rot90(values, turns, axes=(1, 2))
    return np.asarray(turned[:, ::-1] if flip else turned)
