"""Config of the command ``pretraining``, which measures the benefit of the autoencoder."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ck19ml.config.base import SEED, Seed
from ck19ml.config.data import SplitConfig
from ck19ml.core.settings import Frozen
from ck19ml.networks.settings import Architecture, FitSettings, HeadSettings

Share = Annotated[float, Field(gt=0, le=1)]


class PretrainingConfig(Frozen):
    """Settings of the command ``pretraining``.

    Attributes
    ----------
    dataset : Path
        Dataset that ``prepare`` wrote.
    masked : bool
        Whether the networks see images that are 0 outside the masks.
    shares : list of float
        Shares of the training wells that are labelled. The autoencoder sees all of them.
    repeats : int
        Number of trainings per share, each with other labelled wells and another seed.
    autoencoder_fit, fit : FitSettings
        Training of the autoencoder, and of every classifier: all have the same budget.
    """

    dataset: Path
    architecture: Architecture = "compact"
    masked: bool = False
    shares: list[Share] = Field(default=[0.1, 0.3, 1.0], min_length=1)
    repeats: int = Field(default=2, ge=1)
    head: HeadSettings = HeadSettings()
    autoencoder_fit: FitSettings = FitSettings(epochs=6, batch_size=32, learning_rate=2e-3)
    fit: FitSettings = FitSettings(epochs=8, batch_size=64)
    split: SplitConfig = SplitConfig()
    seed: Seed = SEED
