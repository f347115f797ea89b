"""Configs of plates and datasets: simulate, prepare, split."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from ck19ml.config.base import SEED, Address, Seed
from ck19ml.core.settings import LARGEST_FIELD, Frozen
from ck19ml.plates.preparation.settings import Preparation


def _listed(plates: Any) -> Any:
    return plates if isinstance(plates, list) else [plates]


def _shown(plates: list[Path]) -> str | list[str]:
    return str(plates[0]) if len(plates) == 1 else [str(plate) for plate in plates]


Plates = Annotated[
    list[Path], Field(min_length=1), BeforeValidator(_listed), PlainSerializer(_shown)
]
"""Folder of a plate, or of several that become one dataset."""


class SimulateConfig(Frozen):
    """A plate to simulate where there is none.

    Attributes
    ----------
    layout : str
        ck19, ck21, ck22, or a layout file.
    wells : int, optional
        Number of wells, about the same for each stimulation; all by default.
    size : int
        Side of a field in pixels.
    """

    layout: str = "ck19"
    wells: int | None = Field(default=None, ge=3)
    size: int = Field(default=2048, ge=64, le=LARGEST_FIELD)
    seed: Seed = SEED
    brightfield: bool = False


class PrepareConfig(Preparation):
    """The command ``prepare``; see `Preparation`.

    Attributes
    ----------
    mask_model : str
        MLflow URI of the network behind the mask ``unet``.
    layout : Path, optional
        Replaces the plate folder's own.
    skip_bad : bool
        Whether fields with problems are left out.
    workers : int
        Fields worked on at a time.
    scheduler : str, optional
        Address of a Dask scheduler whose workers do the work.
    """

    mask_model: str = "models:/ck19-unet@champion"
    layout: Path | None = None
    skip_bad: bool = False
    workers: int = Field(default=1, ge=1)
    scheduler: Address | None = None


class SplitConfig(Frozen):
    """Which wells are trained on, and which are kept for the choice and for the test.

    Attributes
    ----------
    by : {'well', 'column', 'plate'}
        What is kept together: each well for itself, all wells of a plate's column, or a plate.
    validation, test : float
        Fractions of the wells of each stimulation.
    folds : int, optional
        Cross-validation: each well is tested once, by a model that has not seen its group.
    fold : int, optional
        The fold that is tested; all, one after the other, by default.
    audit : float
        Share of the training wells' patches that is held out, to show beside the score on unseen
        wells what a split by patch would have claimed for the same model.
    """

    by: Literal["well", "column", "plate"] = "well"
    validation: float = Field(default=0.2, gt=0, lt=1)
    test: float = Field(default=0.2, gt=0, lt=1)
    folds: int | None = Field(default=None, ge=2)
    fold: int | None = Field(default=None, ge=0)
    audit: float = Field(default=0.0, ge=0, lt=1)
    seed: Seed = SEED

    @model_validator(mode="after")
    def a_fold_is_one_of_the_folds(self) -> Self:
        """Refuse a fold that is not there."""
        if self.fold is not None and (self.folds is None or self.fold >= self.folds):
            raise ValueError(f"fold must be below folds, found {self.fold} of {self.folds}")
        return self

    @model_validator(mode="after")
    def fractions_leave_training_wells(self) -> Self:
        """Refuse fractions that leave nothing to train on."""
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation + test must be below 1, found {self.validation + self.test}"
            )
        return self
