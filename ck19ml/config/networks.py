"""Configs of the networks: autoencoder, classifier, regressor."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ck19ml.config.base import SEED, Classes, Frozen, Seed
from ck19ml.config.data import SplitConfig

MEMORY_GB = 1.0


class FitConfig(Frozen):
    """How a network is fitted, see `training.FitSettings`.

    Attributes
    ----------
    memory_gb : float
        Memory for the patches of a training; where those of the dataset take more, they are
        streamed from the disk, and shuffled within as many fields as fit.
    """

    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    patience: int = Field(default=5, ge=1)
    reduce_patience: int = Field(default=3, ge=1)
    early_stopping: bool = True
    augment: bool = False
    mixed_precision: Literal["auto", "on", "off"] = "auto"
    memory_gb: float = Field(default=MEMORY_GB, gt=0)


class AutoencoderSettings(Frozen):
    """An autoencoder without its data, as it stands inside a tuning config."""

    architecture: Literal["compact", "slides", "dissertation"] = "compact"
    masked: bool = False
    fit: FitConfig = FitConfig()


class AutoencoderConfig(AutoencoderSettings):
    """The command ``autoencoder``."""

    dataset: Path
    split: SplitConfig = SplitConfig()
    seed: Seed = SEED


class HeadConfig(Frozen):
    """The layers on top of the encoder; the defaults are the slides' classifier."""

    units: int = Field(default=128, ge=1)
    depth: int = Field(default=1, ge=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    normalise: bool = False
    pooled: bool = False


class OnEncoder(Frozen):
    """What a classifier and a regressor share.

    Attributes
    ----------
    encoder : str, optional
        MLflow URI of an autoencoder; by default that of the champion. Null stands for a fresh
        encoder of `architecture`, which is trained together with the head.
    """

    dataset: Path
    encoder: str | None = "models:/ck19-autoencoder@champion"
    architecture: Literal["compact", "slides", "dissertation"] = "compact"
    masked: bool = False
    fine_tune: bool = False
    fit: FitConfig = FitConfig()
    split: SplitConfig = SplitConfig()
    seed: Seed = SEED

    @property
    def has_encoder(self) -> bool:
        """Whether the network starts with an encoder."""
        return True

    @model_validator(mode="after")
    def a_fresh_encoder_is_trained(self) -> Self:
        """Refuse to freeze an encoder that nothing has trained."""
        if self.has_encoder and self.encoder is None and not self.fine_tune:
            raise ValueError("fine_tune must be true where encoder is null (nothing trained it)")
        return self

    @model_validator(mode="after")
    def augmentation_needs_an_encoder_that_is_trained(self) -> Self:
        """Refuse to change patches whose features are stored."""
        if self.fit.augment and not self.fine_tune:
            raise ValueError("fit.augment needs fine_tune: a frozen encoder's features are stored")
        return self


class ClassifierConfig(OnEncoder):
    """The command ``classifier``; see `OnEncoder`.

    Attributes
    ----------
    classes : list of str, optional
        Stimulations to tell apart; all of the dataset by default. Wells of others are left out.
    faulty_class : bool
        Whether ``Faulty`` is a class of its own (the slides) or left out.
    refit : bool
        Whether the validation wells are trained on too, and all epochs are run: how a tuned
        champion is trained.
    head_fit : FitConfig, optional
        With `fine_tune`: how the head is trained before the encoder is trained too.
    temperature, well_temperature : float, optional
        See `scoring.Card`; fitted on the validation wells by default, where these were not
        trained on.
    interaction_threshold : float
        Overlap from which cells count as interacting; 0.2 in the slides.
    """

    refit: bool = False
    classes: Classes | None = None
    faulty_class: bool = False
    class_weights: bool = False
    head: HeadConfig = HeadConfig()
    fit: FitConfig = FitConfig(epochs=10, batch_size=64)
    head_fit: FitConfig | None = None
    temperature: float | None = Field(default=None, gt=0)
    well_temperature: float | None = Field(default=None, gt=0)
    interaction_threshold: float = Field(default=0.2, gt=0, lt=1)


class RegressorConfig(OnEncoder):
    """The command ``regressor``: a head on an encoder, see `OnEncoder`.

    Attributes
    ----------
    target : str
        What is regressed: a name of `core.overlap.TARGETS`.
    head : {'masks', 'local', 'study'}
        ``masks`` learns where to cut each channel, and measures the overlap of what is left; it
        has no encoder (`overlap_network`). For the others see `models.build_regressor_head`.
    dropout : float
        Of the heads ``local`` and ``study``.
    interaction_threshold : float or 'validation'
        Overlap from which cells interact, and predicted overlap from which they are said to. With
        'validation' cells interact from 0.2 as in the slides, and they are said to from the
        predicted overlap that finds them best (F1) in the validation wells.
    """

    target: Literal["overlap", "tcell_overlap", "dc_overlap", "overlap_excess"] = "overlap"
    head: Literal["masks", "local", "study"] = "masks"
    dropout: float = Field(default=0.15, ge=0, lt=1)
    fit: FitConfig = FitConfig(
        epochs=30, batch_size=32, learning_rate=0.01, patience=8, reduce_patience=4
    )
    interaction_threshold: Annotated[float, Field(gt=0, lt=1)] | Literal["validation"] = 0.2

    @property
    def has_encoder(self) -> bool:
        """Whether the network starts with an encoder."""
        return self.head != "masks"
