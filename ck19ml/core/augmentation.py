"""Change scaled patches in ways that leave what they show the same."""

import numpy as np
from numpy.typing import NDArray

MOST_SHIFT = 6
"""Pixels that a patch is shifted at most, each way: a T cell's diameter (DOMAIN.md, 8 um)."""

GAMMA = 1.25
"""Values are raised to a power from 1 / GAMMA to GAMMA: 0 and 1 stay what scaling made them."""


LEVELS = 4096
"""Values between 0 and 1 that are told apart: those of a 12-bit camera."""


def augment(patches: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Turn, flip, shift and brighten each patch by itself; both channels in the same way.

    A field has no up or left, cells are cut by the grid wherever it lies, and dyes differ in
    strength: each patch is turned by a multiple of 90 degrees, flipped in half of the cases,
    shifted by up to `MOST_SHIFT` pixels each way (the edge is mirrored), and each channel's
    values are raised to a power. What is 0, so all that is masked, stays 0 and moves along.

    Parameters
    ----------
    patches : ndarray, (n, size, size, channels), float32 in [0, 1]
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, (n, size, size, channels), float32 in [0, 1]
    """
    count, size, _, channels = patches.shape
    most = min(MOST_SHIFT, size - 1)
    turns = np.asarray(rng.integers(4, size=count))
    flips = np.asarray(rng.integers(2, size=count))
    shifts = rng.integers(-most, most + 1, size=(count, 2))
    powers = GAMMA ** rng.uniform(-1, 1, size=(count, channels))
    made = np.empty_like(patches)
    for index, patch in enumerate(patches):
        turned: NDArray[np.float32] = np.rot90(patch, turns[index])
        turned = turned[:, ::-1] if flips[index] else turned
        rows, columns = (_mirrored(np.arange(size) + shift, size) for shift in shifts[index])
        made[index] = turned.take(rows, axis=0).take(columns, axis=1)
    # By a table: there are no more levels than the camera has, and powers are slow.
    ramp = np.linspace(0, 1, LEVELS)
    # The channels' tables lie one after the other, so that whole rows are looked up.
    start = np.tile(LEVELS * np.arange(channels), size).astype(np.uint16)
    for index, patch in enumerate(made):
        tables = (ramp ** powers[index][:, None]).astype(np.float32).ravel()
        steps = (patch.reshape(size, -1) * np.float32(LEVELS - 1) + np.float32(0.5)).astype("u2")
        made[index] = tables.take(steps + start).reshape(patch.shape)
    return made


def _mirrored(places: NDArray[np.integer], size: int) -> NDArray[np.integer]:
    """Places beyond an edge, (n,), are those that lie as far within it."""
    places = np.abs(places)
    return np.asarray(np.minimum(places, 2 * (size - 1) - places))
