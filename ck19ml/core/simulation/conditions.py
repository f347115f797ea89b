"""Stimulations of simulated wells: what each does to the cells, and what else acts on a well.

For the sources ("instrument", "calibration", "assumption") see `parameters`.
"""

from dataclasses import dataclass, field

from ck19ml.core.settings import Frozen
from ck19ml.core.simulation.compounds import Response
from ck19ml.core.simulation.position import Terms


class Condition(Frozen):
    """The effect of one stimulation on the cells of a well.

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
    tcell_count=(1340, 185),
    dc_count=(1030, 86),
    tcell_area_um2=(100.7, 4.2),
    dc_area_um2=(145, 9),
    contact=(0.02, 0.015),
    clumps=(0.3, 3),
    coupling=(-1.0, 0.14),
    odd_coupling=(-0.28, 0.12),
)
OVA = Condition(
    tcell_count=(1110, 155),
    dc_count=(960, 53),
    tcell_area_um2=(104.7, 5.0),
    dc_area_um2=(152, 16),
    contact=(0.25, 0.06),
    clumps=(0.6, 6),
    coupling=(-0.77, 0.12),
    odd_coupling=(-1.15, 0.1),
)
CONA = Condition(
    tcell_count=(670, 50),
    dc_count=(655, 54),
    tcell_area_um2=(111.0, 6.1),
    dc_area_um2=(187, 15),
    contact=(0.98, 0.02),
    clumps=(0.5, 6),
    coupling=(-0.8, 0.03),
    odd_coupling=(-1.35, 0.1),
)

BLENDED = ("tcell_count", "dc_count", "tcell_area_um2", "dc_area_um2", "contact", "clumps")
"""The pairs of a condition that a compound changes."""


def blend(stimulated: Condition, unstimulated: Condition, inhibition: float) -> Condition:
    """Return a stimulated condition on its way back to the unstimulated one.

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
        raise ValueError(f"an inhibition lies in [0, 1], found {inhibition}")

    def mix(name: str) -> tuple[float, float]:
        (mean, sd), (other_mean, other_sd) = getattr(stimulated, name), getattr(unstimulated, name)
        keep = 1 - inhibition
        return keep * mean + inhibition * other_mean, keep * sd + inhibition * other_sd

    return stimulated.model_copy(update={name: mix(name) for name in BLENDED})


@dataclass(frozen=True)
class Influence:
    """Influences on a well beside its stimulation; by default nothing does.

    Attributes
    ----------
    response : Response
        Of its compound, at its concentration.
    terms : Terms
        Of its place on the plate.
    odd : bool
        Whether the overlap per patch contradicts the area overlap (see `Parameters.odd_every`).
    """

    response: Response = field(default_factory=Response)
    terms: Terms = field(default_factory=Terms)
    odd: bool = False


NO_INFLUENCE = Influence()
"""No compound, no position, not odd."""
