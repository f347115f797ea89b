"""Draw cells into a field and turn light into the grey values of a 12-bit camera."""

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage

from ck19ml.core.settings import Frozen

WHITE = 4095
"""Largest grey value of the 12-bit camera (DOMAIN.md, the raw data)."""

FULL_SIZE = 2048
"""Side in pixels of the field that numbers of cells and other things refer to (DOMAIN.md, the raw
data)."""

HARMONICS = (2, 3, 5)
"""Waves around a cell's outline: two stretch it, three and five make arms."""


class Camera(Frozen):
    """The conversion of light to grey values; all are assumptions that fit a 12-bit camera.

    Attributes
    ----------
    background : float
        Grey value of a view without cells. With its noise it lies well below 255, the level that
        the study raises its images to (DOMAIN.md, the study's processing, step 2).
    offset : float
        Part of the background that is electronic and carries no shot noise, grey values.
    gain : float
        Grey values per photo-electron; shot noise has the variance gain x signal.
    read_noise : float
        Standard deviation of the noise in the dark, grey values.
    line_noise : float
        Standard deviation of the offset that each line of pixels adds, grey values.
    blur_px : float
        Standard deviation of the point spread, pixels.
    """

    background: float = Field(default=163.0, ge=0)
    offset: float = Field(default=100.0, ge=0)
    gain: float = Field(default=0.6, ge=0)
    read_noise: float = Field(default=4.0, ge=0)
    line_noise: float = Field(default=0.5, ge=0)
    blur_px: float = Field(default=0.8, ge=0)


@dataclass(frozen=True)
class Cells:
    """Cells of one kind; arrays of shape (n,), outline arrays of shape (n, 3).

    Attributes
    ----------
    y, x : ndarray of float64
        Centres in pixels, inside the field.
    area_px : ndarray of float64
        Area of each outline in pixels.
    brightness : ndarray of float64
        Grey values above the background at the middle of the cell, before the blur.
    waves : ndarray of float64, (n, 3)
        Height of each wave of the outline, as a share of the radius (see `HARMONICS`).
    phases : ndarray of float64, (n, 3)
        Turn of each wave, radians.
    profile : float
        Exponent of the fall of light from 1 in the middle to 0 on the outline: the light is
        (1 - (distance / radius)^2)^profile.
    """

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    area_px: NDArray[np.float64]
    brightness: NDArray[np.float64]
    waves: NDArray[np.float64]
    phases: NDArray[np.float64]
    profile: float = 0.5

    def __len__(self) -> int:
        return self.y.size

    def part(self, keep: NDArray[np.bool_]) -> "Cells":
        """Return the cells that a mask of shape (n,) keeps."""
        names = ("y", "x", "area_px", "brightness", "waves", "phases")
        return replace(self, **{name: getattr(self, name)[keep] for name in names})

    @property
    def radius_px(self) -> NDArray[np.float64]:
        """Mean radius of each outline, (n,), pixels: a wave of height a adds a^2 / 2 to an area."""
        swell = 1 + 0.5 * (self.waves**2).sum(axis=1)
        return np.asarray(np.sqrt(self.area_px / (np.pi * swell)))


