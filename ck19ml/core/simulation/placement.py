"""Place the cells of a simulated well: DCs in clumps, T cells bound to them, on them or free."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.simulation.conditions import Condition, Influence
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.core.simulation.rendering import Cells

GOLDEN_ANGLE = np.pi * (3 - 5**0.5)
"""Turn between the members of a sunflower's head: packs a clump evenly without a search."""

APART = 1.2
"""Fall of the logarithm of a T cell's distance from its DC for each unit that the logarithm of the
overlap (M1) rises. Measured on the simulator."""

JITTER = 0.15
"""SD of a clump member's distance from the middle, relative: a clump is no crystal."""


@dataclass(frozen=True)
class Well:
    """Values that one well drew from its condition; names as in `Condition` and `Parameters`.

    Counts are those of a full field, brightnesses the medians in grey values; `apart` is the factor
    on the distance of T cells from the middle of the DC they lie on, and the dead are those of a
    full field.
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
    apart: float = 1.0
    tcell_dead: float = 0.0
    dc_dead: float = 0.0


def draw_well(
    condition: Condition, influence: Influence, parameters: Parameters, rng: np.random.Generator
) -> Well:
    """Draw everything in which one well of a condition differs from another."""
    response, terms = influence.response, influence.terms
    link, shared, own = parameters.shared_density, rng.standard_normal(), rng.standard_normal(2)
    tcells, dcs = np.sqrt(link) * shared + np.sqrt(1 - link) * own
    tcell_area, dc_area, contact, stacked, coupling = rng.standard_normal(5)
    tcell_stain, dc_stain = np.exp(parameters.staining * rng.standard_normal(2))
    middle, spread = condition.odd_coupling if influence.odd else condition.coupling
    larger = parameters.diameter**2 / parameters.pixel_um**2
    tcell_count = between(condition.tcell_count, tcells) * np.exp(terms.tcell_count)
    dc_count = between(condition.dc_count, dcs) * np.exp(terms.dc_count)
    return Well(
        tcell_count=float(tcell_count * response.tcell_count),
        dc_count=float(dc_count * response.dc_count),
        tcell_area_px=between(condition.tcell_area_um2, tcell_area) * larger,
        dc_area_px=between(condition.dc_area_um2, dc_area) * response.dc_area * larger,
        contact=min(between(condition.contact, contact), 1.0),
        stacked=min(between(parameters.stacked, stacked), 1.0),
        clumps=condition.clumps,
        coupling=float(middle + spread * coupling),
        tcell_brightness=float(
            parameters.tcell_brightness[0] * tcell_stain * np.exp(terms.brightness)
        ),
        dc_brightness=float(parameters.dc_brightness[0] * dc_stain * np.exp(terms.brightness)),
        apart=float(np.exp(-APART * terms.overlap)),
        tcell_dead=float(tcell_count * response.tcell_killed),
        dc_dead=float(dc_count * response.dc_killed),
    )


def between(pair: tuple[float, float], deviation: float) -> float:
    """Return the value that lies a number of SDs from the mean, at least a tenth of the mean.

    Examples
    --------
    >>> between((100, 20), 1.5), between((100, 20), -9)
    (130.0, 10.0)
    """
    mean, sd = pair
    return float(max(mean + sd * deviation, 0.1 * mean))


def place_dcs(
    well: Well, count: int, parameters: Parameters, size: int, rng: np.random.Generator
) -> Cells:
    """Place DCs, a share of them in clumps; the members of a clump lie in a spiral.

    The field wraps around: a cell that leaves on one side enters on the other, so counts hold.
    """
    clump = assign_clumps(count, well.clumps, rng)
    member = np.arange(count) - np.searchsorted(clump, clump)
    middle_y, middle_x = scatter(int(clump.max(initial=-1)) + 1, size, rng)
    width = 2 * np.sqrt(well.dc_area_px / np.pi)
    angle = member * GOLDEN_ANGLE + rng.uniform(0, 2 * np.pi, middle_y.size)[clump]
    radius = parameters.spacing * width * np.sqrt(member) * rng.normal(1, JITTER, count)
    y = middle_y[clump] + radius * np.sin(angle)
    x = middle_x[clump] + radius * np.cos(angle)
    spread = parameters.dc_brightness[1]
    return Cells(
        y=y % size,
        x=x % size,
        area_px=well.dc_area_px * areas(count, parameters, rng),
        brightness=well.dc_brightness * np.exp(spread * rng.standard_normal(count)),
        waves=waves(count, parameters.dc_waves, rng),
        phases=rng.uniform(0, 2 * np.pi, (count, 3)),
        profile=parameters.dc_profile,
    )


def assign_clumps(
    count: int, clumps: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Assign a clump number to each cell, in ascending order; a single cell is a clump of one.

    Parameters
    ----------
    count : int
    clumps : tuple of float
        Share of the cells that lie in clumps, and mean number of cells in a clump.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, (count,), intp
        From 0.
    """
    share, members = clumps
    together = int(rng.binomial(count, share))
    number = max(1, round(together / members))
    in_clumps = rng.integers(0, number, together)
    alone = number + np.arange(count - together)
    return np.sort(np.concatenate([in_clumps, alone]))


