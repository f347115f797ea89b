"""Simulate the field of one well: T cells and dendritic cells (DCs), two channels, known truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.patches import BACKGROUND
from ck19ml.core.simulation.parameters import FULL_SIZE, Parameters, blend
from ck19ml.core.simulation.placement import (
    couple,
    draw_well,
    place_dcs,
    place_tcells,
    place_unstained,
)
from ck19ml.core.simulation.rendering import Cells, draw, expose

__all__ = ["Parameters", "SimulatedField", "simulate_field"]


@dataclass(frozen=True)
class SimulatedField:
    """One field with its truth.

    Attributes
    ----------
    dc, tcell : ndarray, (size, size), uint16 in [0, 4095]
        Grey values of the two channels.
    dc_mask, tcell_mask : ndarray, (size, size), bool
        Pixels of the stained cells, also where a droplet hides them.
    dc_count, tcell_count : int
        Stained cells whose centre is in the field.
    dc_area_um2, tcell_area_um2 : float
        Mean area of these cells; 0 where there is none.
    contact_yx : ndarray, (contacts, 2), float64
        Centres in pixels of the T cells that are bound to a DC: the true interaction. Others that
        lie on a DC settled there, or lie above or below it.
    tcell_yx : ndarray, (tcell_count, 2), float64
        Centres in pixels of all stained T cells.
    contact_probability : float
        Probability that a T cell of this well is bound.
    view : str
        `clear`, `droplet` (a part is hidden in one channel or in both) or `blind` (all is).
    """

    dc: NDArray[np.uint16]
    tcell: NDArray[np.uint16]
    dc_mask: NDArray[np.bool_]
    tcell_mask: NDArray[np.bool_]
    dc_count: int
    tcell_count: int
    dc_area_um2: float
    tcell_area_um2: float
    contact_yx: NDArray[np.float64]
    tcell_yx: NDArray[np.float64]
    contact_probability: float
    view: str

    @property
    def contacts(self) -> int:
        """T cells that are bound to a DC."""
        return len(self.contact_yx)


@dataclass(frozen=True)
class View:
    """What of a field is hidden: the pixels (`None`: all) of each hidden channel."""

    name: str
    hides_dc: bool = False
    hides_tcell: bool = False
    hidden: NDArray[np.bool_] | None = None


def simulate_field(
    stimulation: str,
    parameters: Parameters,
    size: int,
    rng: np.random.Generator,
    *,
    inhibition: float = 0.0,
    odd: bool = False,
) -> SimulatedField:
    """Draw one well and render its field.

    Parameters
    ----------
    stimulation : str
        One of the conditions of the parameters.
    parameters : Parameters
    size : int
        Side of the field in pixels; smaller fields hold proportionally fewer cells.
    rng : numpy.random.Generator
    inhibition : float
        In [0, 1]: 0 leaves the stimulation as it is, 1 takes it back to the unstimulated state.
    odd : bool
        Whether the overlap per patch contradicts the area overlap (see `Parameters.odd_every`).

    Raises
    ------
    ConfigError
        If the stimulation is not known.
    ValueError
        If the inhibition is not in [0, 1].
    """
    condition = blend(
        parameters.condition(stimulation), parameters.condition("Unstimulated"), inhibition
    )
    well = draw_well(condition, parameters, rng, odd=odd)
    dc_count, tcell_count = rng.poisson(
        np.array([well.dc_count, well.tcell_count]) * (size / FULL_SIZE) ** 2
    )
    dcs = place_dcs(well, dc_count, parameters, size, rng)
    tcells, on_dc, bound = place_tcells(well, tcell_count, dcs, parameters, size, rng)
    dcs, tcells = couple(dcs, tcells, on_dc, well.coupling, parameters.faintest)
    view = draw_view(parameters, size, rng)
    dc, dc_mask = image(dcs, view if view.hides_dc else None, parameters, size, rng)
    tcell, tcell_mask = image(tcells, view if view.hides_tcell else None, parameters, size, rng)
    centres = np.stack([tcells.y, tcells.x], axis=1)
    return SimulatedField(
        dc=dc,
        tcell=tcell,
        dc_mask=dc_mask,
        tcell_mask=tcell_mask,
        dc_count=len(dcs),
        tcell_count=len(tcells),
        dc_area_um2=_mean_area_um2(dcs, parameters),
        tcell_area_um2=_mean_area_um2(tcells, parameters),
        contact_yx=centres[bound],
        tcell_yx=centres,
        contact_probability=well.contact,
        view=view.name,
    )


def _mean_area_um2(cells: Cells, parameters: Parameters) -> float:
    return float(cells.area_px.mean() * parameters.pixel_um**2) if len(cells) else 0.0


def draw_view(parameters: Parameters, size: int, rng: np.random.Generator) -> View:
    """Draw whether the view is clear, hidden in part by a droplet, or blind.

    A hidden view is hidden in the DC channel, in the T-cell channel or in both, each as likely.
    """
    chance, which = rng.random(), int(rng.integers(3))
    y, x = rng.uniform(0, size, 2)
    radius = rng.uniform(*parameters.droplet_radius) * size
    if chance < parameters.blind_share:
        return View("blind", hides_dc=which != 0, hides_tcell=which != 1)
    if chance < parameters.blind_share + parameters.droplet_share:
        rows, columns = np.ogrid[:size, :size]
        hidden = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
        return View("droplet", hides_dc=which != 0, hides_tcell=which != 1, hidden=hidden)
    return View("clear")


def image(
    cells: Cells, view: View | None, parameters: Parameters, size: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """Render one channel: stained cells, unstained cells that stay below 255, noise.

    Parameters
    ----------
    cells : Cells
        The stained cells.
    view : View, optional
        What hides this channel; there the grey values stay at or below 255.
    parameters : Parameters
    size : int
        Side of the field in pixels.
    rng : numpy.random.Generator

    Returns
    -------
    values : ndarray, (size, size), uint16 in [0, 4095]
    mask : ndarray, (size, size), bool
        Stained cells only, hidden or not.
    """
    light, mask = draw(cells, size)
    light += draw(place_unstained(cells, parameters, size, rng), size)[0]
    if view is None:
        return expose(light, parameters.camera, rng), mask
    hidden = np.ones_like(mask) if view.hidden is None else view.hidden
    light[hidden] *= parameters.droplet_light
    values = expose(light, parameters.camera, rng)
    # The brightest cells shine through, and the blur carries light across the rim.
    values[hidden] = np.minimum(values[hidden], BACKGROUND)
    return values, mask
