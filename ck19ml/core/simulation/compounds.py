"""True effects of simulated compounds: which inhibit or kill, how much, at what concentration."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from ck19ml.core.settings import Frozen, Share

FOLLOWED_UP = frozenset({"4", "7", "9", "10", "11", "18", "36"})
"""Compounds of the dose-response plates CK21 and CK22 (DOMAIN.md, plate layouts)."""

SHRINKING = 0.45
"""Fall of the logarithm of the mean DC area for each unit that the logarithm of the DC count rises:
where compounds 7, 9, 10, 11, 18 and 36 raise the count by half, DCs measure 120 instead of 145 um2.
"""

Span = tuple[float, float]

Above = tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]


class Compounds(Frozen):
    """Ranges that the effects of compounds are drawn from.

    Attributes
    ----------
    active_share : float
        Share of the compounds, other than `FOLLOWED_UP`, that inhibit. Calibration: with the seven
        above about 13 of CK19's 45 compounds do, as many as leave the instrument's ConA wells well
        below the rest.
    ic50_um : (float, float)
        Range of the IC50 in uM, log-uniform: inside the 0.001-30 uM of CK21 and CK22. Assumption.
    hill : (float, float)
        Range of Hill slopes. Assumption: the usual range of one-site and mildly cooperative
        binding.
    largest : (float, float)
        Range of the inhibition at a saturating concentration. Calibration, from the instrument's
        % area overlap of ConA wells with an inhibitor (20-40 %) beside those without (60 %).
    dispersal : (float, float)
        Range of the logarithm of the factor by which an inhibitor raises the number of DCs counted,
        at complete inhibition: clumps come apart. In the real CK19 the compounds 7, 9, 10, 11, 18
        and 36 raise the DC count of unstimulated wells by 43-61 %, compounds 22 and 26 by 27 %,
        compounds 16, 24 and 39 not at all; this is most of what its F test of the counts shows.
    dc_spread : float
        SD of the logarithm of the DC count between compounds that neither inhibit nor kill.
        Instrument: 0.05.
    toxic_share : float
        Share of the compounds that kill cells, whether or not they inhibit. Assumption: among
        CK19's 45 one does plainly (compound 39: 40 % fewer DCs and 20 % fewer T cells in ConA
        wells, 22 % fewer DCs in OVA wells), too few to judge a method by.
    kill : (float, float)
        Range of the share of each cell kind that a toxic compound kills at a saturating
        concentration. Compound 39 kills 20-40 % at 10 uM.
    lethal_um : (float, float)
        Range of the concentration in uM that kills half as many, log-uniform. Assumption: mostly
        above the IC50s.
    """

    active_share: Share = 0.15
    ic50_um: Above = (0.03, 3.0)
    hill: Span = (0.8, 2.0)
    largest: tuple[Share, Share] = (0.5, 0.95)
    dispersal: Span = (0.0, 0.5)
    dc_spread: float = Field(default=0.05, ge=0)
    toxic_share: Share = 0.1
    kill: tuple[Share, Share] = (0.2, 0.6)
    lethal_um: Above = (1.0, 10.0)


@dataclass(frozen=True)
class Response:
    """Effect of a compound at one concentration.

    Attributes
    ----------
    inhibition : float
        In [0, 1]: the share of the way back to the unstimulated state.
    tcell_count, dc_count : float
        Factors on the number of cells.
    dc_area : float
        Factor on the mean area of a DC.
    tcell_killed, dc_killed : float
        Shares of the cells that are killed, in [0, 1); part of the factors above.
    """

    inhibition: float = 0.0
    tcell_count: float = 1.0
    dc_count: float = 1.0
    dc_area: float = 1.0
    tcell_killed: float = 0.0
    dc_killed: float = 0.0

    @property
    def toxic(self) -> bool:
        """True if the compound kills cells, few as they may be at this concentration."""
        return max(self.tcell_killed, self.dc_killed) > 0


@dataclass(frozen=True)
class Effect:
    """Effects of one compound.

    Attributes
    ----------
    largest : float
        Inhibition at a saturating concentration, in [0, 1]; 0 for an inert compound.
    ic50_um : float
        Concentration of half the largest inhibition, uM.
    hill : float
        Steepness of the response.
    dispersal : float
        Logarithm of the factor on the DC count at a saturating concentration, killing aside.
    tcell_kill, dc_kill : float
        Shares of the cells that are killed at a saturating concentration, in [0, 1).
    lethal_um : float
        Concentration of half the largest killing, uM.
    """

    largest: float
    ic50_um: float
    hill: float
    dispersal: float = 0.0
    tcell_kill: float = 0.0
    dc_kill: float = 0.0
    lethal_um: float = 10.0

    @property
    def toxic(self) -> bool:
        """True if the compound kills cells."""
        return max(self.tcell_kill, self.dc_kill) > 0

    def inhibition(self, concentration_um: float) -> float:
        """Inhibition in [0, 1] at a concentration in uM, by Hill's equation; 0 without one (NaN).

        Examples
        --------
        >>> Effect(largest=0.8, ic50_um=2.0, hill=1.5).inhibition(2.0)
        0.4
        """
        return float(self.largest * _saturation(concentration_um, self.ic50_um, self.hill))

    def response(self, concentration_um: float) -> Response:
        """Return everything that the compound does at a concentration in uM.

        Examples
        --------
        >>> effect = Effect(0.0, 1.0, 1.0, tcell_kill=0.4, dc_kill=0.6, lethal_um=10.0)
        >>> effect.response(10.0)
        Response(inhibition=0.0, tcell_count=0.8, dc_count=0.7, dc_area=1.0, tcell_killed=0.2, \
dc_killed=0.3)
        """
        binding = _saturation(concentration_um, self.ic50_um, self.hill)
        killing = _saturation(concentration_um, self.lethal_um, self.hill)
        apart = self.dispersal * binding
        tcell_killed, dc_killed = self.tcell_kill * killing, self.dc_kill * killing
        return Response(
            inhibition=self.largest * binding,
            tcell_count=1 - tcell_killed,
            dc_count=float(np.exp(apart)) * (1 - dc_killed),
            dc_area=float(np.exp(-SHRINKING * apart)),
            tcell_killed=tcell_killed,
            dc_killed=dc_killed,
        )


def _saturation(concentration_um: float, half_um: float, hill: float) -> float:
    """Share of the largest response in [0, 1] by Hill's equation; 0 without a concentration."""
    if not concentration_um > 0:
        return 0.0
    return float(1 / (1 + (half_um / concentration_um) ** hill))


