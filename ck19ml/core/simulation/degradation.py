"""Spoil simulated fields as microscopes do: noise, uneven light, unstained cells that shine."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ck19ml.core.settings import Frozen
from ck19ml.core.simulation.field import SimulatedField, simulate_field
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.core.simulation.rendering import WHITE, Camera


class Degradation(Frozen):
    """What is worse than in the simulated plate; by default nothing is.

    Attributes
    ----------
    noise : float
        Factor on the standard deviation of the camera's noise.
    gradient : float
        In [0, 1): the light, background included, falls from 1 + gradient to 1 - gradient of what
        it was, along a line across the field in a direction that is drawn.
    unstained_share : float, optional
        Unstained cells per stained one; as in the plate where it is not given.
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
        return replace(
            base,
            camera=noisier(base.camera, self.noise),
            unstained_share=base.unstained_share if share is None else share,
            unstained_brightness=base.unstained_brightness if brightness is None else brightness,
        )


def noisier(camera: Camera, factor: float) -> Camera:
    """Return a camera whose noise has `factor` times the standard deviation at every grey value.

    Shot noise has the variance gain x signal (`rendering.expose`), so the gain, which nothing else
    depends on, grows with the square.
    """
    return replace(camera, gain=camera.gain * factor**2, read_noise=camera.read_noise * factor)


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


def ramp(size: int, gradient: float, angle: float) -> NDArray[np.float32]:
    """Light that falls along a line: 1 + gradient at one rim, 1 - gradient at the other.

    Parameters
    ----------
    size : int
        Side of the field in pixels.
    gradient : float
    angle : float
        Direction in which it falls, radians from the x axis.

    Returns
    -------
    ndarray, (size, size), float32
        Its mean is 1.
    """
    place = np.linspace(-1, 1, size, dtype=np.float32)
    along = place[:, None] * np.float32(np.sin(angle)) + place[None, :] * np.float32(np.cos(angle))
    return np.asarray(1 - np.float32(gradient) * along / np.abs(along).max())


def illuminate(
    values: NDArray[np.integer], light: NDArray[np.float32], dark: float
) -> NDArray[np.uint16]:
    """Multiply what lies above the electronic offset by the light.

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
