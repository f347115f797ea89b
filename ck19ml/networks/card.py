"""The card of a model: a description that is stored in the registry beside the network."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from ck19ml.core.instrument_masks import CellKinds
from ck19ml.core.measurements.panel import PAIR, Panel
from ck19ml.core.overlap import TARGETS
from ck19ml.core.scores.baselines import Baselines
from ck19ml.core.scores.drift import Vehicles
from ck19ml.core.settings import Frozen, each_once, explain, one_of
from ck19ml.core.splits import GATE, UNITS
from ck19ml.errors import PlateError
from ck19ml.files.reading import read_json
from ck19ml.networks.settings import Source
from ck19ml.plates.preparation.settings import MadeBy

FORMAT: Literal[1] = 1
CARD = "card.json"

FAULTY = "Faulty"
"""Name of the class of faulty patches, in models that have one (the slides' four classes)."""


Kind = Literal["autoencoder", "classifier", "regressor"]

Target = Annotated[str, one_of(TARGETS)]
"""A measure of overlap."""

Unit = Annotated[str, one_of(UNITS)]
"""Units that a split keeps together."""

Level = Annotated[int, Field(ge=0)]

Temperature = Annotated[float, Field(gt=0)]


class BaseCard(Frozen):
    """Keys of the cards of all models.

    Attributes
    ----------
    kind : str
    wells : dict
        Fingerprints of the wells of each role.
    seed : int
    software : str
    """

    kind: str
    wells: dict[str, list[str]]
    seed: int
    software: str
    format: Literal[1] = FORMAT

    @property
    def seen(self) -> frozenset[str]:
        """Fingerprints of the wells that the model, its tuning or its gate has seen."""
        return frozenset(
            mark for role in ("train", "validation", GATE) for mark in self.wells.get(role, [])
        )

    def write(self, folder: Path) -> None:
        """Write ``card.json`` into a folder."""
        text = json.dumps(self.model_dump(mode="json"), indent=2)
        (folder / CARD).write_text(text + "\n", encoding="utf-8")


C = TypeVar("C", bound=BaseCard)


def read_card(card: type[C], folder: Path) -> C:
    """Read ``card.json`` from a folder.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it has another kind or format, or a wrong value; the message names the key.
    """
    content = read_json(folder / CARD)
    if content.get("format") != FORMAT:
        raise ValueError(
            f"{CARD} is of format {content.get('format')}, this version of ck19ml reads {FORMAT}"
        )
    kinds = get_args(card.model_fields["kind"].annotation)
    if content.get("kind") not in kinds:
        raise ValueError(f"{CARD}: kind must be {' or '.join(kinds)}, found {content.get('kind')}")
    try:
        return card.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{CARD}: {explain(card, error)}") from error


class Card(BaseCard):
    """Description of an autoencoder, a classifier or a regressor.

    Attributes
    ----------
    patch_size, background, bit_depth : int
        How raw fields become patches, see `plates.preparation.settings.parameters`.
    classes : list of str
        In the order of a classifier's outputs; for the other kinds those of the training data.
    mask : str
        Method that made the masks of the training data.
    cells, pixel_size_um : CellKinds, float
        What the mask methods ``instrument`` and ``unet`` take the cells and pixels for.
    masked : bool
        Whether everything outside the masks was set to 0.
    raised : bool
        Whether the network sees pixels that are raised to the background.
    interaction_threshold : float
        Overlap at or above which cells count as interacting.
    interaction_call : float, optional
        Predicted overlap at or above which a regressor calls cells interacting; by default
        `interaction_threshold`.
    illumination : bool
        Whether the fields were corrected for uneven illumination. The correction needs a whole
        plate, so such a model scores prepared datasets only.
    mask_network : str
        Fingerprint of the network that made the masks, if one did.
    baselines : Baselines, optional
        Fitted on the training wells; an autoencoder has none.
    vehicles : Vehicles, optional
        Appearance of the vehicle wells that the model was trained on, see `core.scores.drift`.
    dataset : dict
        Name and content hash of the training dataset.
    target : str
        Measure of overlap that a regressor predicts, see `core.overlap.TARGETS`. Its scores and
        figures call it overlap.
    temperature, well_temperature : float
        Divisors of a classifier's log-probabilities of patches, and then of wells; fitted on the
        validation wells, see `core.scores.calibration`.
    source, head : str
        What a classifier's head sees of a patch, and its kind; see `settings.ClassifierSettings`.
    channels : tuple of str
        Names of the images' channels.
    stained : tuple of str, optional
        Those whose cells are masked; by default all.
    unit : str
        Unit that the split kept together, see `core.splits.UNITS`; the intervals of the model's
        scores resample it.
    """

    kind: Kind
    patch_size: int = Field(ge=1)
    background: Level | dict[str, Level]
    bit_depth: int = Field(ge=1, le=16)
    classes: Annotated[list[str], Field(min_length=1), AfterValidator(each_once)]
    mask: MadeBy
    masked: bool
    interaction_threshold: float = Field(gt=0, lt=1)
    dataset: dict[str, str]
    illumination: bool = False
    mask_network: str = ""
    cells: CellKinds = CellKinds()
    pixel_size_um: float = Field(default=1.34, gt=0)
    target: Target = "overlap"
    raised: bool = True
    interaction_call: float | None = None
    vehicles: Vehicles | None = None
    # Cards of earlier versions have {} for none.
    baselines: Annotated[Baselines | None, BeforeValidator(lambda found: found or None)] = None
    temperature: Temperature = 1.0
    well_temperature: Temperature = 1.0
    unit: Unit = "well"
    source: Source = "encoder"
    head: Literal["softmax", "lda", "logistic"] = "softmax"
    channels: tuple[str, ...] = PAIR.names
    stained: tuple[str, ...] | None = None

    @property
    def panel(self) -> Panel:
        """The images' channels."""
        return Panel(self.channels, self.channels if self.stained is None else self.stained)

    @property
    def levels(self) -> tuple[int, ...]:
        """The background of each channel."""
        return self.panel.levels(self.background)

    @property
    def closed_form(self) -> bool:
        """True if the head is computed on wells, and not trained on patches."""
        return self.head != "softmax"

    @property
    def recipe(self) -> str:
        """The parts of a classifier, in words."""
        seen = {
            "encoder": "pooled features of an encoder" if self.closed_form else "an encoder",
            "measurements": "general measurements",
            "cells": "measurements of cells",
            "both": "general measurements and pooled features of an encoder, averaged",
        }
        heads = {"softmax": "trained softmax head", "lda": "linear discriminant analysis",
                 "logistic": "logistic regression"}  # fmt: skip
        return f"{seen[self.source]}; {heads[self.head]}"

    @property
    def rules(self) -> Baselines:
        """The baselines of a classifier or a regressor.

        Raises
        ------
        PlateError
            If the card has none.
        """
        if self.baselines is None:
            raise PlateError(f"the card of this {self.kind} has no baselines; train it again")
        return self.baselines

    @property
    def stimulations(self) -> list[str]:
        """Classes other than ``Faulty``."""
        return stimulations(self.classes)


def stimulations(classes: list[str]) -> list[str]:
    """Return the classes other than ``Faulty``."""
    return [name for name in classes if name != FAULTY]


def class_labels(table: pd.DataFrame, classes: list[str]) -> NDArray[np.intp]:
    """Return the class index of each patch, (n,); of faulty patches ``Faulty``, if it is a class.

    Raises
    ------
    PlateError
        If a stimulation is not among the classes.
    """
    names = table["stimulation"].astype(str)
    unknown = sorted(set(names) - set(classes))
    if unknown:
        raise PlateError(
            f"the model knows the stimulations {', '.join(stimulations(classes))} and not "
            f"{', '.join(unknown)}; correct the layout, or train a model with these classes"
        )
    labels = names.map({name: index for index, name in enumerate(classes)}).to_numpy(np.intp)
    if FAULTY in classes:
        labels = np.where(table["faulty"], classes.index(FAULTY), labels)
    return np.asarray(labels, dtype=np.intp)


def require_outputs(network: Any, card: Card) -> None:
    """Refuse a network whose input or output does not match its card.

    Raises
    ------
    ValueError
    """
    if card.closed_form:
        _require_classes(network, card)
        return
    size, channels = card.patch_size, len(card.channels)
    outputs: dict[str, tuple[Any, ...]] = {
        "autoencoder": (None, size, size, channels),
        "classifier": (None, len(card.classes)),
        "regressor": (None, 1),
    }
    expected = ((None, size, size, channels), outputs[card.kind])
    found = (network.input_shape, network.output_shape)
    if found != expected:
        raise ValueError(
            f"the network maps {found[0]} to {found[1]}, but patch_size and classes in {CARD} "
            f"imply {expected[0]} to {expected[1]}"
        )


def _require_classes(network: Any, card: Card) -> None:
    rank, classes = len(network.input_shape), network.output_shape[-1]
    if rank != 2 or classes != len(card.classes):
        raise ValueError(
            f"the head maps {network.input_shape} to {network.output_shape}, but {CARD} has "
            f"{len(card.classes)} classes"
        )
