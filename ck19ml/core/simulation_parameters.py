"""All parameters of the simulated plate: what each is, and where its value comes from."""

from dataclasses import dataclass, field, replace

from ck19ml.core import rendering
from ck19ml.errors import ConfigError

FULL_SIZE = 2048
"""Side in pixels of the field that the instrument's counts refer to (DOMAIN.md, raw data)."""


@dataclass(frozen=True)
class Condition:
    """What one stimulation does to the cells of a well; pairs are (mean, SD between wells).

    "Instrument" means the instrument's own measurements of plate CK19 (DOMAIN.md, what the real
    CK19 numbers say); "calibration" means that the value was chosen so that simulated wells
    reproduce the published figures (`benchmarks/simulator_fidelity.py`). The published means
    of OVA and ConA include wells whose compound inhibits, so a free well lies beyond them.

    Attributes
    ----------
    tcell_count, dc_count : tuple of float
        Cells in a 2048 x 2048 field. Instrument.
    tcell_area_um2, dc_area_um2 : tuple of float
        Mean area of a cell. Instrument.
    contact : tuple of float
        Probability that a T cell is bound to a DC: the interaction that compounds reduce.
        Calibration, from the instrument's % area overlap.
    clumps : tuple of float
        Share of the DCs that lie in clumps, and mean number of DCs in a clump (not a mean and an
        SD); ConA cross-links cells (DOMAIN.md, the biology). Assumption.
    coupling : tuple of float
        Natural logarithm of the factor by which cells that lie on one another outshine single
        ones. Calibration, from the overlap per patch.
    odd_coupling : tuple of float
        Coupling of an odd well (see `Parameters.odd_every`). Calibration.
    """

    tcell_count: tuple[float, float]
    dc_count: tuple[float, float]
    tcell_area_um2: tuple[float, float]
    dc_area_um2: tuple[float, float]
    contact: tuple[float, float]
    clumps: tuple[float, float]
    coupling: tuple[float, float]
    odd_coupling: tuple[float, float]


UNSTIMULATED = Condition(
    tcell_count=(1314, 235),
    dc_count=(1074, 223),
    tcell_area_um2=(100.7, 4.2),
    dc_area_um2=(141, 12),
    contact=(0.02, 0.015),
    clumps=(0.3, 3),
    coupling=(-1.02, 0.14),
    odd_coupling=(-0.28, 0.12),
)
OVA = Condition(
    tcell_count=(1100, 225),
    dc_count=(980, 210),
    tcell_area_um2=(104.7, 5.0),
    dc_area_um2=(152, 16),
    contact=(0.25, 0.06),
    clumps=(0.6, 6),
    coupling=(-0.81, 0.12),
    odd_coupling=(-1.15, 0.1),
)
CONA = Condition(
    tcell_count=(690, 115),
    dc_count=(680, 130),
    tcell_area_um2=(111.0, 6.1),
    dc_area_um2=(187, 15),
    contact=(0.98, 0.02),
    clumps=(0.5, 6),
    coupling=(-0.84, 0.04),
    odd_coupling=(-1.35, 0.1),
)


