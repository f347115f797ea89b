"""Configs of the commands: frozen, with unknown keys refused."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from ck19ml.errors import ConfigError

SEED = 2211

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What numpy, Python and Keras all take."""


def _each_once(names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"expected each class once, found {twice[0]} twice")
    return names


Classes = Annotated[list[str], Field(min_length=2), AfterValidator(_each_once)]


class Frozen(BaseModel):
    """Base of all configs: values cannot change, and every key must be known."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SimulateConfig(Frozen):
    """A plate to simulate where there is none.

    Attributes
    ----------
    layout : str
        ck19, ck21, ck22, or a layout file.
    wells : int, optional
        Number of wells, about the same for each stimulation; all by default.
    size : int
        Side of a field in pixels.
    """

    layout: str = "ck19"
    wells: int | None = Field(default=None, ge=3)
    size: int = Field(default=2048, ge=64)
    seed: Seed = SEED
    brightfield: bool = False


class QualityConfig(Frozen):
    """Beyond these a field is flagged and kept, see `core.quality.Thresholds`."""

    saturated: float = Field(default=0.01, ge=0, le=1)
    background: float = Field(default=0.25, ge=0, le=1)
    faulty: float = Field(default=0.5, ge=0, le=1)
    focus: float = Field(default=0.3, ge=0)
    cells: float = Field(default=0.2, ge=0)


class PrepareConfig(Frozen):
    """How fields become patches and masks.

    Attributes
    ----------
    layout : Path, optional
        Replaces the plate folder's own.
    illumination : bool
        Whether uneven illumination is corrected.
    skip_bad : bool
        Whether to go on without the fields that have problems.
    saturated_limit : float
        Share of pixels at the camera's maximum above which a field is a problem.
    keep_empty : bool
        Whether a field that shows nothing is kept as faulty, as the study did, or a problem.
    """

    mask: Literal["otsu"] = "otsu"
    patch_size: int = Field(default=192, ge=16, multiple_of=16)
    layout: Path | None = None
    illumination: bool = False
    quality: QualityConfig = QualityConfig()
    skip_bad: bool = False
    saturated_limit: float = Field(default=0.05, ge=0, le=1)
    keep_empty: bool = True
    workers: int = Field(default=1, ge=1)
    scheduler: str | None = None


class SplitConfig(Frozen):
    """Fractions of the wells of each stimulation."""

    validation: float = Field(default=0.2, gt=0, lt=1)
    test: float = Field(default=0.2, gt=0, lt=1)
    seed: Seed = SEED

    @model_validator(mode="after")
    def fractions_leave_training_wells(self) -> Self:
        """Refuse fractions that leave nothing to train on."""
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation + test must be below 1, found {self.validation + self.test}"
            )
        return self


class FitConfig(Frozen):
    """How a network is fitted, see `training.FitSettings`."""

    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    patience: int = Field(default=5, ge=1)
    reduce_patience: int = Field(default=3, ge=1)


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


class ClassifierConfig(Frozen):
    """The command ``classifier``.

    Attributes
    ----------
    encoder : str, optional
        MLflow URI of an autoencoder; by default a fresh encoder of `architecture`, which is
        trained together with the head.
    classes : list of str, optional
        Stimulations to tell apart; all of the dataset by default. Wells of others are left out.
    faulty_class : bool
        Whether ``Faulty`` is a class of its own (the slides) or left out.
    interaction_threshold : float
        Overlap from which cells count as interacting; 0.2 in the slides.
    """

    dataset: Path
    encoder: str | None = "models:/ck19-autoencoder@champion"
    architecture: Literal["compact", "slides", "dissertation"] = "compact"
    masked: bool = False
    fine_tune: bool = False
    classes: Classes | None = None
    faulty_class: bool = False
    class_weights: bool = False
    head: HeadConfig = HeadConfig()
    fit: FitConfig = FitConfig(epochs=10, batch_size=64)
    interaction_threshold: float = Field(default=0.2, gt=0, lt=1)
    split: SplitConfig = SplitConfig()
    seed: Seed = SEED

    @model_validator(mode="after")
    def a_fresh_encoder_is_trained(self) -> Self:
        """Refuse to freeze an encoder that nothing has trained."""
        if self.encoder is None and not self.fine_tune:
            raise ValueError("fine_tune must be true where encoder is null (nothing trained it)")
        return self


class RegressorConfig(Frozen):
    """The command ``regressor``: a head on an encoder, see `ClassifierConfig`.

    Attributes
    ----------
    head : {'local', 'study'}
        See `models.build_regressor_head`.
    """

    dataset: Path
    encoder: str | None = "models:/ck19-autoencoder@champion"
    architecture: Literal["compact", "slides", "dissertation"] = "compact"
    masked: bool = False
    fine_tune: bool = False
    head: Literal["local", "study"] = "local"
    dropout: float = Field(default=0.15, ge=0, lt=1)
    fit: FitConfig = FitConfig(epochs=30, batch_size=64, learning_rate=3e-3)
    interaction_threshold: float = Field(default=0.2, gt=0, lt=1)
    split: SplitConfig = SplitConfig()
    seed: Seed = SEED

    @model_validator(mode="after")
    def a_fresh_encoder_is_trained(self) -> Self:
        """Refuse to freeze an encoder that nothing has trained."""
        if self.encoder is None and not self.fine_tune:
            raise ValueError("fine_tune must be true where encoder is null (nothing trained it)")
        return self


class Range(Frozen):
    """A range of the search space; whole numbers where both ends are."""

    low: float | int
    high: float | int
    log: bool = False

    @model_validator(mode="after")
    def low_is_below_high(self) -> Self:
        """Refuse an empty range, and a logarithm of what is not positive."""
        if not self.low < self.high or (self.log and self.low <= 0):
            found = f"low {self.low}, high {self.high}"
            raise ValueError(f"expected low < high (and low > 0 with log), found {found}")
        return self


Choices = Annotated[list[float | int | bool], Field(min_length=1)]


def _choices_or_range(value: Any) -> str:
    return "range" if isinstance(value, dict | Range) else "choices"


# Told apart before they are checked, so that an error speaks of the one that was meant.
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
}


class SpaceConfig(Frozen):
    """What the tuning searches over: for each, choices or a range."""

    units: ChoicesOrRange = [32, 64, 128, 256]
    depth: ChoicesOrRange = [1, 2]
    dropout: ChoicesOrRange = Range(low=0.0, high=0.6)
    normalise: Choices = [False, True]
    pooled: Choices = [False, True]
    learning_rate: ChoicesOrRange = Range(low=1e-4, high=1e-2, log=True)
    batch_size: ChoicesOrRange = [32, 64, 128]
    class_weights: Choices = [False, True]
    fine_tune: Choices = [False, True]

    @model_validator(mode="after")
    def every_trial_can_be_built(self) -> Self:
        """Refuse values that no head or training takes."""
        for name, (low, high) in TRIAL_LIMITS.items():
            value = getattr(self, name)
            values = [value.low, value.high] if isinstance(value, Range) else value
            wrong = [v for v in values if not low <= v < high]
            if wrong:
                raise ValueError(
                    f"{name}: expected values from {low} to below {high}, found {wrong[0]}"
                )
        return self


class TuneConfig(Frozen):
    """The command ``tune``: from a plate folder to a registered champion.

    Attributes
    ----------
    plate : Path
        Plate folder; where it does not exist, `simulate` makes it.
    dataset : Path
        Where the plate's dataset is or will be.
    trials : int
        Trials that the study has when it ends, complete and pruned.
    failures : int
        Failed trials after which the study stops.
    first : dict
        Parameters of the first trial: the slides' classifier.
    epochs, fine_tune_epochs : int
        At most, of a trial on stored features and of one that trains the encoder too.
    promote : {'better', 'always'}
        Whether the champion is replaced only by a better model.
    """

    plate: Path = Path("data/plate")
    simulate: SimulateConfig | None = None
    dataset: Path = Path("data/plate.zarr")
    prepare: PrepareConfig = PrepareConfig()
    split: SplitConfig = SplitConfig()
    autoencoder: AutoencoderSettings = AutoencoderSettings()
    regressor_fit: FitConfig = FitConfig(epochs=30, batch_size=64, learning_rate=3e-3)
    classes: Classes | None = None
    trials: int = Field(default=20, ge=1)
    failures: int = Field(default=10, ge=0)
    space: SpaceConfig = SpaceConfig()
    first: dict[str, float | int | bool] = {}
    epochs: int = Field(default=30, ge=1)
    fine_tune_epochs: int = Field(default=4, ge=1)
    patience: int = Field(default=5, ge=1)
    interaction_threshold: float = Field(default=0.2, gt=0, lt=1)
    promote: Literal["better", "always"] = "better"
    seed: Seed = SEED


C = TypeVar("C", bound=Frozen)


def load_config(kind: type[C], path: Path, overrides: Sequence[str] = ()) -> C:
    """Read a YAML config and apply overrides of the form ``key.path=value``.

    Raises
    ------
    ConfigError
        If the file cannot be read, a key is unknown (the nearest known one is named), or a
        value is out of range.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"expected a config at {path}, found: {error.strerror}; check the path"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"expected YAML in {path}, found: {reason}; correct it") from error
    if not isinstance(content, dict):
        raise ConfigError(f"expected keys and values in {path}, found {type(content).__name__}")
    for override in overrides:
        _apply(content, override)
    return build_config(kind, content, str(path))


