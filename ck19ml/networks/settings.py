"""Settings of the networks and their training; without Keras, as configs import them."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from ck19ml.core.settings import Frozen

MEMORY_GB = 1.0

SHIPPED_MODEL = "shipped"
"""Stands for the mask network in the package where an MLflow model URI is expected."""

Architecture = Annotated[
    Literal["compact", "slides", "dissertation"],
    Field(description="Layers of the encoder, see `architectures.build_encoder`."),
]
Mode = Literal["auto", "on", "off"]
Source = Literal["encoder", "measurements", "cells", "both"]

WITH_ENCODER = ("encoder", "both")
"""Sources that an encoder is part of."""


class FitSettings(Frozen):
    """Settings of a fit.

    Attributes
    ----------
    epochs : int
        Largest number of epochs.
    batch_size : int
        Patches in a batch.
    least_steps : int
        Batches of an epoch at least: it goes round few patches as often as that takes, so that
        epochs and patience mean the same for 60 patches as for 29,400.
    learning_rate : float
        Of Adam; reduced to a fifth after `reduce_patience` epochs without improvement.
    patience : int
        Epochs without improvement of the validation loss after which training stops.
    reduce_patience : int
        Epochs without improvement after which the learning rate is reduced.
    early_stopping : bool
        Whether the validation loss stops the training, lowers the learning rate and selects the
        weights. Otherwise all epochs are run and the last weights are kept.
    cosine : bool
        Whether the learning rate falls to 0 along half a wave of the cosine instead; not with
        `early_stopping`.
    augment : bool
        Whether training patches are varied anew each epoch (`core.augmentation`); not for heads on
        stored features.
    mixed_precision : {'auto', 'on', 'off'}
        See `training.mixed_precision`.
    memory_gb : float
        Memory for the patches of a training. If the dataset takes more, patches are streamed from
        the disk and shuffled within as many fields as fit.
    """

    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=32, ge=1)
    least_steps: int = Field(default=25, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    patience: int = Field(default=5, ge=1)
    reduce_patience: int = Field(default=3, ge=1)
    early_stopping: bool = True
    cosine: bool = False
    augment: bool = False
    mixed_precision: Mode = "auto"
    memory_gb: float = Field(default=MEMORY_GB, gt=0)

    @model_validator(mode="after")
    def one_rule_for_the_learning_rate(self) -> Self:
        """Refuse a schedule beside the rule of the validation loss."""
        if self.cosine and self.early_stopping:
            raise ValueError("cosine needs early_stopping: false")
        return self


class AutoencoderSettings(Frozen):
    """Settings of an autoencoder and its training.

    Attributes
    ----------
    masked : bool
        Whether the network sees images that are 0 outside the masks.
    """

    architecture: Architecture = "compact"
    masked: bool = False
    fit: FitSettings = FitSettings()


class HeadSettings(Frozen):
    """Layers of a classifier's head; the defaults are those of the slides.

    Attributes
    ----------
    kind : {'softmax'}
        Trained step by step on single patches.
    units, depth : int
        Width and number of the hidden layers.
    dropout : float
        Share of the units that are dropped in training.
    normalise, pooled : bool
        See `architectures.build_classifier_head`.
    """

    kind: Literal["softmax"] = "softmax"
    units: int = Field(default=128, ge=1)
    depth: int = Field(default=1, ge=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    normalise: bool = False
    pooled: bool = False


class ClosedFormHead(Frozen):
    """Settings of a linear head on whole wells, computed in one go (`core.closed_form.heads`).

    Attributes
    ----------
    kind : {'lda', 'logistic'}
        Linear discriminant analysis with a shrunken covariance, or logistic regression.
    strength : float
        C of the logistic regression: the smaller, the stronger its penalty.
    balanced : bool
        Whether all classes have the same weight, whatever their numbers of wells.
    """

    kind: Literal["lda", "logistic"]
    strength: float = Field(default=0.03, gt=0)
    balanced: bool = False


def _head_kind(head: Any) -> str:
    kind = head.get("kind", "softmax") if isinstance(head, dict) else head.kind
    return "softmax" if kind == "softmax" else "closed_form"


Head = Annotated[
    Annotated[HeadSettings, Tag("softmax")] | Annotated[ClosedFormHead, Tag("closed_form")],
    Discriminator(_head_kind),
]


class OnEncoder(Frozen):
    """Settings that the training of every head on an encoder has.

    Attributes
    ----------
    fine_tune : bool
        Whether to train the encoder too.
    """

    fine_tune: bool = False
    fit: FitSettings = FitSettings()

    @property
    def has_encoder(self) -> bool:
        """True if the network has an encoder."""
        return True

    @property
    def on_features(self) -> FitSettings | None:
        """Training of the head on the stored features of the frozen encoder, if there is one."""
        return None if self.fine_tune else self.fit

    @model_validator(mode="after")
    def augmentation_needs_an_encoder_that_is_trained(self) -> Self:
        """Refuse to vary patches whose features are stored."""
        if self.fit.augment and not self.fine_tune:
            raise ValueError("fit.augment needs fine_tune: a frozen encoder's features are stored")
        return self


class ClassifierSettings(OnEncoder):
    """Settings of a classifier's head and its training, over which the tuning searches.

    Attributes
    ----------
    source : {'encoder', 'measurements', 'cells', 'both'}
        What the head sees of a patch. General measurements (`core.measurements`), or those of its
        cells alone, need a closed-form head; of an encoder such a head sees all levels, pooled.
    head : HeadSettings or ClosedFormHead
        Layers that are trained on patches, or a linear head that is computed on wells.
    class_weights : bool
        Whether all classes have the same total weight, whatever their numbers of patches.
    head_fit : FitSettings, optional
        With `fine_tune`: training of the head on the stored features, before the encoder is
        trained too. A random head would first distort the encoder's features [1]_.

    References
    ----------
    .. [1] Kumar et al., "Fine-tuning can distort pretrained features", ICLR (2022).
    """

    source: Source = "encoder"
    class_weights: bool = False
    head: Head = HeadSettings()
    fit: FitSettings = FitSettings(epochs=10, batch_size=64)
    head_fit: FitSettings | None = None

    @property
    def closed_form(self) -> ClosedFormHead | None:
        """The head, if it is computed and not trained."""
        return self.head if isinstance(self.head, ClosedFormHead) else None

    @model_validator(mode="after")
    def measurements_have_a_closed_form_head(self) -> Self:
        """Refuse measurements under a trained head, and training an encoder for a closed form."""
        if self.source != "encoder" and not self.closed_form:
            raise ValueError(f"source {self.source!r} needs head.kind lda or logistic")
        if self.closed_form and self.fine_tune:
            raise ValueError("fine_tune needs head.kind softmax: a closed form trains no encoder")
        return self

    @property
    def has_encoder(self) -> bool:
        """True if the network has an encoder."""
        return self.source in WITH_ENCODER

    @property
    def on_features(self) -> FitSettings | None:
        """Training of the head on the stored features of the frozen encoder, if there is one."""
        return self.head_fit if self.fine_tune else self.fit


class RegressorSettings(OnEncoder):
    """Settings of a regressor's head and its training.

    Attributes
    ----------
    head : {'masks', 'local', 'study'}
        ``masks`` learns a threshold for each channel and measures the overlap of the masks; it has
        no encoder (`networks.overlap`). For the others see `architectures.build_regressor_head`.
    dropout : float
        Of the heads ``local`` and ``study``.
    """

    head: Literal["masks", "local", "study"] = "masks"
    dropout: float = Field(default=0.15, ge=0, lt=1)
    fit: FitSettings = FitSettings(
        epochs=30, batch_size=32, learning_rate=0.01, patience=8, reduce_patience=4
    )

    @property
    def has_encoder(self) -> bool:
        """True if the network has an encoder."""
        return self.head != "masks"
