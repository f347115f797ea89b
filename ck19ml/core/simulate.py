"""Simulate the field of one well: T cells and dendritic cells (DCs), two channels, known truth."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ck19ml.core import rendering
from ck19ml.core.patches import BACKGROUND
from ck19ml.core.rendering import Cells
from ck19ml.core.simulation_parameters import FULL_SIZE, Condition, Parameters, blend

GOLDEN_ANGLE = np.pi * (3 - 5**0.5)
"""Turn between the members of a sunflower's head: packs a clump evenly without a search."""

TCELL_WAVES = (0.06, 0.03, 0.0)
"""Height of the waves of a T cell's outline (SD, share of the radius): all but round."""

DC_WAVES = (0.20, 0.12, 0.08)
"""The same for a DC: stretched, with arms."""


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
    contacts : int
        T cells that are bound to a DC: the true interaction.
    contact_probability : float
        Probability that a T cell of this well is bound.
    view : str
        `clear`, `droplet` or `blind`.
    """

    dc: NDArray[np.uint16]
    tcell: NDArray[np.uint16]
    dc_mask: NDArray[np.bool_]
    tcell_mask: NDArray[np.bool_]
    dc_count: int
    tcell_count: int
    dc_area_um2: float
    tcell_area_um2: float
    contacts: int
    contact_probability: float
    view: str


@dataclass(frozen=True)
class Well:
    """What one well drew from its condition; names as in `Condition` and `Parameters`.

    The counts are those of a full field; brightnesses are medians in grey values.
    """

    tcell_count: float
    dc_count: float
    tcell_area_px: float
    dc_area_px: float
    contact: float
    stacked: float
    clumps: tuple[float, float]
    coupling: float
    tcell_brightness: float
    dc_brightness: float


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
    share = (size / FULL_SIZE) ** 2
    dcs = place_dcs(well, rng.poisson(well.dc_count * share), parameters, size, rng)
    tcells, on_dc, bound = place_tcells(
        well, rng.poisson(well.tcell_count * share), dcs, parameters, size, rng
    )
    dcs, tcells = couple(dcs, tcells, on_dc, well.coupling, parameters.faintest)
    view, hidden = hide(parameters, size, rng)
    dc, dc_mask = image(dcs, parameters, size, rng)
    tcell, tcell_mask = image(tcells, parameters, size, rng)
    dc, tcell = blind_one(dc, tcell, hidden, rng)
    pixel_area = parameters.pixel_um**2
    return SimulatedField(
        dc=dc,
        tcell=tcell,
        dc_mask=dc_mask,
        tcell_mask=tcell_mask,
        dc_count=len(dcs),
        tcell_count=len(tcells),
        dc_area_um2=float(dcs.area_px.mean() * pixel_area) if len(dcs) else 0.0,
        tcell_area_um2=float(tcells.area_px.mean() * pixel_area) if len(tcells) else 0.0,
        contacts=int(bound.sum()),
        contact_probability=well.contact,
        view=view,
    )


def draw_well(
    condition: Condition, parameters: Parameters, rng: np.random.Generator, *, odd: bool
) -> Well:
    """Draw the properties of one well: everything in it that differs between wells."""
    shared = rng.standard_normal()
    own = rng.standard_normal(2)
    link = parameters.shared_density
    tcell_density, dc_density = np.sqrt(link) * shared + np.sqrt(1 - link) * own
    pixel_area = parameters.pixel_um**2
    coupling = condition.odd_coupling if odd else condition.coupling
    bright_tcell, bright_dc = np.exp(parameters.staining * rng.standard_normal(2))
    return Well(
        tcell_count=_at(condition.tcell_count, tcell_density),
        dc_count=_at(condition.dc_count, dc_density),
        tcell_area_px=_at(condition.tcell_area_um2, rng.standard_normal()) / pixel_area,
        dc_area_px=_at(condition.dc_area_um2, rng.standard_normal()) / pixel_area,
        contact=min(_at(condition.contact, rng.standard_normal()), 1.0),
        stacked=min(_at(parameters.stacked, rng.standard_normal()), 1.0),
        clumps=condition.clumps,
        coupling=coupling[0] + coupling[1] * rng.standard_normal(),
        tcell_brightness=parameters.tcell_brightness[0] * bright_tcell,
        dc_brightness=parameters.dc_brightness[0] * bright_dc,
    )


def _at(pair: tuple[float, float], deviation: float) -> float:
    """Value that lies this many SDs from the mean; a tenth of the mean is the least."""
    mean, sd = pair
    return float(max(mean + sd * deviation, 0.1 * mean))


def place_dcs(
    well: Well, count: int, parameters: Parameters, size: int, rng: np.random.Generator
) -> Cells:
    """Place DCs in clumps; a clump's members lie in a spiral, a little closer than their width."""
    share, members = well.clumps
    clumps = int(np.ceil(share * count / members))
    alone = count - rng.binomial(count, share) if clumps else count
    clump = np.sort(np.r_[clumps + np.arange(alone), rng.integers(0, max(clumps, 1), count - alone)])
    clumps += alone
    member = np.arange(count) - np.searchsorted(clump, clump)
    width = 2 * np.sqrt(well.dc_area_px / np.pi)
    angle = member * GOLDEN_ANGLE + rng.uniform(0, 2 * np.pi, clumps)[clump]
    radius = 0.75 * width * np.sqrt(member) * rng.normal(1, 0.15, count)
    middle_y, middle_x = scatter(clumps, size, rng)
    y, x = middle_y[clump] + radius * np.sin(angle), middle_x[clump] + radius * np.cos(angle)
    brightness = well.dc_brightness * _spread(parameters.dc_brightness[1], count, rng)
    cells = _cells(y % size, x % size, well.dc_area_px, brightness, parameters, DC_WAVES, rng)
    return replace(cells, profile=parameters.dc_profile)


