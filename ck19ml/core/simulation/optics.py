"""Imperfections of real images: uneven light, haze, dust, debris, cells out of focus."""

from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ck19ml.core.settings import Frozen, Share
from ck19ml.core.simulation.rendering import FULL_SIZE, Cells

COARSE = 64
"""Side of the grid on which slow patterns are drawn before they are enlarged, pixels."""

WIDE_STEP = 8
"""Scattered light is blurred at an eighth of the resolution: nothing in it is narrower."""

Positive = Annotated[float, Field(ge=0)]

Span = tuple[Positive, Positive]


class Optics(Frozen):
    """Differences between a real image and a perfect one; `PERFECT` switches all of them off.

    In eight real images of two public data sets the background (the 10th percentile of squares of
    64 pixels) varies by 0.02-0.15 of the signal (the 99th percentile less that background), from
    its 5th to its 95th percentile. The sizes of the first five attributes are chosen so that
    simulated fields lie in that range. No image of CK19 is public, so all others are assumptions.

    Attributes
    ----------
    vignette : float
        Share of the light that the corners lack, compared with the middle.
    tilt : float
        Largest rise and fall of the light along a line across a field; each field draws its own.
    haze : (float, float)
        Uneven light that is added, such as of medium and plastic: median height of its pattern in
        grey values, and SD of the logarithm between fields.
    scatter : float
        Share of the cells' light that is spread widely around them.
    scatter_um : float
        Standard deviation of that spread, um.
    dust : float
        Mean number of grains on the optics, which cast blurred shadows, in a 2048 x 2048 field.
    dust_shadow : (float, float)
        Smallest and largest share of the light that a grain takes.
    dust_radius_px : (float, float)
        Smallest and largest radius of a shadow, pixels.
    focus : float
        SD of the logarithm of a field's blur.
    out_of_focus : float
        Share of the cells above or below the focal plane.
    out_of_focus_um : (float, float)
        Smallest and largest standard deviation of the additional blur of these cells, um; each
        field draws its own.
    debris : (float, float)
        Median number of bright specks in a channel of a 2048 x 2048 field, and SD of its logarithm.
    debris_per_dead : float
        Specks that each dead cell leaves in its own channel.
    debris_shared : float
        Share of the specks that shine in both channels, as autofluorescent ones do.
    debris_um : (float, float)
        Smallest and largest diameter of a speck, um.
    debris_brightness : (float, float)
        Median grey value above the background at the middle of a speck, and SD of its logarithm.
    fibres : float
        Mean number of fibres (lint) in a 2048 x 2048 field; they shine in both channels.
    fibre_brightness : (float, float)
        Smallest and largest grey value above the background of a fibre.
    """

    vignette: Share = 0.12
    tilt: Share = 0.06
    haze: Span = (8.0, 0.4)
    scatter: Share = 0.1
    scatter_um: float = Field(default=20.0, gt=0)
    dust: Positive = 3.0
    dust_shadow: Span = (0.02, 0.08)
    dust_radius_px: Span = (15.0, 50.0)
    focus: Positive = 0.08
    out_of_focus: Share = 0.1
    out_of_focus_um: Span = (1.5, 3.5)
    debris: Span = (20.0, 0.5)
    debris_per_dead: Positive = 0.2
    debris_shared: Share = 0.2
    debris_um: Span = (1.5, 5.0)
    debris_brightness: Span = (200.0, 0.6)
    fibres: Positive = 0.05
    fibre_brightness: Span = (60.0, 250.0)


PERFECT = Optics(
    vignette=0.0,
    tilt=0.0,
    haze=(0.0, 0.0),
    scatter=0.0,
    dust=0.0,
    focus=0.0,
    out_of_focus=0.0,
    debris=(0.0, 0.0),
    debris_per_dead=0.0,
    fibres=0.0,
)
"""Even light, no haze, dust or debris, and all cells in focus."""


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


