"""Simulate the field of one well: T cells and dendritic cells (DCs), two channels, known truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.patches import BACKGROUND
from ck19ml.core.simulation.conditions import NO_INFLUENCE, Influence, blend
from ck19ml.core.simulation.optics import (
    draw_debris,
    draw_fibres,
    draw_haze,
    scattered,
    uneven_light,
)
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.core.simulation.placement import (
    couple,
    draw_well,
    place_dcs,
    place_tcells,
    place_unstained,
)
from ck19ml.core.simulation.rendering import FULL_SIZE, Cells, blurred, draw, expose

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
        Centres in pixels of the T cells that are bound to a DC: the true interaction. Other T cells
        that lie on a DC have settled there without binding, or lie above or below it.
    settled_yx : ndarray, (settled, 2), float64
        Centres of those that settled on a DC without binding; those that lie on one by chance are
        not among them.
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
    settled_yx: NDArray[np.float64]
    tcell_yx: NDArray[np.float64]
    contact_probability: float
    view: str

    @property
    def contacts(self) -> int:
        """T cells that are bound to a DC."""
        return len(self.contact_yx)


@dataclass(frozen=True)
class View:
    """The hidden part of a field: its pixels (`None`: all), and in which channels."""

    name: str
    hides_dc: bool = False
    hides_tcell: bool = False
    hidden: NDArray[np.bool_] | None = None


def simulate_field(
    stimulation: str,
    parameters: Parameters,
    size: int,
    rng: np.random.Generator,
    influence: Influence = NO_INFLUENCE,
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
    influence : Influence, optional
        What the well's compound and its place on the plate do.

    Raises
    ------
    ConfigError
        If the stimulation is not known.
    ValueError
        If the inhibition is not in [0, 1].
    """
    response = influence.response
    condition = blend(
        parameters.condition(stimulation),
        parameters.condition("Unstimulated"),
        response.inhibition,
    )
    well = draw_well(condition, influence, parameters, rng)
    dc_count, tcell_count = rng.poisson(
        np.array([well.dc_count, well.tcell_count]) * (size / FULL_SIZE) ** 2
    )
    dcs = place_dcs(well, dc_count, parameters, size, rng)
    tcells, on_dc, bound = place_tcells(well, tcell_count, dcs, parameters, size, rng)
    dcs, tcells = couple(dcs, tcells, on_dc, well.coupling, parameters.faintest)
    view = draw_view(parameters, size, rng)
    shared = draw_shared(parameters, size, rng)
    dc, dc_mask = image(
        dcs, parameters, size, rng, view=view if view.hides_dc else None, shared=shared,
        dead=well.dc_dead,
    )  # fmt: skip
    tcell, tcell_mask = image(
        tcells, parameters, size, rng, view=view if view.hides_tcell else None, shared=shared,
        dead=well.tcell_dead,
    )  # fmt: skip
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
        settled_yx=centres[(on_dc >= 0) & ~bound],
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


@dataclass(frozen=True)
class Shared:
    """Properties that both channels of a field share.

    Attributes
    ----------
    blur : float
        Factor on the camera's blur.
    away_um : float
        Standard deviation of the additional blur of cells off the focal plane, um.
    debris : Cells
        Specks that shine in both channels.
    fibres : ndarray, (size, size), float32, optional
        Light of fibres.
    """

    blur: float
    away_um: float
    debris: Cells
    fibres: NDArray[np.float32] | None


def draw_shared(parameters: Parameters, size: int, rng: np.random.Generator) -> Shared:
    """Draw the focus of a field, and the debris and fibres that both channels show."""
    optics = parameters.optics
    debris = draw_debris(optics, 0.0, size, parameters.pixel_um, rng)
    return Shared(
        blur=float(np.exp(optics.focus * rng.standard_normal())),
        away_um=rng.uniform(*optics.out_of_focus_um),
        debris=debris.part(rng.random(len(debris)) < optics.debris_shared),
        fibres=draw_fibres(optics, size, rng),
    )


def image(
    cells: Cells,
    parameters: Parameters,
    size: int,
    rng: np.random.Generator,
    *,
    shared: Shared,
    view: View | None = None,
    dead: float = 0.0,
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """Render one channel: stained cells, unstained cells that stay below 255, debris, noise.

    Parameters
    ----------
    cells : Cells
        The stained cells.
    parameters : Parameters
    size : int
        Side of the field in pixels.
    rng : numpy.random.Generator
    shared : Shared
    view : View, optional
        What hides this channel; there the grey values stay at or below 255.
    dead : float
        Cells of this channel that a compound killed, in a 2048 x 2048 field.

    Returns
    -------
    values : ndarray, (size, size), uint16 in [0, 4095]
    mask : ndarray, (size, size), bool
        Stained cells only, hidden or not, in focus or not.
    """
    optics, pixel_um = parameters.optics, parameters.pixel_um
    away = rng.random(len(cells)) < optics.out_of_focus
    light, mask = draw(cells.part(~away), size)
    if away.any():
        off_plane, off_mask = draw(cells.part(away), size)
        light += blurred(off_plane, shared.away_um / pixel_um)
        mask |= off_mask
    light += draw(place_unstained(cells, parameters, size, rng), size)[0]
    for specks in (draw_debris(optics, dead, size, pixel_um, rng), shared.debris):
        light += draw(specks, size)[0]
    if shared.fibres is not None:
        light += shared.fibres
    light = scattered(light, optics, pixel_um)
    hidden = np.ones_like(mask) if view and view.hidden is None else view.hidden if view else None
    if hidden is not None:
        light[hidden] *= parameters.droplet_light
    values = expose(
        light,
        parameters.camera,
        rng,
        evenness=uneven_light(optics, size, rng),
        haze=draw_haze(optics, size, rng),
        blur=shared.blur,
    )
    if hidden is not None:
        # The brightest cells shine through, and the blur carries light across the rim.
        values[hidden] = np.minimum(values[hidden], BACKGROUND)
    return values, mask