def scatter(
    count: int, size: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw points (y, x) that fill the field more evenly than by chance: at most one a square.

    Real ConA wells hold six T cells a patch, most of them on DCs, and yet fewer than one patch
    in a hundred is empty; clumps that lay anywhere would leave eight.
    """
    side = int(np.ceil(np.sqrt(count)))
    square = rng.permutation(side**2)[:count]
    y, x = (np.divmod(square, side) + rng.random((2, count))) * (size / side)
    return y, x


def place_tcells(
    well: Well, count: int, dcs: Cells, parameters: Parameters, size: int, rng: np.random.Generator
) -> tuple[Cells, NDArray[np.intp], NDArray[np.bool_]]:
    """Place T cells: bound to a DC, settled on one by chance, or anywhere.

    Returns
    -------
    tcells : Cells
    on_dc : ndarray, (n,), int
        The DC that each T cell lies on, -1 where it lies anywhere.
    bound : ndarray, (n,), bool
        Whether it is bound: a true contact.
    """
    y, x = rng.uniform(0, size, (2, count))
    bound = rng.random(count) < (well.contact if len(dcs) else 0.0)
    settled = ~bound & (rng.random(count) < (well.stacked if len(dcs) else 0.0))
    on_dc = np.where(bound | settled, rng.integers(0, max(len(dcs), 1), count), -1)
    reach = rng.uniform(*parameters.reach, count)
    angle = rng.uniform(0, 2 * np.pi, count)
    lying = on_dc >= 0
    distance = reach[lying] * dcs.radius_px[on_dc[lying]]
    y[lying] = (dcs.y[on_dc[lying]] + distance * np.sin(angle[lying])) % size
    x[lying] = (dcs.x[on_dc[lying]] + distance * np.cos(angle[lying])) % size
    brightness = well.tcell_brightness * _spread(parameters.tcell_brightness[1], count, rng)
    cells = _cells(y, x, well.tcell_area_px, brightness, parameters, TCELL_WAVES, rng)
    return cells, on_dc, bound


def _spread(spread: float, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Factors around 1, log-normal: a heavy upper tail."""
    return np.asarray(np.exp(spread * rng.standard_normal(count)))


def _cells(
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    area_px: float,
    brightness: NDArray[np.float64],
    parameters: Parameters,
    waves: tuple[float, ...],
    rng: np.random.Generator,
) -> Cells:
    """Give cells their areas and outlines; the mean area is that of the well."""
    spread = parameters.area_spread
    area = area_px * np.exp(spread * rng.standard_normal(y.size) - 0.5 * spread**2)
    heights = np.clip(rng.standard_normal((y.size, len(waves))), -2, 2) * np.asarray(waves)
    phases = rng.uniform(0, 2 * np.pi, (y.size, len(waves)))
    return Cells(y, x, area, brightness, heights, phases)


def couple(
    dcs: Cells, tcells: Cells, on_dc: NDArray[np.intp], coupling: float, faintest: float
) -> tuple[Cells, Cells]:
    """Scale the brightness of cells that lie on one another by exp(coupling).

    No stained cell becomes fainter than the faintest (grey values above the background).
    """
    lying = on_dc >= 0
    dc_factor, tcell_factor = np.ones(len(dcs)), np.where(lying, np.exp(coupling), 1.0)
    dc_factor[on_dc[lying]] = np.exp(coupling)
    return (
        replace(dcs, brightness=np.maximum(dcs.brightness * dc_factor, faintest)),
        replace(tcells, brightness=np.maximum(tcells.brightness * tcell_factor, faintest)),
    )


def hide(
    parameters: Parameters, size: int, rng: np.random.Generator
) -> tuple[str, NDArray[np.bool_] | None]:
    """Draw whether the view is clear, hidden in part by a droplet, or blind."""
    chance = rng.random()
    y, x = rng.uniform(0, size, 2)
    radius = rng.uniform(*parameters.droplet_radius) * size
    if chance < parameters.blind_share:
        return "blind", np.ones((size, size), bool)
    if chance < parameters.blind_share + parameters.droplet_share:
        rows, columns = np.ogrid[:size, :size]
        return "droplet", (rows - y) ** 2 + (columns - x) ** 2 < radius**2
    return "clear", None


def blind_one(
    dc: NDArray[np.uint16],
    tcell: NDArray[np.uint16],
    hidden: NDArray[np.bool_] | None,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Hide a part of one channel or of both, each as likely."""
    which = rng.integers(3)
    if hidden is None:
        return dc, tcell
    return (
        rendering.blind(dc, hidden, BACKGROUND) if which != 0 else dc,
        rendering.blind(tcell, hidden, BACKGROUND) if which != 1 else tcell,
    )


def image(
    cells: Cells, parameters: Parameters, size: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """Render one channel: stained cells, unstained cells that stay below 255, noise.

    Returns
    -------
    values : ndarray, (size, size), uint16 in [0, 4095]
    mask : ndarray, (size, size), bool
        Stained cells only.
    """
    light, mask = rendering.draw(cells, size)
    count = round(len(cells) * parameters.unstained_share)
    y, x = rng.uniform(0, size, (2, count))
    faint = rng.uniform(0.3, 1, count) * parameters.unstained_brightness
    mean_area = float(cells.area_px.mean()) if count else 1.0
    unstained = _cells(y, x, mean_area, faint, parameters, TCELL_WAVES, rng)
    light += rendering.draw(unstained, size)[0]
    return rendering.expose(light, parameters.camera, rng), mask
