import pytest
from pydantic import Field, ValidationError

from ck19ml.core.settings import Frozen, Range, Share, explain


class Inner(Frozen):
    rate: float = Field(default=0.5, gt=0)
    share: Share = 0.1


class Outer(Frozen):
    name: str
    inner: Inner = Inner()
    ranges: dict[str, Range] = Field(default={})
    choice: list[int] | None = None


def explained(**content: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(content)
    line = explain(Outer, caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"nam": "a"}, "unknown key 'nam'; did you mean 'name'?"),
        ({"name": "a", "x": 1}, "unknown key 'x'; known keys: choice, inner, name, ranges"),
        ({"name": "a", "inner": {"rat": 1}}, "unknown key 'inner.rat'; did you mean 'rate'?"),
        (
            {"name": "a", "ranges": {"b": {"low": 1, "hgh": 2}}},
            "unknown key 'ranges.b.hgh'; did you mean 'high'?",
        ),
        ({}, "name: Field required"),
        ({"name": "a", "inner": {"rate": 0}}, "inner.rate: Input should be greater than 0, found"),
        ({"name": "a", "inner": 3}, "inner: "),
        (
            {"name": "a", "ranges": {"b": {"low": 2, "high": 2}}},
            "ranges.b: low must be below high, found low 2, high 2",
        ),
    ],
)  # fmt: skip
def test_an_error_is_one_line_that_names_the_key(content: dict[str, object], line: str) -> None:
    assert explained(**content).startswith(line)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1, "many"])
def test_a_share_lies_between_0_and_1(value: object) -> None:
    with pytest.raises(ValidationError):
        Inner(share=value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "log"), [(1, 1, False), (2, 1, False), (0, 1, True), (-1, 1, True)]
)
def test_an_empty_range_is_refused(low: float, high: float, log: bool) -> None:
    with pytest.raises(ValidationError, match="low must be below high"):
        Range(low=low, high=high, log=log)


def test_the_ends_of_a_range_keep_their_kind() -> None:
    assert isinstance(Range(low=1, high=3).low, int)
    assert isinstance(Range(low=1.0, high=3.0).low, float)


def test_settings_cannot_change() -> None:
    with pytest.raises(ValidationError):
        Inner().rate = 2.0  # type: ignore[misc]