@dataclass(frozen=True)
class Parameters:
    """All parameters of the simulator in one place.

    Attributes
    ----------
    conditions : dict of str to Condition
        One for each stimulation.
    odd_every : int
        One well in so many is odd: its overlap per patch contradicts its area overlap. In rows A
        and B of the published patch table the overlaps contradict the instrument (they fit the
        well eight places on in the row), and the published figures include them: a tenth of the
        unstimulated wells makes half of the mean overlap. 0 gives a plate without odd wells.
    pixel_um : float
        Side of a pixel in micrometres (DOMAIN.md, the raw data).
    camera : rendering.Camera
    shared_density : float
        Correlation between a well's T-cell and DC density, 0.36-0.87 in the instrument's table.
    area_spread : float
        Standard deviation of the logarithm of a cell's area within a well. Assumption: cells of
        one kind differ by about a quarter.
    stacked : tuple of float
        Share (mean, SD between wells) of unbound T cells that settle on a DC by chance, the same
        for each stimulation. Calibration, from the unstimulated wells' 21 % area overlap.
    reach : tuple of float
        Distance of a T cell's centre from that of the DC it lies on: smallest and largest, as a
        share of the DC's radius. Calibration.
    tcell_brightness, dc_brightness : tuple of float
        Median brightness above the background in grey values, and SD of its logarithm within a
        well. The tail is heavy: the study's threshold per patch keeps the brightest cells only,
        which makes its IoU a tenth of the instrument's. Calibration.
    staining : float
        Standard deviation of the logarithm of a well's brightness, per channel. Assumption.
    faintest : float
        Brightness of the faintest stained cell in grey values: it shows above 255.
    unstained_share : float
        Unstained cells per stained one. Assumption: 8,000 seeded cells and a field of a quarter of
        the well make 2,000, of which about 1,300 are counted.
    unstained_brightness : float
        Largest brightness of an unstained cell in grey values: it stays below 255.
    droplet_share, blind_share : float
        Share of wells of which a droplet hides a part, and that are hidden as a whole. Patch table:
        1.9 % of patches are faulty, 13 % of wells have at least one, 3 of 294 wells are hidden.
    droplet_radius : tuple of float
        Smallest and largest radius of a droplet, as a share of the field's side. Calibration.
    """

    conditions: dict[str, Condition] = field(
        default_factory=lambda: {"Unstimulated": UNSTIMULATED, "OVA": OVA, "ConA": CONA}
    )
    odd_every: int = 8
    pixel_um: float = 1.34
    camera: rendering.Camera = field(default_factory=rendering.Camera)
    shared_density: float = 0.5
    area_spread: float = 0.25
    stacked: tuple[float, float] = (0.37, 0.04)
    reach: tuple[float, float] = (0.45, 1.1)
    tcell_brightness: tuple[float, float] = (500.0, 0.35)
    dc_brightness: tuple[float, float] = (700.0, 0.3)
    dc_profile: float = 1.5
    staining: float = 0.15
    faintest: float = 150.0
    unstained_share: float = 0.4
    unstained_brightness: float = 40.0
    droplet_share: float = 0.06
    blind_share: float = 0.004
    droplet_radius: tuple[float, float] = (0.15, 0.4)

    def condition(self, stimulation: str) -> Condition:
        """Look up a stimulation; ConfigError names the known ones."""
        if stimulation not in self.conditions:
            known = ", ".join(self.conditions)
            raise ConfigError(
                f"expected a stimulation that can be simulated ({known}), found {stimulation!r}; "
                "correct the layout"
            )
        return self.conditions[stimulation]


def blend(stimulated: Condition, unstimulated: Condition, inhibition: float) -> Condition:
    """Take a stimulated condition back towards the unstimulated one.

    In the instrument's table the wells of an inhibited stimulation have the counts, areas and
    overlap of less stimulated wells, so one number in [0, 1] moves them all. Which wells are odd
    is not the compound's doing and stays.

    Raises
    ------
    ValueError
        If the inhibition is not in [0, 1].
    """
    if not 0 <= inhibition <= 1:
        raise ValueError(f"expected an inhibition in [0, 1], found {inhibition}")

    def mix(name: str) -> tuple[float, float]:
        (mean, sd), (other_mean, other_sd) = getattr(stimulated, name), getattr(unstimulated, name)
        keep = 1 - inhibition
        return keep * mean + inhibition * other_mean, keep * sd + inhibition * other_sd

    return replace(stimulated, **{name: mix(name) for name in BLENDED})


BLENDED = (
    "tcell_count",
    "dc_count",
    "tcell_area_um2",
    "dc_area_um2",
    "contact",
    "clumps",
)
"""The pairs of a condition that a compound changes."""
