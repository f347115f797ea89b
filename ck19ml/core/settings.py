"""Settings: frozen, with ranges that pydantic checks, and their errors in one line."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

Share = Annotated[float, Field(ge=0, le=1)]

LARGEST_FIELD = 2**14
"""Largest side of a field in pixels: a mistyped number must not fill the memory."""

UNION_PARTS = ("choices", "range", "float", "int", "bool", "str", "softmax", "closed_form")
"""Parts that pydantic adds to a key to say which member of a union it tried."""


class Frozen(BaseModel):
    """Base of all settings: values cannot change, unknown keys and infinite numbers are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def changed(self, **values: Any) -> Self:
        """Return a copy with these values, which are checked like those of a new one."""
        return type(self).model_validate(dict(self) | values)


def each_once(names: list[str]) -> list[str]:
    """Return the names; raises ValueError if one occurs twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"must name each class once, found {twice[0]} twice")
    return names


def one_of(names: Iterable[str]) -> AfterValidator:
    """Return a validator that raises ValueError for a text that is none of these names."""
    known = tuple(names)

    def check(name: str) -> str:
        if name not in known:
            raise ValueError(f"must be one of {', '.join(known)}, found {name!r}")
        return name

    return AfterValidator(check)


class Range(Frozen):
    """A range of a search space; whole numbers if both ends are.

    Attributes
    ----------
    low, high : float or int
        Both ends, which belong to the range.
    log : bool
        Whether values are drawn evenly on a logarithmic scale.
    """

    low: float | int
    high: float | int
    log: bool = False

    @model_validator(mode="after")
    def low_is_below_high(self) -> Self:
        """Raise ValueError for an empty range, and for a logarithm from 0 or below."""
        if not self.low < self.high or (self.log and self.low <= 0):
            needed = "low must be below high" + (" and above 0 with log" if self.log else "")
            raise ValueError(f"{needed}, found low {self.low}, high {self.high}")
        return self


def explain(kind: type[BaseModel], error: ValidationError, remedy: str = "") -> str:
    """Say in one line what is wrong with the content of a `kind`, and name the key.

    Of several errors an unknown key comes first: misspelt, it is why another one is missing. What
    to do about a value stands after a semicolon.
    """
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    where = [str(part) for part in first["loc"] if part not in UNION_PARTS]
    key = ".".join(where)[:80]
    if first["type"] == "extra_forbidden":
        known = _known_keys(kind, where[:-1])
        near = difflib.get_close_matches(where[-1], known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(sorted(known))}"
        return f"unknown key '{key}'; {hint}"
    says_it = first["type"] in ("missing", "value_error")
    found = "" if says_it else f", found {str(first['input'])[:80]!r}"
    message = first["msg"].removeprefix("Value error, ")
    remedy = f"; {remedy}" if remedy else ""
    return f"{key}: {message}{found}{remedy}" if key else f"{message}{found}{remedy}"


def _known_keys(kind: type[BaseModel], where: Sequence[str]) -> list[str]:
    for part in where:
        field = kind.model_fields.get(part)
        kind = next(_models(field.annotation if field else None), kind)
    return list(kind.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Find the settings inside an annotation such as ``Choices | Range`` or ``Range | None``."""
    inner = get_args(annotation)
    if not inner and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in inner:
        yield from _models(part)
