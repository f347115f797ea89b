"""Config of the command ``contact``, the study of overlap and contact."""

from typing import Annotated

from pydantic import Field

from ck19ml.config.base import SEED, Seed
from ck19ml.config.masks import WORSE
from ck19ml.core.mask_methods import INSTRUMENT, NAMES, NETWORK
from ck19ml.core.patches import BACKGROUND, PATCH_SIZE
from ck19ml.core.settings import LARGEST_FIELD, Frozen, one_of
from ck19ml.core.simulation.degradation import Degradation
from ck19ml.networks.settings import SHIPPED_MODEL

TRUTH = "truth"
Density = Annotated[float, Field(gt=0, le=100)]


class ContactConfig(Frozen):
    """Settings of the command ``contact``.

    Attributes
    ----------
    masks : list of str
        ``truth``, the simulator's true masks, or names of `mask_methods.NAMES`.
    mask_model : str
        MLflow URI of the network for the mask method ``unet``, or ``shipped``: the package's own.
    densities : dict of str to float
        Name of each condition and its number of cells, as a multiple of the plate's.
    controls : int
        Wells of Unstimulated and of ConA at each density; Z' is computed from them.
    graded : int
        Additional wells at each density, alternating between stimulations, with inhibition rising
        from 0 to 1.
    wells : int
        Wells at the plate's own density, their stimulation by turns, in which single contacts are
        judged, plain and degraded.
    degradation : Degradation
        What degrades them.
    size : int
        Side of a well's field in pixels.
    background : int
        Level that grey values are raised to.
    """

    masks: list[Annotated[str, one_of((TRUTH, *NAMES))]] = Field(
        default=[TRUTH, INSTRUMENT, "otsu", "threshold"], min_length=1
    )
    mask_model: str = SHIPPED_MODEL
    densities: dict[str, Density] = Field(default={"low": 0.4, "high": 6.0}, min_length=1)
    controls: int = Field(default=10, ge=2)
    graded: int = Field(default=20, ge=0)
    wells: int = Field(default=12, ge=1)
    degradation: Degradation = WORSE["degraded"]
    size: int = Field(default=1152, ge=PATCH_SIZE, le=LARGEST_FIELD)
    background: int = Field(default=BACKGROUND, ge=1)
    seed: Seed = SEED + 2

    @property
    def needs_network(self) -> bool:
        """True if a trained network makes any of the masks."""
        return NETWORK in self.masks