def build_config(kind: type[C], content: dict[str, Any], source: str) -> C:
    """Validate a config's content; see `load_config`."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_explain(kind, error)}") from error


def prepare_config(content: dict[str, Any], quality: str) -> PrepareConfig:
    """Build the config of ``prepare`` from its options; `quality` is a mapping in YAML."""
    try:
        thresholds = yaml.safe_load(quality) or {}
    except yaml.YAMLError as error:
        raise ConfigError(
            f"quality: expected YAML as in {{focus: 0.3}}, found {quality!r}"
        ) from error
    return build_config(PrepareConfig, content | {"quality": thresholds}, "prepare")


UNION_PARTS = ("choices", "range", "float", "int", "bool")
"""What pydantic adds to a key to say which member of a union it tried."""


def _apply(content: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"expected -s key.path=value, found '{override}'; write for example "
                          "-s fit.epochs=3")  # fmt: skip
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"expected a value as in YAML, found '{override}'") from error
    inner = content
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"expected keys below '{key}', found a value; check '{override}'")
    inner[keys[-1]] = value


def _explain(kind: type[Frozen], error: ValidationError) -> str:
    # An unknown key before what else is wrong: misspelt, it is why another one is missing.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    where = [str(part) for part in first["loc"] if part not in UNION_PARTS]
    key = ".".join(where)
    if first["type"] == "extra_forbidden":
        known = _known_keys(kind, where[:-1])
        near = difflib.get_close_matches(where[-1], known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(known))}"
        return f"expected a known key, found '{key}'; {hint}"
    says_it = first["type"] in ("missing", "value_error")
    found = "" if says_it else f", found {str(first['input'])[:80]!r}"
    return f"{key or 'config'}: {first['msg'].removeprefix('Value error, ')}{found}"


def _known_keys(kind: type[Frozen], where: Sequence[str]) -> list[str]:
    for part in where:
        field = kind.model_fields.get(part)
        kind = next(_models(field.annotation if field else None), kind)
    return list(kind.model_fields)


def _models(annotation: Any) -> Iterator[type[Frozen]]:
    """Find the configs inside an annotation such as ``Choices | Range`` or ``Range | None``."""
    inner = get_args(annotation)
    if not inner and isinstance(annotation, type) and issubclass(annotation, Frozen):
        yield annotation
    for part in inner:
        yield from _models(part)
