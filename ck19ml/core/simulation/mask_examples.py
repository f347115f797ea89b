"""Examples that a mask network learns from: simulated wells with their true masks, and variations.

Droplets are left out: the simulator's truth holds the cells that one hides. `Variation` empties
whole images instead, for which the right answer is an empty mask.
"""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from ck19ml.core.patches import PATCH_SIZE, cut
from ck19ml.core.settings import Frozen
from ck19ml.core.simulation.degradation import Degradation, simulate_degraded
from ck19ml.core.simulation.field import SimulatedField
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.core.simulation.rendering import WHITE

HAZE, NOISE = 1000.0, 40.0
"""Largest level and largest SD of an image without cells, grey values."""


def _ascending(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise ValueError(f"must be [smallest, largest], found {list(span)}")
    return span


Span = Annotated[tuple[float, float], AfterValidator(_ascending)]


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
    sha256 : str
        Fingerprint of the pixels.
    """

    stimulation: str
    patches: NDArray[np.uint16]
    masks: NDArray[np.bool_]
    field: SimulatedField
    sha256: str


class Conditions(Frozen):
    """Ranges that training wells are drawn from, evenly.

    Attributes
    ----------
    noise, gradient, unstained_share, unstained_brightness : (float, float)
        See `degradation.Degradation`.
    staining : (float, float)
        Logarithm of a factor on the brightness of all stained cells of a kind.
    """

    noise: Span = (1.0, 2.5)
    gradient: Span = (0.0, 0.5)
    unstained_share: Span = (0.2, 1.5)
    unstained_brightness: Span = (20.0, 140.0)
    staining: Span = (-0.5, 0.5)

    def draw(self, rng: np.random.Generator) -> tuple[Degradation, Parameters]:
        """Draw the degradation and the simulator's parameters of one well."""
        degradation = Degradation(
            noise=rng.uniform(*self.noise),
            gradient=rng.uniform(*self.gradient),
            unstained_share=rng.uniform(*self.unstained_share),
            unstained_brightness=rng.uniform(*self.unstained_brightness),
        )
        base = clear_views()
        tcell, dc = np.exp(rng.uniform(*self.staining, size=2))
        stained = {
            "tcell_brightness": (base.tcell_brightness[0] * tcell, base.tcell_brightness[1]),
            "dc_brightness": (base.dc_brightness[0] * dc, base.dc_brightness[1]),
        }
        return degradation, base.model_copy(update=stained)


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
        sha256=hashlib.sha256(np.ascontiguousarray(patches).data).hexdigest(),
    )


def crops(
    patches: NDArray[np.generic], masks: NDArray[np.bool_], side: int
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """Cut patches into crops of one channel each, with their masks.

    Parameters
    ----------
    patches : ndarray, (n, height, width, channels)
    masks : ndarray, the same shape, bool
    side : int
        Side of a crop in pixels; what does not fill one is dropped.

    Returns
    -------
    planes, masks : ndarray, (m, side, side)
    """
    both = []
    for values in (patches, masks):
        pieces = np.concatenate([cut(patch, side) for patch in values])
        both.append(np.moveaxis(pieces, -1, 1).reshape(-1, side, side))
    return both[0].astype(np.uint16), both[1].astype(np.bool_)


class Variation(Frozen):
    """Changes of an example each time that it is seen.

    Attributes
    ----------
    brightness : float
        Largest logarithm of the factor on what lies above an image's background.
    background : float
        Largest shift of the background, grey values.
    illumination : float
        Largest rise and fall of the light along each axis of a crop, as a share.
    empty : float
        Share of the images that show noise without a cell, with an empty mask: as behind a droplet,
        and at any level up to `HAZE`, since light that is everywhere is no cell.
    """

    brightness: float = Field(default=0.5, ge=0)
    background: float = Field(default=40.0, ge=0)
    illumination: float = Field(default=0.2, ge=0, lt=1)
    empty: float = Field(default=0.05, ge=0, lt=1)

    def __call__(
        self, planes: NDArray[np.uint16], masks: NDArray[np.bool_], rng: np.random.Generator
    ) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
        """Turn, flip and light up examples anew.

        Parameters
        ----------
        planes : ndarray, (n, side, side), uint16
            Raw grey values: below the level that images are raised to, the background shows.
        masks : ndarray, (n, side, side), bool
        rng : numpy.random.Generator

        Returns
        -------
        planes, masks : ndarray
            New arrays of the same shapes.
        """
        count, side = planes.shape[:2]
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))
        grey = _turn(planes, turns, flip).astype(np.float32)
        middle = np.median(grey, axis=(1, 2), keepdims=True)
        each = (count, 1, 1)
        grey = (grey - middle) * np.exp(rng.uniform(-self.brightness, self.brightness, each))
        grey += middle + rng.uniform(-self.background, self.background, each)
        along = np.linspace(-1, 1, side, dtype=np.float32)
        slopes = rng.uniform(-self.illumination, self.illumination, (2, *each))
        grey *= 1 + slopes[0] * along[:, None] + slopes[1] * along[None, :]
        empty: NDArray[np.bool_] = np.asarray(rng.random(count) < self.empty)
        for index in np.flatnonzero(empty):
            grey[index] = rng.normal(rng.uniform(0, HAZE), rng.uniform(0, NOISE), (side, side))
        seen = _turn(masks, turns, flip).astype(np.bool_) & ~empty[:, None, None]
        return np.clip(np.rint(grey), 0, WHITE).astype(np.uint16), seen


def _turn(values: NDArray[Any], turns: int, flip: bool) -> NDArray[Any]:
    turned = np.rot90(values, turns, axes=(1, 2))
    return np.asarray(turned[:, ::-1] if flip else turned)