def uneven_light(optics: Optics, size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw the relative brightness of a field: vignette, tilt and the shadows of dust.

    Returns
    -------
    ndarray, (size, size), float32
        Its mean without dust is 1.
    """
    place = np.linspace(-1, 1, COARSE, dtype=np.float32) ** 2
    pattern = 1 - np.float32(optics.vignette) * (place[:, None] + place[None, :]) / 2
    pattern = pattern * ramp(COARSE, optics.tilt * rng.random(), rng.uniform(0, 2 * np.pi))
    light = _enlarge(np.asarray(pattern / pattern.mean(), np.float32), size)
    for _ in range(rng.poisson(optics.dust * (size / FULL_SIZE) ** 2)):
        radius = rng.uniform(*optics.dust_radius_px)
        _shade(light, rng.uniform(0, size, 2), radius, rng.uniform(*optics.dust_shadow))
    return light


def _shade(
    light: NDArray[np.float32], centre: NDArray[np.float64], radius: float, share: float
) -> None:
    """Take a share of the light inside a circle, less towards its rim, in place."""
    low = np.maximum(np.floor(centre - radius).astype(int), 0)
    high = np.ceil(centre + radius).astype(int) + 1
    part = light[low[0] : high[0], low[1] : high[1]]
    rows, columns = (np.arange(low[axis], low[axis] + part.shape[axis]) for axis in (0, 1))
    distance2 = (rows[:, None] - centre[0]) ** 2 + (columns[None, :] - centre[1]) ** 2
    part *= 1 - share * np.sqrt(np.maximum(1 - distance2 / radius**2, 0)).astype(np.float32)


def draw_haze(optics: Optics, size: int, rng: np.random.Generator) -> NDArray[np.float32] | float:
    """Draw light that is added unevenly over a field.

    Returns
    -------
    ndarray, (size, size), float32, or 0.0
        Grey values from 0 on; from the 5th to the 95th percentile it rises by the field's height.
    """
    median, spread = optics.haze
    height = median * np.exp(spread * rng.standard_normal())
    pattern = _enlarge(rng.standard_normal((4, 4), np.float32), COARSE)
    low, high = np.percentile(pattern, (5, 95))
    if height == 0 or high == low:
        return 0.0
    pattern = (pattern - pattern.min()) * np.float32(height / (high - low))
    return _enlarge(pattern, size)


def _enlarge(pattern: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    # Cubic: linear steps would show as creases in the haze.
    enlarged = cv2.resize(pattern, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(enlarged, dtype=np.float32)


def scattered(light: NDArray[np.float32], optics: Optics, pixel_um: float) -> NDArray[np.float32]:
    """Spread a share of the light widely, as scatter in the well and the optics does.

    Parameters
    ----------
    light : ndarray, (size, size), float32
        Grey values above the background; changed in place.
    """
    size = light.shape[0]
    if optics.scatter == 0 or size < 2 * WIDE_STEP:
        return light
    coarse = cv2.resize(light, (size // WIDE_STEP,) * 2, interpolation=cv2.INTER_AREA)
    wide = cv2.GaussianBlur(coarse, (0, 0), optics.scatter_um / pixel_um / WIDE_STEP)
    light *= np.float32(1 - optics.scatter)
    wide *= np.float32(optics.scatter)
    light += cv2.resize(wide, (size, size), interpolation=cv2.INTER_LINEAR)
    return light


def draw_debris(
    optics: Optics, dead: float, size: int, pixel_um: float, rng: np.random.Generator
) -> Cells:
    """Draw the bright specks of one channel.

    Parameters
    ----------
    dead : float
        Cells of this channel that died, in a 2048 x 2048 field.

    Returns
    -------
    Cells
        At most half as bright again towards the middle as a cell; none is counted or masked.
    """
    median, spread = optics.debris
    mean = median * np.exp(spread * rng.standard_normal()) + optics.debris_per_dead * dead
    count = rng.poisson(mean * (size / FULL_SIZE) ** 2)
    y, x = rng.uniform(0, size, (2, count))
    diameter_px = rng.uniform(*optics.debris_um, count) / pixel_um
    middle, wide = optics.debris_brightness
    return Cells(
        y=y,
        x=x,
        area_px=np.pi / 4 * diameter_px**2,
        brightness=middle * np.exp(wide * rng.standard_normal(count)),
        waves=np.clip(rng.standard_normal((count, 3)), -2, 2) * (0.2, 0.1, 0.05),
        phases=rng.uniform(0, 2 * np.pi, (count, 3)),
        profile=1.0,
    )


def draw_fibres(optics: Optics, size: int, rng: np.random.Generator) -> NDArray[np.float32] | None:
    """Draw the light of fibres, (size, size), float32; None where a field has none."""
    count = rng.poisson(optics.fibres * (size / FULL_SIZE) ** 2)
    if not count:
        return None
    light = np.zeros((size, size), np.float32)
    for _ in range(count):
        # A curve through five points of a walk that turns slowly, about 300 pixels long.
        turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.5, 5))
        steps = rng.uniform(30, 90, 5)[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        points = rng.uniform(0, size, 2) + np.cumsum(steps, axis=0)
        brightness = rng.uniform(*optics.fibre_brightness)
        line = np.rint(points).astype(np.int32)[:, None, :]
        cv2.polylines(light, [line], isClosed=False, color=brightness, thickness=2)
    return np.asarray(cv2.GaussianBlur(light, (0, 0), 1.5), dtype=np.float32)
