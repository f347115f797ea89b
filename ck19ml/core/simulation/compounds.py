"""True effects of simulated compounds: who inhibits, how strongly, at what concentration."""

from dataclasses import dataclass

import numpy as np

FOLLOWED_UP = frozenset({"4", "7", "9", "10", "11", "18", "36"})
"""Compounds of the dose-response plates CK21 and CK22 (DOMAIN.md, plate layouts)."""

ACTIVE_SHARE = 0.15
"""Share of the other compounds that inhibit. Calibration: with the seven above about 13 of CK19's
45 compounds do, as many as leave the instrument's ConA wells well below the rest."""

IC50_UM = (0.03, 3.0)
"""Range of IC50 in uM, log-uniform: inside the 0.001-30 uM of CK21 and CK22. Assumption."""

HILL = (0.8, 2.0)
"""Range of Hill slopes. Assumption: the usual range of one-site and mildly cooperative binding."""

LARGEST = (0.5, 0.95)
"""Range of the inhibition at a saturating concentration. Calibration, from the instrument's % area
overlap of ConA wells with an inhibitor (20-40 %) beside those without (60 %)."""


@dataclass(frozen=True)
class Effect:
    """What one compound does.

    Attributes
    ----------
    largest : float
        Inhibition at a saturating concentration, in [0, 1]; 0 for an inert compound.
    ic50_um : float
        Concentration of half the largest inhibition, uM.
    hill : float
        Steepness of the response.
    """

    largest: float
    ic50_um: float
    hill: float

    def inhibition(self, concentration_um: float) -> float:
        """Inhibition in [0, 1] at a concentration in uM, by Hill's equation; 0 without one (NaN).

        Examples
        --------
        >>> Effect(largest=0.8, ic50_um=2.0, hill=1.5).inhibition(2.0)
        0.4
        """
        if not concentration_um > 0:
            return 0.0
        return float(self.largest / (1 + (self.ic50_um / concentration_um) ** self.hill))


NONE = Effect(largest=0.0, ic50_um=1.0, hill=1.0)
"""The effect of the vehicle, and of nothing."""


def draw_effect(compound: str, rng: np.random.Generator, *, active: bool = False) -> Effect:
    """Draw the effect of one compound.

    Parameters
    ----------
    compound : str
        Name; empty for none, "DMSO" for the vehicle: neither has an effect.
    rng : numpy.random.Generator
        The compound's own, so that its effect does not depend on the others of the plate.
    active : bool
        Whether the compound must inhibit; otherwise those that were followed up do, and a share
        of the others.
    """
    if compound in ("", "DMSO"):
        return NONE
    chance = rng.random()
    low, high = np.log(IC50_UM)
    ic50_um, hill, largest = (
        np.exp(rng.uniform(low, high)),
        rng.uniform(*HILL),
        rng.uniform(*LARGEST),
    )
    inhibits = active or compound in FOLLOWED_UP or chance < ACTIVE_SHARE
    return Effect(float(largest) if inhibits else 0.0, float(ic50_um), float(hill))
