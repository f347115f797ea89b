"""Config of the study of overlap and contact."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from ck19ml.config.base import SEED, Seed
from ck19ml.core.mask_methods import NAMES, NETWORK
from ck19ml.core.patches import BACKGROUND, PATCH_SIZE
from ck19ml.core.settings import LARGEST_FIELD, Frozen

TRUTH = "truth"
CHAMPION = "models:/ck19-unet@champion"
Density = Annotated[float, Field(gt=0, le=100)]


class ContactConfig(Frozen):
    """The command ``contact``: what each measure of overlap tells of true contacts.

    Attributes
    ----------
    masks : list of str
        ``truth``: the simulator's true masks; else names of `masking.NAMES`.
    mask_model : str
        MLflow URI of the network behind ``unet``.
    densities : dict of str to float
        Name to the number of cells, as a multiple of the plate's.
    controls : int
        Wells of Unstimulated and of ConA at each density, of which Z' is made.
    graded : int
        More wells at each density, of stimulations by turns, inhibited from not at all to wholly.
    size : int
        Side of a well's field in pixels.
    """

    masks: list[str] = Field(default=[TRUTH, "otsu", "threshold"], min_length=1)
    mask_model: str = CHAMPION
    densities: dict[str, Density] = Field(default={"low": 0.4, "high": 6.0}, min_length=1)
    controls: int = Field(default=10, ge=2)
    graded: int = Field(default=20, ge=0)
    size: int = Field(default=1152, ge=PATCH_SIZE, le=LARGEST_FIELD)
    background: int = Field(default=BACKGROUND, ge=1)
    seed: Seed = SEED + 2

    @model_validator(mode="after")
    def masks_are_known(self) -> Self:
        """Refuse a method that is not there."""
        known = (TRUTH, *NAMES)
        unknown = [name for name in self.masks if name not in known]
        if unknown:
            raise ValueError(f"masks: expected {', '.join(known)}, found {unknown[0]!r}")
        return self

    @property
    def needs_network(self) -> bool:
        """Whether a trained network makes some of the masks."""
        return NETWORK in self.masks
