"""Configs of the commands ``simulate`` and ``prepare``, and of the split into roles."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from ck19ml.config.base import SEED, Address, Seed
from ck19ml.core.settings import LARGEST_FIELD, Frozen
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.networks.settings import SHIPPED_MODEL
from ck19ml.plates.preparation.settings import Preparation


def _listed(plates: Any) -> Any:
    return plates if isinstance(plates, list) else [plates]


def _shown(plates: list[Path]) -> str | list[str]:
    return str(plates[0]) if len(plates) == 1 else [str(plate) for plate in plates]


Plates = Annotated[
    list[Path], Field(min_length=1), BeforeValidator(_listed), PlainSerializer(_shown)
]
"""Plate folder, or several that become one dataset."""


def _changed(parameters: Parameters) -> dict[str, Any]:
    """Return the parameters that are not the default ones: few lines in a logged config."""
    return parameters.model_dump(mode="json", exclude_defaults=True)


class SimulateConfig(Frozen):
    """A plate to simulate if it does not exist.

    Attributes
    ----------
    layout : str
        ck19, ck21, ck22 or a layout file.
    wells : int, optional
        Number of wells, about equally many of each stimulation; all by default.
    size : int
        Side of a field in pixels.
    brightfield : bool
        Whether brightfield images are written too.
    parameters : Parameters
        Cells, camera, optics, plate positions and compounds, see `core.simulation.parameters`.
    """

    layout: str = "ck19"
    wells: int | None = Field(default=None, ge=3)
    size: int = Field(default=2048, ge=64, le=LARGEST_FIELD)
    seed: Seed = SEED
    brightfield: bool = False
    parameters: Annotated[Parameters, PlainSerializer(_changed)] = Parameters()


class PrepareConfig(Preparation):
    """The command ``prepare``; see `Preparation`.

    Attributes
    ----------
    mask_model : str
        MLflow URI of the network for the mask method ``unet``, or ``shipped``: the package's own.
    layout : Path, optional
        Layout file to use in place of the one in the plate folder.
    labels : Path, optional
        Folder of label images that another program made of the plate; they are the masks.
    skip_bad : bool
        Whether to leave out fields with problems.
    workers : int
        Fields prepared at the same time.
    scheduler : str, optional
        Address of a Dask scheduler whose workers prepare the fields.
    """

    mask_model: str = SHIPPED_MODEL
    layout: Path | None = None
    labels: Path | None = None
    skip_bad: bool = False
    workers: int = Field(default=1, ge=1)
    scheduler: Address | None = None


class SplitConfig(Frozen):
    """Split of the wells into training, validation and test wells.

    Attributes
    ----------
    by : {'well', 'column', 'plate'}
        Unit that is never divided between roles: a well, a column of a plate, or a plate.
    validation, test : float
        Fraction of the wells of each stimulation.
    folds : int, optional
        Number of folds of a cross-validation: each well is tested once, by a model that has not
        seen its group.
    fold : int, optional
        The fold to test; by default all folds, one after the other.
    audit : float
        Share of the training wells' patches to hold out. The score on them, reported beside the
        score on unseen wells, shows what a split by patch would have claimed for the same model.
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
        """Refuse a fold that does not exist."""
        if self.fold is not None and (self.folds is None or self.fold >= self.folds):
            raise ValueError(f"fold must be below folds, found {self.fold} of {self.folds}")
        return self

    @model_validator(mode="after")
    def fractions_leave_training_wells(self) -> Self:
        """Refuse fractions that leave no wells for training."""
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation + test must be below 1, found {self.validation + self.test}"
            )
        return self
