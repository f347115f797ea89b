"""Configs of the commands ``autoencoder``, ``classifier`` and ``regressor``."""

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
    """Settings of the command ``autoencoder``.

    Attributes
    ----------
    dataset : Path
        Dataset that ``prepare`` wrote.
    """

    dataset: Path
    split: SplitConfig = SplitConfig()
    seed: Seed = SEED


class Supervised(OnEncoder):
    """Settings that the commands ``classifier`` and ``regressor`` share.

    Attributes
    ----------
    encoder : str, optional
        MLflow URI of an autoencoder, by default the champion that suits the dataset. With null, a
        new encoder of `architecture` is trained together with the head.
    dataset : Path
        Dataset that ``prepare`` wrote.
    masked : bool
        Whether the network sees images that are 0 outside the masks.
    """

    dataset: Path
    encoder: str | None = "models:/ck19-autoencoder@champion"
    architecture: Architecture = "compact"
    masked: bool = False
    split: SplitConfig = SplitConfig()
    seed: Seed = SEED

    @property
    def may_be_untrained(self) -> bool:
        """True if an encoder with random weights makes sense."""
        return self.fine_tune

    @model_validator(mode="after")
    def a_fresh_encoder_is_trained(self) -> Self:
        """Refuse to freeze an untrained encoder."""
        if self.has_encoder and self.encoder is None and not self.may_be_untrained:
            raise ValueError(
                "fine_tune must be true if encoder is null: a new encoder is untrained"
            )
        return self


class ClassifierConfig(ClassifierSettings, Supervised):
    """Settings of the command ``classifier``; see also `ClassifierSettings` and `Supervised`.

    Attributes
    ----------
    classes : list of str, optional
        Stimulations to distinguish, by default all in the dataset. Wells of others are left out.
    faulty_class : bool
        Whether faulty patches are a class of their own, as in the slides, or left out.
    refit : bool
        Whether to train on the validation wells too and to run all epochs, as for a tuned
        champion.
    temperature, well_temperature : float, optional
        See `networks.card.Card`; by default fitted on the validation wells, unless `refit`.
    interaction_threshold : float
        Overlap at or above which cells count as interacting; 0.2 in the slides.
    """

    refit: bool = False
    classes: Classes | None = None
    faulty_class: bool = False
    temperature: float | None = Field(default=None, gt=0)
    well_temperature: float | None = Field(default=None, gt=0)
    interaction_threshold: float = Field(default=0.2, gt=0, lt=1)

    @property
    def may_be_untrained(self) -> bool:
        """True if an encoder with random weights makes sense: its pooled features say a lot."""
        return self.fine_tune or self.closed_form is not None

    @model_validator(mode="after")
    def a_closed_form_has_no_faulty_class(self) -> Self:
        """Refuse the class of faulty patches: a closed form is fitted on wells."""
        if self.closed_form and self.faulty_class:
            raise ValueError("faulty_class needs head.kind softmax: faulty is a patch, not a well")
        return self


class RegressorConfig(RegressorSettings, Supervised):
    """Settings of the command ``regressor``; see also `RegressorSettings` and `Supervised`.

    Attributes
    ----------
    target : str
        Measure of overlap to predict: a name of `core.overlap.TARGETS`.
    learn : {'auto', 'truth', 'masks'}
        Whether it learns the measure of the simulated cells or of the dataset's masks; by default
        the truth where it is known for every patch.
    interaction_threshold : float or 'validation'
        Overlap, true or predicted, at or above which cells count as interacting. With
        'validation' the threshold on the true overlap is 0.2 as in the slides, and that on the
        predicted overlap is the one with the best F1 on the validation wells.
    """

    target: Target = "overlap"
    learn: Literal["auto", "truth", "masks"] = "auto"
    interaction_threshold: Annotated[float, Field(gt=0, lt=1)] | Literal["validation"] = 0.2
