"""The card of a model: what it is and what it has seen, in the registry beside the network."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from ck19ml.core.mask_methods import NAMES
from ck19ml.core.overlap import TARGETS

FORMAT = 1

FAULTY = "Faulty"
"""Name of the quality flag where it is a class (the four-class model of the slides)."""


def each_once(names: list[str]) -> list[str]:
    """Return the names; raises ValueError where one stands there twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"expected each class once, found {twice[0]} twice")
    return names


def _one_of(known: Sequence[str]) -> Callable[[str], str]:
    def check(name: str) -> str:
        if name not in known:
            raise ValueError(f"expected one of {', '.join(known)}, found {name!r}")
        return name

    return check


Temperature = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Card:
    """What a model is and what it has seen.

    Attributes
    ----------
    kind : {'autoencoder', 'classifier', 'regressor'}
    classes : list of str
        In the order of the network's outputs; of the training data for the other kinds.
    patch_size, background, bit_depth, mask : int, int, int, str
        How raw fields become patches, see `plates.preparation.parameters`.
    masked : bool
        Whether everything outside the masks is set to 0.
    interaction_threshold : float
        Overlap at or above which cells count as interacting.
    interaction_call : float, optional
        Predicted overlap at or above which a regressor says that they do; by default the same.
    wells : dict
        For each role, the fingerprints (`Dataset.wells`) of its wells.
    illumination : bool
        Whether the fields were corrected for uneven illumination, which takes a whole plate:
        such a model scores prepared datasets only.
    mask_network : str
        Fingerprint of the network that makes the masks, where one does.
    baselines : dict
        `baselines.Baselines` of the training wells, as JSON.
    dataset : dict
        Name and content hash of the training dataset.
    seed : int
    software : str
    target : str
        The measure of overlap that a regressor predicts, see `core.overlap.TARGETS`: what is called
        overlap in its scores and figures.
    temperature, well_temperature : float
        By which a classifier's log-probabilities of patches, and then of wells, are divided:
        fitted on validation wells, see `core.calibration`.
    """

    kind: Annotated[str, Field(pattern="^(autoencoder|classifier|regressor)$")]
    classes: Annotated[list[str], Field(min_length=1), AfterValidator(each_once)]
    patch_size: Annotated[int, Field(ge=1)]
    background: Annotated[int, Field(ge=0)]
    bit_depth: Annotated[int, Field(ge=1, le=16)]
    mask: Annotated[str, AfterValidator(_one_of(NAMES))]
    masked: bool
    interaction_threshold: Annotated[float, Field(gt=0, lt=1)]
    wells: dict[str, list[str]]
    dataset: dict[str, str]
    seed: int
    software: str
    illumination: bool = False
    mask_network: str = ""
    target: Annotated[str, AfterValidator(_one_of(tuple(TARGETS)))] = "overlap"
    interaction_call: float | None = None
    baselines: dict[str, Any] = field(default_factory=dict)
    temperature: Temperature = 1.0
    well_temperature: Temperature = 1.0
    format: int = FORMAT

    @property
    def seen(self) -> frozenset[str]:
        """Fingerprints of the wells that the model or its tuning has seen."""
        return frozenset(self.wells.get("train", [])) | frozenset(self.wells.get("validation", []))


def check_card(card: Card) -> Card:
    """Hold a card that was read to the types and ranges that `Card` states.

    Raises
    ------
    ValueError
        If a value is another one; the message names the key.
    """
    try:
        return TypeAdapter(Card).validate_python(asdict(card))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"card.json, {key}: {message}") from error


def require_outputs(network: Any, card: Card) -> None:
    """Refuse a network that takes or gives something else than its card says.

    Raises
    ------
    ValueError
    """
    size = card.patch_size
    outputs: dict[str, tuple[Any, ...]] = {
        "autoencoder": (None, size, size, 2),
        "classifier": (None, len(card.classes)),
        "regressor": (None, 1),
    }
    expected = ((None, size, size, 2), outputs[card.kind])
    found = (network.input_shape, network.output_shape)
    if found != expected:
        raise ValueError(
            f"a network from {found[0]} to {found[1]}, where patch_size and classes in card.json "
            f"say {expected[0]} to {expected[1]}"
        )
