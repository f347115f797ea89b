"""Configs of the masks: the network that makes them, and the comparisons of methods."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ck19ml.config.base import LARGEST_FIELD, SEED, Frozen, Named, Seed
from ck19ml.config.data import Mask, Plates, PrepareConfig, SimulateConfig, SplitConfig
from ck19ml.config.networks import FitConfig, HeadConfig
from ck19ml.core.mask_methods import METHODS, NAMES
from ck19ml.core.patches import PATCH_SIZE

CHAMPION = "models:/ck19-unet@champion"


def _ascending(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise ValueError(f"expected [smallest, largest], found {list(span)}")
    return span


Span = Annotated[tuple[float, float], AfterValidator(_ascending)]


class ConditionsConfig(Frozen):
    """Ranges that training wells are drawn from, see `core.mask_examples.Conditions`."""

    noise: Span = (1.0, 2.5)
    gradient: Span = (0.0, 0.5)
    unstained_share: Span = (0.2, 1.5)
    unstained_brightness: Span = (20.0, 140.0)
    staining: Span = (-0.5, 0.5)


class VariationConfig(Frozen):
    """How an example changes each time it is seen, see `core.mask_examples.Variation`."""

    brightness: float = Field(default=0.5, ge=0)
    background: float = Field(default=40.0, ge=0)
    illumination: float = Field(default=0.2, ge=0, lt=1)
    empty: float = Field(default=0.05, ge=0, lt=1)


class UnetConfig(Frozen):
    """The command ``unet``: a mask network, trained on simulated wells of its own seed.

    Attributes
    ----------
    architecture : {'compact', 'study'}
        See `unet.build_unet`.
    target : str
        ``truth``: the true masks; else the mask method to imitate.
    wells, validation_wells : int
        Simulated wells, the stimulations by turns.
    size : int
        Side of a well's field in pixels.
    crop : int
        Side of a training example in pixels.
    background : int
        Level that the grey values are raised to.
    """

    architecture: Literal["compact", "study"] = "compact"
    filters: int = Field(default=16, ge=1)
    target: str = "truth"
    wells: int = Field(default=90, ge=1)
    validation_wells: int = Field(default=18, ge=1)
    size: int = Field(default=384, ge=PATCH_SIZE, le=LARGEST_FIELD)
    crop: int = Field(default=96, ge=16, le=PATCH_SIZE, multiple_of=16)
    background: int = Field(default=255, ge=1)
    conditions: ConditionsConfig = ConditionsConfig()
    variation: VariationConfig = VariationConfig()
    fit: FitConfig = FitConfig(epochs=14, batch_size=64, learning_rate=3e-3, reduce_patience=2)
    seed: Seed = SEED

    @model_validator(mode="after")
    def target_is_known(self) -> Self:
        """Refuse a method that cannot be imitated."""
        known = ("truth", *METHODS)
        if self.target not in known:
            raise ValueError(f"target: expected one of {', '.join(known)}, found {self.target!r}")
        return self


class DegradationConfig(Frozen):
    """What is worse in wells than in the simulated plate, see `core.degradation.Degradation`."""

    noise: float = Field(default=1.0, gt=0)
    gradient: float = Field(default=0.0, ge=0, lt=1)
    unstained_share: float | None = Field(default=None, ge=0)
    unstained_brightness: float | None = Field(default=None, ge=0)


WORSE = {
    "plain": DegradationConfig(),
    "noise": DegradationConfig(noise=2),
    "illumination": DegradationConfig(gradient=0.4),
    "unstained": DegradationConfig(unstained_share=1.0, unstained_brightness=120),
    "degraded": DegradationConfig(
        noise=2, gradient=0.4, unstained_share=1.0, unstained_brightness=120
    ),
}


class MasksConfig(Frozen):
    """The command ``masks``: all methods on the same held-out simulated wells.

    Attributes
    ----------
    methods : list of str
        See `masking.NAMES`; all by default.
    mask_model : str
        MLflow URI of the network behind ``unet``.
    wells : int
        Wells of each condition: the same cells, seen under each.
    size : int
        Side of a well's field in pixels.
    conditions : dict of str to DegradationConfig
        The first is shown first.
    """

    methods: list[Mask] = Field(default=list(NAMES), min_length=1)
    mask_model: str = CHAMPION
    wells: int = Field(default=24, ge=2)
    size: int = Field(default=768, ge=PATCH_SIZE, le=LARGEST_FIELD)
    background: int = Field(default=255, ge=1)
    conditions: dict[str, DegradationConfig] = Field(default=WORSE, min_length=1)
    seed: Seed = SEED + 1


class ArmAutoencoder(Frozen):
    """The autoencoder of both arms of ``masking``."""

    architecture: Literal["compact", "slides", "dissertation"] = "compact"
    fit: FitConfig = FitConfig(epochs=6, learning_rate=2e-3)


class ArmClassifier(Frozen):
    """The classifier of both arms of ``masking``; its encoder is the arm's autoencoder's."""

    fine_tune: bool = False
    head: HeadConfig = HeadConfig()
    fit: FitConfig = FitConfig(epochs=30, batch_size=64)


class ArmRegressor(Frozen):
    """The regressor of both arms of ``masking``; its encoder is the arm's autoencoder's."""

    fine_tune: bool = False
    head: Literal["local", "study"] = "local"
    dropout: float = Field(default=0.15, ge=0, lt=1)
    fit: FitConfig = FitConfig(epochs=30, batch_size=64, learning_rate=3e-3)


class MaskingConfig(Frozen):
    """The command ``masking``: autoencoder, classifier and regressor, on whole and masked images.

    Attributes
    ----------
    plate, simulate, dataset, prepare
        As in `TuneConfig`: the dataset is made where there is none.
    autoencoder, classifier, regressor
        The settings of both arms: only what the networks see differs.
    """

    plate: Plates
    simulate: SimulateConfig | None = None
    dataset: Named
    prepare: PrepareConfig = PrepareConfig()
    split: SplitConfig = SplitConfig()
    autoencoder: ArmAutoencoder = ArmAutoencoder()
    classifier: ArmClassifier = ArmClassifier()
    regressor: ArmRegressor = ArmRegressor()
    seed: Seed = SEED
