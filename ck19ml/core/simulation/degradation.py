"""A stress test beyond the simulator's defaults: noise, uneven light, bright unstained cells."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ck19ml.core.settings import Frozen
from ck19ml.core.simulation.field import SimulatedField, simulate_field
from ck19ml.core.simulation.optics import ramp
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.core.simulation.rendering import WHITE, Camera


class Degradation(Frozen):
    """Degradation of a field against those of the simulated plate; by default it is not.

    Attributes
    ----------
    noise : float
        Factor on the standard deviation of the camera's noise.
    gradient : float
        In [0, 1): the light, background included, falls from 1 + gradient to 1 - gradient of what
        it was, along a line across the field in a random direction.
    unstained_share : float, optional
        Unstained cells per stained one; as in the plate if not given.
    unstained_brightness : float, optional
        Largest grey value above the background of an unstained cell. From 85 on the brightest
        stand above 255, the level that images are raised to.
    """

    noise: float = Field(default=1.0, gt=0)
    gradient: float = Field(default=0.0, ge=0, lt=1)
    unstained_share: float | None = Field(default=None, ge=0)
    unstained_brightness: float | None = Field(default=None, ge=0)

    def parameters(self, base: Parameters) -> Parameters:
        """Return the simulator's parameters with this noise and these unstained cells."""
        share, brightness = self.unstained_share, self.unstained_brightness
        changed = {
            "camera": noisier(base.camera, self.noise),
            "unstained_share": base.unstained_share if share is None else share,
            "unstained_brightness": base.unstained_brightness if brightness is None else brightness,
        }
        return base.model_copy(update=changed)


def noisier(camera: Camera, factor: float) -> Camera:
    """Return a camera whose noise has `factor` times the standard deviation at every grey value.

    Shot noise has the variance gain x signal (`rendering.expose`), so the gain, which nothing else
    depends on, grows with the square.
    """
    changed = {
        "gain": camera.gain * factor**2,
        "read_noise": camera.read_noise * factor,
        "line_noise": camera.line_noise * factor,
    }
    return camera.model_copy(update=changed)


def simulate_degraded(
    stimulation: str,
    parameters: Parameters,
    size: int,
    rng: np.random.Generator,
    degradation: Degradation,
) -> SimulatedField:
    """Draw a well as `simulate_field` does, and render it under a degradation."""
    view = simulate_field(stimulation, degradation.parameters(parameters), size, rng)
    if not degradation.gradient:
        return view
    light = ramp(size, degradation.gradient, rng.uniform(0, 2 * np.pi))
    dark = parameters.camera.offset
    return replace(
        view, dc=illuminate(view.dc, light, dark), tcell=illuminate(view.tcell, light, dark)
    )


def illuminate(
    values: NDArray[np.integer], light: NDArray[np.float32], dark: float
) -> NDArray[np.uint16]:
    """Multiply all grey values but the electronic offset by the light.

    Parameters
    ----------
    values : ndarray, (height, width), integers
        Grey values.
    light : ndarray, (height, width), float32
        Relative brightness, see `ramp`.
    dark : float
        The offset in grey values.

    Returns
    -------
    ndarray, (height, width), uint16
    """
    grey = np.rint((values.astype(np.float32) - np.float32(dark)) * light + np.float32(dark))
    return np.asarray(np.clip(grey, 0, WHITE), dtype=np.uint16)
