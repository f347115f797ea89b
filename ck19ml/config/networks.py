"""Configs of the networks: autoencoder, classifier, regressor."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ck19ml.config.base import SEED, Classes, Seed
from ck19ml.config.data import SplitConfig
from ck19ml.networks.card import Target
from ck19ml.networks.settings import (
    Architecture,
    AutoencoderSettings,
    ClassifierSettings,
    OnEncoder,
    RegressorSettings,
)


class AutoencoderConfig(AutoencoderSettings):
    """The command ``autoencoder``."""

    dataset: Path
    split: SplitConfig = SplitConfig()
    seed: Seed = SEED


class Supervised(OnEncoder):
    """Keys that a classifier and a regressor share.

    Attributes
    ----------
    encoder : str, optional
        MLflow URI of an autoencoder; by default that of the champion. Null stands for a fresh
        encoder of `architecture`, which is trained together with the head.
    """

    dataset: Path
    encoder: str | None = "models:/ck19-autoencoder@champion"
    architecture: Architecture = "compact"
    masked: bool = False
    split: SplitConfig = SplitConfig()
    seed: Seed = SEED

    @model_validator(mode="after")
    def a_fresh_encoder_is_trained(self) -> Self:
        """Refuse to freeze an encoder that nothing has trained."""
        if self.has_encoder and self.encoder is None and not self.fine_tune:
            raise ValueError("fine_tune must be true where encoder is null (nothing trained it)")
        return self


class ClassifierConfig(ClassifierSettings, Supervised):
    """The command ``classifier``; see `ClassifierSettings` and `Supervised`.

    Attributes
    ----------
    classes : list of str, optional
        Stimulations to tell apart; all of the dataset by default. Wells of others are left out.
    faulty_class : bool
        Whether ``Faulty`` is a class of its own (the slides) or left out.
    refit : bool
        Whether the validation wells are trained on too, and all epochs are run: how a tuned
        champion is trained.
    temperature, well_temperature : float, optional
        See `networks.card.Card`; fitted on the validation wells by default, where these were not
        trained on.
    interaction_threshold : float
        Overlap from which cells count as interacting; 0.2 in the slides.
    """

    refit: bool = False
    classes: Classes | None = None
    faulty_class: bool = False
    temperature: float | None = Field(default=None, gt=0)
    well_temperature: float | None = Field(default=None, gt=0)
    interaction_threshold: float = Field(default=0.2, gt=0, lt=1)


class RegressorConfig(RegressorSettings, Supervised):
    """The command ``regressor``; see `RegressorSettings` and `Supervised`.

    Attributes
    ----------
    target : str
        Measure of overlap to predict: a name of `core.overlap.TARGETS`.
    interaction_threshold : float or 'validation'
        Overlap from which cells interact, and predicted overlap from which they are said to. With
        'validation' cells interact from 0.2 as in the slides, and they are said to from the
        predicted overlap that finds them best (F1) in the validation wells.
    """

    target: Target = "overlap"
    interaction_threshold: Annotated[float, Field(gt=0, lt=1)] | Literal["validation"] = 0.2
