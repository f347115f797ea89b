"""All parameters of the simulated plate: what each is, and where its value comes from.

Sources: "instrument" is the instrument's own table of plate CK19, "patch table" the study's overlap
of each patch of it (DOMAIN.md, what the real CK19 numbers say). "Calibration" means that the value
was chosen so that simulated wells, measured alike, reproduce these two tables
(`benchmarks/simulator_fidelity.py`). "Assumption" means that neither table can tell.
"""

from dataclasses import dataclass, field, replace

from ck19ml.core.simulation.rendering import Camera
from ck19ml.errors import ConfigError

FULL_SIZE = 2048
"""Side in pixels of the field that the counts refer to (DOMAIN.md, the raw data)."""


@dataclass(frozen=True)
class Condition:
    """What one stimulation does to the cells of a well.

    Pairs are (mean, SD between wells) unless stated. The instrument's means of OVA and ConA
    include the wells whose compound inhibits, so a well without inhibition lies beyond them.

    Attributes
    ----------
    tcell_count, dc_count : tuple of float
        Stained cells in a 2048 x 2048 field. Instrument.
    tcell_area_um2, dc_area_um2 : tuple of float
        Mean area of a cell. Instrument.
    contact : tuple of float
        Probability that a T cell is bound to a DC: the interaction, which compounds reduce.
        Calibration, from the instrument's % area overlap.
    clumps : tuple of float
        Share of the DCs that lie in clumps, and mean number of DCs in a clump. Assumption, limited
        by the patch table: bigger clumps of ConA would leave more patches empty than it has.
    coupling : tuple of float
        Logarithm of the factor by which cells that lie on one another shine brighter than single
        ones; negative, as of cells above the focal plane. Calibration: the overlap of a patch is a
        tenth of what the areas tell, so the cells that overlap are those that its threshold drops.
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
    """All parameters of the simulator.

    Attributes
    ----------
    conditions : dict of str to Condition
        One for each stimulation; "Unstimulated" is the one that inhibition leads back to.
    pixel_um : float
        Side of a pixel in micrometres (DOMAIN.md, the raw data).
    camera : Camera
    shared_density : float
        Correlation of a well's T-cell and DC density. Instrument: 0.36-0.87.
    area_spread : float
        SD of the logarithm of a cell's area within a well. Assumption: about a quarter.
    tcell_waves, dc_waves : tuple of float
        SD of the waves of an outline as a share of its radius (`rendering.HARMONICS`): T cells are
        all but round, DCs are stretched and have arms. Assumption.
    spacing : float
        Distance of neighbours in a clump in widths of a DC. Assumption: they touch.
    stacked : tuple of float
        Share (mean, SD between wells) of the unbound T cells that settle on a DC without binding,
        in each stimulation alike. Calibration, from the unstimulated wells' 21 % area overlap.
    reach : tuple of float
        Distance of a T cell's centre from that of the DC it lies on: smallest and largest, as a
        share of the DC's radius. Calibration.
    tcell_brightness, dc_brightness : tuple of float
        Median grey value above the background at the middle of a cell, and SD of its logarithm
        within a well: the brightest tenth is half as bright again. Calibration, from the overlap
        per patch: its smallest values tell how many cells a patch's threshold keeps.
    tcell_profile, dc_profile : float
        How light falls off towards the outline (`rendering.Cells`): 0.5 is a ball, 1.5 a spread
        cell with a bright body. Calibration.
    faintest : float
        Grey value above the background of the faintest stained cell: with blur still above 255.
    staining : float
        SD of the logarithm of a well's brightness, each channel for itself. Assumption.
    unstained_share : float
        Unstained cells per stained one. Assumption: of 8,000 seeded cells of a kind a quarter, the
        share of the well in the field, is 2,000; about 1,300 are counted.
    unstained_brightness : float
        Largest grey value above the background of an unstained cell: it stays below 255.
    droplet_share, blind_share : float
        Share of wells that a droplet hides in part, and of wells that are hidden as a whole. Patch
        table: 1.9 % of patches are faulty; 39 of 294 wells have one, 3 have no other.
    droplet_radius : tuple of float
        Smallest and largest radius of a droplet, as a share of the field's side. Calibration.
    droplet_light : float
        Share of the light that comes through a droplet. Assumption.
    odd_every : int
        One well in so many is odd: its overlap per patch contradicts its area overlap; 0 for none.
        In rows A and B of the patch table the overlaps contradict the instrument (they fit the well
        eight places on in the row: Spearman 0.8 instead of -0.4), and the published figures include
        them: a tenth of the unstimulated wells makes half of the mean overlap.
    """

    conditions: dict[str, Condition] = field(
        default_factory=lambda: {"Unstimulated": UNSTIMULATED, "OVA": OVA, "ConA": CONA}
    )
    pixel_um: float = 1.34
    camera: Camera = field(default_factory=Camera)
    shared_density: float = 0.5
    area_spread: float = 0.25
    tcell_waves: tuple[float, float, float] = (0.06, 0.03, 0.0)
    dc_waves: tuple[float, float, float] = (0.20, 0.12, 0.08)
    spacing: float = 0.75
    stacked: tuple[float, float] = (0.37, 0.04)
    reach: tuple[float, float] = (0.45, 1.1)
    tcell_brightness: tuple[float, float] = (500.0, 0.35)
    dc_brightness: tuple[float, float] = (700.0, 0.3)
    tcell_profile: float = 0.5
    dc_profile: float = 1.5
    faintest: float = 150.0
    staining: float = 0.15
    unstained_share: float = 0.4
    unstained_brightness: float = 40.0
    droplet_share: float = 0.06
    blind_share: float = 0.004
    droplet_radius: tuple[float, float] = (0.15, 0.4)
    droplet_light: float = 0.03
    odd_every: int = 8

    def condition(self, stimulation: str) -> Condition:
        """Look up a stimulation.

        Raises
        ------
        ConfigError
            If it is not known; the message names those that are.
        """
        if stimulation not in self.conditions:
            known = ", ".join(self.conditions)
            raise ConfigError(
                f"expected a stimulation that can be simulated ({known}), found {stimulation!r}; "
                "correct the layout"
            )
        return self.conditions[stimulation]


BLENDED = ("tcell_count", "dc_count", "tcell_area_um2", "dc_area_um2", "contact", "clumps")
"""The pairs of a condition that a compound changes."""


def blend(stimulated: Condition, unstimulated: Condition, inhibition: float) -> Condition:
    """Take a stimulated condition back towards the unstimulated one.

    In the instrument's table the wells of an inhibited stimulation have the counts, areas and
    overlap of less stimulated wells, so one number in [0, 1] moves them all.

    Raises
    ------
    ValueError
        If the inhibition is not in [0, 1].

    Examples
    --------
    >>> blend(CONA, UNSTIMULATED, 0.5).contact
    (0.5, 0.0175)
    """
    if not 0 <= inhibition <= 1:
        raise ValueError(f"expected an inhibition in [0, 1], found {inhibition}")

    def mix(name: str) -> tuple[float, float]:
        (mean, sd), (other_mean, other_sd) = getattr(stimulated, name), getattr(unstimulated, name)
        keep = 1 - inhibition
        return keep * mean + inhibition * other_mean, keep * sd + inhibition * other_sd

    return replace(stimulated, **{name: mix(name) for name in BLENDED})