def scatter(
    count: int, size: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw points (y, x) that fill a field more evenly than by chance: at most one a square.

    Real ConA wells hold six T cells a patch, most of them on DCs, and yet one patch in a hundred
    is empty; clumps that lay anywhere would leave several.

    Parameters
    ----------
    count : int
    size : int
        Side of the field in pixels.
    rng : numpy.random.Generator

    Returns
    -------
    y, x : ndarray, (count,), float64, in pixels, in [0, size)
    """
    side = max(1, int(np.ceil(np.sqrt(count))))
    square = rng.permutation(side**2)[:count]
    y, x = (np.stack(np.divmod(square, side)) + rng.random((2, count))) * (size / side)
    return y, x


def place_tcells(
    well: Well, count: int, dcs: Cells, parameters: Parameters, size: int, rng: np.random.Generator
) -> tuple[Cells, NDArray[np.intp], NDArray[np.bool_]]:
    """Place T cells: bound to a DC, settled on one without binding, or anywhere.

    Returns
    -------
    tcells : Cells
    on_dc : ndarray, (n,), int
        The DC that each T cell lies on, -1 where it lies anywhere.
    bound : ndarray, (n,), bool
        Whether it is bound: a true contact.
    """
    y, x = rng.uniform(0, size, (2, count))
    chance = rng.random((2, count)) if len(dcs) else np.ones((2, count))
    bound = chance[0] < well.contact
    lying = bound | (chance[1] < well.stacked)
    on_dc = np.where(lying, rng.integers(0, max(len(dcs), 1), count), -1)
    reach, angle = rng.uniform(*parameters.reach, count), rng.uniform(0, 2 * np.pi, count)
    below = on_dc[lying]
    distance = well.apart * reach[lying] * dcs.radius_px[below]
    y[lying] = dcs.y[below] + distance * np.sin(angle[lying])
    x[lying] = dcs.x[below] + distance * np.cos(angle[lying])
    spread = parameters.tcell_brightness[1]
    tcells = Cells(
        y=y % size,
        x=x % size,
        area_px=well.tcell_area_px * areas(count, parameters, rng),
        brightness=well.tcell_brightness * np.exp(spread * rng.standard_normal(count)),
        waves=waves(count, parameters.tcell_waves, rng),
        phases=rng.uniform(0, 2 * np.pi, (count, 3)),
        profile=parameters.tcell_profile,
    )
    return tcells, on_dc, bound


def place_unstained(
    stained: Cells, parameters: Parameters, size: int, rng: np.random.Generator
) -> Cells:
    """Place the cells that took up too little dye to be counted, anywhere."""
    count = round(len(stained) * parameters.unstained_share)
    y, x = rng.uniform(0, size, (2, count))
    return Cells(
        y=y,
        x=x,
        area_px=(stained.area_px.mean() if count else 0.0) * areas(count, parameters, rng),
        brightness=parameters.unstained_brightness * rng.uniform(0.3, 1, count),
        waves=waves(count, parameters.tcell_waves, rng),
        phases=rng.uniform(0, 2 * np.pi, (count, 3)),
        profile=stained.profile,
    )


def areas(count: int, parameters: Parameters, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the areas of the cells of one well, (count,), relative to their mean; log-normal."""
    spread = parameters.area_spread
    return np.asarray(np.exp(spread * rng.standard_normal(count) - 0.5 * spread**2))


def waves(
    count: int, heights: tuple[float, float, float], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw the heights of the waves of each outline, (count, 3): shares of its radius.

    They are two SDs at most, so that no outline crosses itself.
    """
    return np.asarray(np.clip(rng.standard_normal((count, 3)), -2, 2) * heights)


def couple(
    dcs: Cells, tcells: Cells, on_dc: NDArray[np.intp], coupling: float, faintest: float
) -> tuple[Cells, Cells]:
    """Scale the brightness of cells that lie on one another by exp(coupling).

    Parameters
    ----------
    on_dc : ndarray, (T cells,), intp
        The DC that each T cell lies on, -1 for none.
    coupling : float
    faintest : float
        No stained cell becomes fainter, in grey values above the background.
    """
    lying = on_dc >= 0
    dc_factor, tcell_factor = np.ones(len(dcs)), np.where(lying, np.exp(coupling), 1.0)
    dc_factor[on_dc[lying]] = np.exp(coupling)
    return (
        replace(dcs, brightness=np.maximum(dcs.brightness * dc_factor, faintest)),
        replace(tcells, brightness=np.maximum(tcells.brightness * tcell_factor, faintest)),
    )