def draw(cells: Cells, size: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Draw cells as domes of light; where cells lie above one another their light adds up.

    Parameters
    ----------
    cells : Cells
    size : int
        Side of the field in pixels.

    Returns
    -------
    light : ndarray, (size, size), float32
        Grey values above the background, without blur or noise.
    mask : ndarray, (size, size), bool
        Pixels inside at least one outline.
    """
    light = np.zeros((size, size), np.float32)
    mask = np.zeros((size, size), bool)
    if len(cells) == 0:
        return light, mask
    cell, y, x, depth = _inside(cells)
    seen = (y >= 0) & (y < size) & (x >= 0) & (x < size)
    flat = y[seen] * size + x[seen]
    weights = (cells.brightness[cell[seen]] * depth[seen] ** cells.profile).astype(np.float32)
    np.add.at(light.reshape(-1), flat, weights)
    mask.reshape(-1)[flat] = True
    return light, mask


def _inside(
    cells: Cells,
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return the cell, row, column and depth (1: middle, 0: outline) of each pixel inside."""
    radius = cells.radius_px
    reach = int(np.ceil((radius * (1 + np.abs(cells.waves).sum(axis=1))).max())) + 1
    steps_y, steps_x = _disc(reach)
    row, column = np.rint(cells.y).astype(np.intp), np.rint(cells.x).astype(np.intp)
    dy = steps_y[None, :] - (cells.y - row)[:, None]
    dx = steps_x[None, :] - (cells.x - column)[:, None]
    distance2 = dy**2 + dx**2
    near = distance2 <= ((radius * (1 + np.abs(cells.waves).sum(axis=1))) ** 2)[:, None]
    cell, step = np.nonzero(near)
    angle = np.arctan2(dy[near], dx[near])
    outline = np.ones(angle.size)
    for wave, order in enumerate(HARMONICS):
        outline += cells.waves[cell, wave] * np.cos(order * angle - cells.phases[cell, wave])
    depth = 1 - distance2[near] / (radius[cell] * outline) ** 2
    inner = depth > 0
    cell, step = cell[inner], step[inner]
    return cell, row[cell] + steps_y[step], column[cell] + steps_x[step], depth[inner]


@lru_cache(maxsize=64)
def _disc(reach: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the steps from a centre to every pixel within reach."""
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    near = y**2 + x**2 <= (reach + 0.5) ** 2
    return y[near].astype(np.intp), x[near].astype(np.intp)


def expose(
    light: NDArray[np.float32],
    camera: Camera,
    rng: np.random.Generator,
    *,
    evenness: NDArray[np.float32] | float = 1.0,
    haze: NDArray[np.float32] | float = 0.0,
    blur: float = 1.0,
) -> NDArray[np.uint16]:
    """Blur the light, add the background and the noise, and read it out with 12 bits.

    Shot noise is drawn as a normal of the same variance: at the background's 100 electrons
    it is as good as Poisson and ten times as fast.

    Parameters
    ----------
    light : ndarray, (height, width), float32
        Grey values above the background.
    camera : Camera
    rng : numpy.random.Generator
    evenness : ndarray, (height, width), float32, or float
        Relative brightness of the illumination: all but the electronic offset is multiplied by it.
    haze : ndarray, (height, width), float32, or float
        Grey values that are added to the background before that.
    blur : float
        Factor on the camera's blur.

    Returns
    -------
    ndarray, (height, width), uint16 in [0, 4095]
    """
    grey = blurred(light, camera.blur_px * blur)
    grey += np.float32(camera.background - camera.offset)
    grey += haze
    grey *= evenness
    spread = grey * np.float32(camera.gain)
    spread += np.float32(camera.read_noise**2)
    noise = rng.standard_normal(light.shape, np.float32)
    noise *= np.sqrt(np.maximum(spread, 0, out=spread), out=spread)
    grey += noise
    lines = np.float32(camera.offset) + camera.line_noise * rng.standard_normal((len(light), 1))
    grey += lines.astype(np.float32)
    return _read_out(grey)


def blurred(light: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Return light, (height, width), spread by a Gaussian of this standard deviation; a copy."""
    if sigma_px <= 0:
        return light.copy()
    return np.asarray(cv2.GaussianBlur(light, (0, 0), sigma_px), dtype=np.float32)


def brightfield(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.uint16]:
    """Draw a transmitted-light view: grey, with dark rims around the cells.

    Parameters
    ----------
    mask : ndarray, (height, width), bool
        Pixels of all cells.

    Returns
    -------
    ndarray, (height, width), uint16 in [0, 4095]
    """
    body = ndimage.gaussian_filter(mask.astype(np.float32), 1.0, truncate=3.0)
    rim = body * (1 - body)
    grey = 2000 + 120 * body - 1800 * rim + 25 * rng.standard_normal(mask.shape, np.float32)
    return _read_out(grey)


def _read_out(grey: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Round to the 12 bits of the camera, in place up to the last step."""
    np.rint(grey, out=grey)
    np.clip(grey, 0, WHITE, out=grey)
    return grey.astype(np.uint16)
