"""Config of the tuning: its search space and its budget."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from ck19ml.config.base import SEED, Address, Classes, Named, Seed
from ck19ml.config.data import Plates, PrepareConfig, SimulateConfig, SplitConfig
from ck19ml.core.settings import Frozen, Range
from ck19ml.networks.settings import AutoencoderSettings, FitSettings, RegressorSettings

Choices = Annotated[list[float | int | bool], Field(min_length=1)]


def _choices_or_range(value: Any) -> str:
    return "range" if isinstance(value, dict | Range) else "choices"


# Told apart before they are checked, so that an error speaks of the one that was meant.
ChoicesOrRange = Annotated[
    Annotated[Choices, Tag("choices")] | Annotated[Range, Tag("range")],
    Discriminator(_choices_or_range),
]


TRIAL_LIMITS: dict[str, tuple[float, float]] = {
    "units": (1, 65_537),
    "depth": (0, 17),
    "dropout": (0, 1),
    "learning_rate": (1e-12, 1e3),
    "batch_size": (1, 65_537),
}


class SpaceConfig(Frozen):
    """What the tuning searches over: for each, choices or a range."""

    units: ChoicesOrRange = [32, 64, 128, 256]
    depth: ChoicesOrRange = [1, 2]
    dropout: ChoicesOrRange = Range(low=0.0, high=0.6)
    normalise: Choices = [False, True]
    pooled: Choices = [False, True]
    learning_rate: ChoicesOrRange = Range(low=1e-4, high=1e-2, log=True)
    batch_size: ChoicesOrRange = [32, 64, 128]
    class_weights: Choices = [False, True]
    fine_tune: Choices = [False, True]

    @model_validator(mode="after")
    def every_trial_can_be_built(self) -> Self:
        """Refuse values that no head or training takes."""
        for name, (low, high) in TRIAL_LIMITS.items():
            value = getattr(self, name)
            values = [value.low, value.high] if isinstance(value, Range) else value
            wrong = [v for v in values if not low <= v < high]
            if wrong:
                raise ValueError(
                    f"{name}: expected values from {low} to below {high}, found {wrong[0]}"
                )
        return self


class TuneConfig(Frozen):
    """The command ``tune``: from a plate folder to a registered champion.

    Attributes
    ----------
    plate : list of Path, or one
        Plate folder; where it does not exist, `simulate` makes it. Several plates are one dataset.
    dataset : Path
        Where the plates' dataset is or will be.
    trials : int
        Trials that the study has when it ends, complete and pruned.
    failures : int
        Failed trials after which the study stops.
    timeout : float, optional
        Seconds after which no trial is started any more.
    workers : int
        Processes that run trials on this machine.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://HOST:8786``, whose workers run the trials.
    heartbeat : int
        Seconds between two signs of life of a trial in a database; after four that fail to
        come the trial is given to another process.
    pruner : {'median', 'hyperband', 'none'}
        What ends hopeless trials.
    first : dict
        Parameters of the first trial: the slides' classifier.
    epochs, fine_tune_epochs : int
        At most, of a trial on stored features and of one that trains the encoder too.
    promote : {'better', 'always'}
        Whether the champion is replaced only by a better model.
    """

    plate: Plates = [Path("data/plate")]
    simulate: SimulateConfig | None = None
    dataset: Named = Path("data/plate.zarr")
    prepare: PrepareConfig = PrepareConfig()
    split: SplitConfig = SplitConfig()
    autoencoder: AutoencoderSettings = AutoencoderSettings()
    regressor_fit: FitSettings = RegressorSettings().fit
    classes: Classes | None = None
    trials: int = Field(default=20, ge=1)
    failures: int = Field(default=10, ge=0)
    timeout: float | None = Field(default=None, gt=0)
    workers: int = Field(default=1, ge=1)
    scheduler: Address | None = None
    heartbeat: int = Field(default=15, ge=1)
    pruner: Literal["median", "hyperband", "none"] = "median"
    space: SpaceConfig = SpaceConfig()
    first: dict[str, float | int | bool] = {}
    epochs: int = Field(default=30, ge=1)
    fine_tune_epochs: int = Field(default=4, ge=1)
    patience: int = Field(default=5, ge=1)
    interaction_threshold: float = Field(default=0.2, gt=0, lt=1)
    promote: Literal["better", "always"] = "better"
    seed: Seed = SEED
