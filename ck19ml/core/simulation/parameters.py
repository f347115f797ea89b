"""All parameters of the simulated plate: what each is, and where its value comes from.

Sources: "instrument" is the instrument's own table of plate CK19, "patch table" the study's overlap
of each patch of it (DOMAIN.md, what the real CK19 numbers say). "Calibration" means that the value
was chosen so that simulated wells, measured alike, reproduce these two tables
(`benchmarks/simulator_fidelity.py`). "Assumption" means that neither table can tell.
"""

from pydantic import Field

from ck19ml.core.settings import Frozen, Share
from ck19ml.core.simulation.compounds import Compounds
from ck19ml.core.simulation.conditions import CONA, OVA, UNSTIMULATED, Condition
from ck19ml.core.simulation.optics import PERFECT, Optics
from ck19ml.core.simulation.position import NOWHERE, Position
from ck19ml.core.simulation.rendering import Camera
from ck19ml.errors import ConfigError


class Parameters(Frozen):
    """All parameters of the simulator.

    Attributes
    ----------
    conditions : dict of str to Condition
        One for each stimulation; "Unstimulated" is the one that inhibition leads back to.
    pixel_um : float
        Side of a pixel in micrometres (DOMAIN.md, the raw data).
    diameter : float
        Factor on the diameter of all cells: 1 for those of CK19. The number of cells stays.
    camera : Camera
    optics : Optics
        Uneven light, haze, dust, debris, cells out of focus.
    position : Position
        Rows, columns and edges of the plate that differ.
    compounds : Compounds
        What compounds do.
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

    conditions: dict[str, Condition] = Field(
        default_factory=lambda: {"Unstimulated": UNSTIMULATED, "OVA": OVA, "ConA": CONA}
    )
    pixel_um: float = Field(default=1.34, gt=0)
    diameter: float = Field(default=1.0, ge=0.25, le=4)
    camera: Camera = Camera()
    optics: Optics = Optics()
    position: Position = Position()
    compounds: Compounds = Compounds()
    shared_density: Share = 0.5
    area_spread: float = Field(default=0.25, ge=0)
    tcell_waves: tuple[float, float, float] = (0.06, 0.03, 0.0)
    dc_waves: tuple[float, float, float] = (0.20, 0.12, 0.08)
    spacing: float = Field(default=0.75, ge=0)
    stacked: tuple[float, float] = (0.37, 0.03)
    reach: tuple[float, float] = (0.45, 1.1)
    tcell_brightness: tuple[float, float] = (500.0, 0.35)
    dc_brightness: tuple[float, float] = (700.0, 0.3)
    tcell_profile: float = Field(default=0.5, ge=0)
    dc_profile: float = Field(default=1.5, ge=0)
    faintest: float = Field(default=150.0, ge=0)
    staining: float = Field(default=0.15, ge=0)
    unstained_share: float = Field(default=0.4, ge=0)
    unstained_brightness: float = Field(default=40.0, ge=0)
    droplet_share: Share = 0.06
    blind_share: Share = 0.004
    droplet_radius: tuple[float, float] = (0.15, 0.4)
    droplet_light: Share = 0.03
    odd_every: int = Field(default=8, ge=0)

    def condition(self, stimulation: str) -> Condition:
        """Return what a stimulation does.

        Raises
        ------
        ConfigError
            If it is not known; the message names those that are.
        """
        if stimulation not in self.conditions:
            known = ", ".join(self.conditions)
            raise ConfigError(
                f"the stimulation {stimulation!r} cannot be simulated (known: {known}); "
                "correct the layout"
            )
        return self.conditions[stimulation]

    def at_density(self, factor: float) -> "Parameters":
        """Return the parameters with `factor` times the cells of both kinds."""
        conditions = {
            name: condition.model_copy(
                update={
                    kind: (factor * mean, factor * sd)
                    for kind in ("tcell_count", "dc_count")
                    for mean, sd in [getattr(condition, kind)]
                }
            )
            for name, condition in self.conditions.items()
        }
        return self.model_copy(update={"conditions": conditions})

    def without_imperfections(self) -> "Parameters":
        """Return the same with even light and sharp, clean views, and places that do not differ."""
        return self.model_copy(update={"optics": PERFECT, "position": NOWHERE})