NONE = Effect(largest=0.0, ic50_um=1.0, hill=1.0)
"""The effect of the vehicle, and of nothing."""


def draw_effect(
    compound: str,
    rng: np.random.Generator,
    compounds: Compounds | None = None,
    *,
    active: bool = False,
) -> Effect:
    """Draw the effect of one compound.

    Parameters
    ----------
    compound : str
        Name; empty for none, "DMSO" for the vehicle: neither has an effect.
    rng : numpy.random.Generator
        The compound's own, so that its effect does not depend on the others of the plate.
    compounds : Compounds, optional
        Ranges to draw from.
    active : bool
        Whether the compound must inhibit; otherwise those that were followed up do, and a share
        of the others.
    """
    if compound in ("", "DMSO"):
        return NONE
    ranges = compounds or Compounds()
    chance = rng.random()
    ic50_um = _log_uniform(ranges.ic50_um, rng)
    hill, largest = rng.uniform(*ranges.hill), rng.uniform(*ranges.largest)
    inhibits = active or compound in FOLLOWED_UP or chance < ranges.active_share
    dispersal = rng.uniform(*ranges.dispersal)
    spread = ranges.dc_spread * rng.standard_normal()
    toxic = rng.random() < ranges.toxic_share
    kills, lethal_um = rng.uniform(*ranges.kill, size=2), _log_uniform(ranges.lethal_um, rng)
    return Effect(
        largest=float(largest) if inhibits else 0.0,
        ic50_um=ic50_um,
        hill=float(hill),
        dispersal=float(dispersal * largest if inhibits else spread),
        tcell_kill=float(kills[0]) if toxic else 0.0,
        dc_kill=float(kills[1]) if toxic else 0.0,
        lethal_um=lethal_um,
    )


def _log_uniform(span: Span, rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(*np.log(span))))
