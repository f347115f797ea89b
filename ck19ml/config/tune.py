"""Config of the command ``tune``: search space and budget."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from ck19ml.config.base import SEED, Address, Classes, Named, Seed
from ck19ml.config.data import Plates, PrepareConfig, SimulateConfig, SplitConfig
from ck19ml.core.settings import Frozen, Range
from ck19ml.networks.settings import AutoencoderSettings, Source

Choices = Annotated[list[float | int | bool], Field(min_length=1)]
HeadKind = Literal["lda", "logistic", "softmax"]
EncoderKind = Literal["autoencoder", "untrained"]
Heads = Annotated[list[HeadKind], Field(min_length=1)]
Sources = Annotated[list[Source], Field(min_length=1)]
Encoders = Annotated[list[EncoderKind], Field(min_length=1)]
Drawn = float | int | bool | HeadKind | EncoderKind | Source


def _choices_or_range(value: Any) -> str:
    return "range" if isinstance(value, dict | Range) else "choices"


# The kind is decided before validation, so that an error refers to the kind that was meant.
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
    "strength": (1e-12, 1e12),
}

CLOSED = ("lda", "logistic")

WHEN: dict[str, tuple[str, tuple[Any, ...]]] = {
    "source": ("head", CLOSED),
    "encoder": ("source", ("encoder", "both")),
    "strength": ("head", ("logistic",)),
    **dict.fromkeys(
        ("units", "depth", "dropout", "normalise", "pooled", "learning_rate", "batch_size",
         "fine_tune"),
        ("head", ("softmax",)),
    ),
}  # fmt: skip
"""For parameters that not all trials have: which other one must have which of these values."""

FIRST: dict[str, Drawn] = {
    "head": "lda",
    "source": "cells",
    "class_weights": False,
}
"""Nothing in it is tuned, and where wells are few little is better. What is measured between the
cells follows the camera's noise: `cells` holds on plates of another camera (docs/classifier.md)."""


class SpaceConfig(Frozen):
    """Search space of the tuning: choices or a range for each parameter.

    Attributes
    ----------
    head
        ``lda`` and ``logistic`` are computed on wells, see `ClosedFormHead`; ``softmax`` is trained
        on patches.
    source
        What a computed head sees: general measurements, those of the cells alone, an encoder's
        pooled features, or both.
    encoder
        The encoder that it sees: the autoencoder's, or one with random weights.
    strength
        C of the logistic regression.
    class_weights
        Whether all classes have the same total weight.
    units, depth, dropout, normalise, pooled
        Layers of a softmax head, see `HeadSettings`.
    learning_rate, batch_size
        Its training, see `FitSettings`.
    fine_tune
        Whether the encoder is trained with it.
    """

    head: Heads = ["lda", "logistic", "softmax"]
    source: Sources = ["measurements", "cells", "encoder", "both"]
    encoder: Encoders = ["autoencoder", "untrained"]
    strength: ChoicesOrRange = Range(low=1e-3, high=0.3, log=True)
    class_weights: Choices = [False, True]
    units: ChoicesOrRange = [32, 64, 128, 256]
    depth: ChoicesOrRange = [1, 2]
    dropout: ChoicesOrRange = Range(low=0.0, high=0.6)
    normalise: Choices = [False, True]
    pooled: Choices = [False, True]
    learning_rate: ChoicesOrRange = Range(low=1e-4, high=1e-2, log=True)
    batch_size: ChoicesOrRange = [32, 64, 128]
    fine_tune: Choices = [False, True]

    @model_validator(mode="after")
    def every_trial_can_be_built(self) -> Self:
        """Refuse values that a head or its training cannot take."""
        for name, (low, high) in TRIAL_LIMITS.items():
            value = getattr(self, name)
            values = [value.low, value.high] if isinstance(value, Range) else value
            wrong = [v for v in values if not low <= v < high]
            if wrong:
                raise ValueError(
                    f"{name} must be at least {low} and below {high}, found {wrong[0]}"
                )
        return self


class TuneConfig(Frozen):
    """Settings of the command ``tune``: from a plate folder to a registered champion.

    Attributes
    ----------
    plate : list of Path, or one
        Plate folder, simulated by `simulate` if it does not exist. Several plates become one
        dataset.
    dataset : Path
        Dataset of the plates, prepared if it does not exist.
    trials : int
        Number of trials, complete and pruned, at which the study ends.
    failures : int
        Number of failed trials above which the study stops.
    timeout : float, optional
        Seconds after which no further trial is started.
    workers : int
        Number of processes that run trials on this machine.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://HOST:8786``, whose workers run the trials.
    heartbeat : int
        Seconds between two heartbeats of a trial in a database; after four missed ones the trial
        is given to another process.
    pruner : {'median', 'hyperband', 'none'}
        Rule that stops unpromising trials early.
    first : dict
        Parameters of the first trial, the default that stays champion unless another one is better
        by more than a standard error; {} to draw it.
    epochs, fine_tune_epochs : int
        Largest number of epochs of a trial on stored features, and of one that trains the encoder
        too.
    classes : list of str, optional
        Stimulations to tell apart; all of the dataset by default.
    patience : int
        Epochs of a trial without improvement after which it stops.
    interaction_threshold : float
        Overlap from which cells count as interacting; 0.2 in the slides.
    promote : {'better', 'always'}
        Whether the champion is replaced by a better model only, or by any.
    """

    plate: Plates = [Path("data/plate")]
    simulate: SimulateConfig | None = None
    dataset: Named = Path("data/plate.zarr")
    prepare: PrepareConfig = PrepareConfig()
    split: SplitConfig = SplitConfig()
    autoencoder: AutoencoderSettings = AutoencoderSettings()
    classes: Classes | None = None
    trials: int = Field(default=20, ge=1)
    failures: int = Field(default=10, ge=0)
    timeout: float | None = Field(default=None, gt=0)
    workers: int = Field(default=1, ge=1)
    scheduler: Address | None = None
    heartbeat: int = Field(default=15, ge=1)
    pruner: Literal["median", "hyperband", "none"] = "median"
    space: SpaceConfig = SpaceConfig()
    first: dict[str, Drawn] = FIRST
    epochs: int = Field(default=30, ge=1)
    fine_tune_epochs: int = Field(default=4, ge=1)
    patience: int = Field(default=5, ge=1)
    interaction_threshold: float = Field(default=0.2, gt=0, lt=1)
    promote: Literal["better", "always"] = "better"
    seed: Seed = SEED

    @model_validator(mode="before")
    @classmethod
    def no_regressor_is_trained(cls, content: Any) -> Any:
        """Refuse the settings of the regressor that the job trained in earlier versions."""
        if isinstance(content, dict) and "regressor_fit" in content:
            raise ValueError(
                "regressor_fit: the job trains no regressor any more; remove the key, and use "
                "'ck19ml regressor' to train one"
            )
        return content

    @model_validator(mode="before")
    @classmethod
    def first_trials_had_one_kind_of_head(cls, content: Any) -> Any:
        """Read a first trial without a head as earlier versions did: a softmax head."""
        first = content.get("first") if isinstance(content, dict) else None
        if isinstance(first, dict) and "units" in first and "head" not in first:
            return {**content, "first": {"head": "softmax", **first}}
        return content
