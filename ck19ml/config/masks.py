"""Configs of the commands ``unet``, ``masks`` and ``masking``."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ck19ml.config.base import SEED, Named, Seed
from ck19ml.config.data import Plates, PrepareConfig, SimulateConfig, SplitConfig
from ck19ml.core.mask_methods import METHODS, NAMES
from ck19ml.core.patches import PATCH_SIZE
from ck19ml.core.settings import LARGEST_FIELD, Frozen, one_of
from ck19ml.core.simulation.degradation import Degradation
from ck19ml.core.simulation.mask_examples import Conditions, Variation
from ck19ml.networks.settings import (
    SHIPPED_MODEL,
    Architecture,
    ClassifierSettings,
    FitSettings,
    RegressorSettings,
)
from ck19ml.plates.preparation.settings import Mask


class UnetConfig(Frozen):
    """Settings of the command ``unet``: a network trained on simulated wells or annotated images.

    Attributes
    ----------
    architecture : {'compact', 'study'}
        See `unet.build_unet`.
    filters : int
        Filters of the first layer.
    target : str
        ``truth`` for the true masks, or the mask method to imitate.
    wells, validation_wells : int
        Number of simulated wells, alternating between stimulations.
    size : int
        Side of a well's field in pixels, where its cells have the plate's diameter.
    crop : int
        Side of a training example in pixels, once it is rescaled.
    annotations : Path, optional
        Folder of images with label images beside them, which take the place of simulated wells.
    start : str, optional
        MLflow URI of a network to begin with, or ``shipped`` for the package's own.
    out : Path, optional
        New folder that the network and its card are also written to.
    conditions : Conditions
        Ranges that the wells' imaging conditions are drawn from.
    variation : Variation
        How a training example changes each time it is used.
    """

    architecture: Literal["compact", "study"] = "compact"
    filters: int = Field(default=16, ge=1)
    target: Annotated[str, one_of(("truth", *METHODS))] = "truth"
    wells: int = Field(default=120, ge=1)
    validation_wells: int = Field(default=12, ge=1)
    size: int = Field(default=384, ge=PATCH_SIZE, le=LARGEST_FIELD)
    crop: int = Field(default=96, ge=16, le=PATCH_SIZE, multiple_of=16)
    annotations: Path | None = None
    start: str | None = None
    out: Path | None = None
    conditions: Conditions = Conditions()
    variation: Variation = Variation()
    fit: FitSettings = FitSettings(
        epochs=5, batch_size=16, learning_rate=3e-3, early_stopping=False, cosine=True
    )
    seed: Seed = SEED


WORSE = {
    "plain": Degradation(),
    "noise": Degradation(noise=2),
    "illumination": Degradation(gradient=0.4),
    "unstained": Degradation(unstained_share=1.0, unstained_brightness=120),
    "degraded": Degradation(noise=2, gradient=0.4, unstained_share=1.0, unstained_brightness=120),
}


class MasksConfig(Frozen):
    """Settings of the command ``masks``: all methods on the same held-out simulated wells.

    Attributes
    ----------
    methods : list of str
        Names of `mask_methods.NAMES`; all by default.
    mask_model : str
        MLflow URI of the network for the mask method ``unet``, or ``shipped``: the package's own.
    wells : int
        Wells of each condition: the same cells, imaged under each.
    size : int
        Side of a well's field in pixels.
    background : int
        Level that grey values are raised to.
    conditions : dict of str to Degradation
        Name of each condition and how it degrades the images, in the order of the figures.
    """

    methods: list[Mask] = Field(default=list(NAMES), min_length=1)
    mask_model: str = SHIPPED_MODEL
    wells: int = Field(default=24, ge=2)
    size: int = Field(default=768, ge=PATCH_SIZE, le=LARGEST_FIELD)
    background: int = Field(default=255, ge=1)
    conditions: dict[str, Degradation] = Field(default=WORSE, min_length=1)
    seed: Seed = SEED + 1


class ArmAutoencoder(Frozen):
    """Autoencoder of both arms of ``masking``."""

    architecture: Architecture = "compact"
    fit: FitSettings = FitSettings(epochs=6, learning_rate=2e-3)


class ArmRegressor(RegressorSettings):
    """Regressor of both arms of ``masking``; its encoder is that of the arm's autoencoder."""

    head: Literal["local", "study"] = "local"
    fit: FitSettings = FitSettings(epochs=30, batch_size=64, learning_rate=3e-3)


class MaskingConfig(Frozen):
    """Settings of the command ``masking``: the same networks on whole and on masked images.

    Attributes
    ----------
    plate, simulate, dataset, prepare
        As in `TuneConfig`: the dataset is prepared if it does not exist.
    autoencoder, classifier, regressor
        Settings of both arms, which differ only in the images that the networks see.
    """

    plate: Plates
    simulate: SimulateConfig | None = None
    dataset: Named
    prepare: PrepareConfig = PrepareConfig()
    split: SplitConfig = SplitConfig()
    autoencoder: ArmAutoencoder = ArmAutoencoder()
    classifier: ClassifierSettings = ClassifierSettings(fit=FitSettings(epochs=30, batch_size=64))
    regressor: ArmRegressor = ArmRegressor()
    seed: Seed = SEED
