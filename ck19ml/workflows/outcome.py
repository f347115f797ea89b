"""Outcome of a command: lines for people and data for programs."""

from dataclasses import dataclass, field
from typing import Any

from ck19ml.errors import Ck19Error


@dataclass(frozen=True)
class Outcome:
    """Lines for people, and the same as JSON-like data.

    Where the answer is that something is wrong, the error says it once all else is printed.
    """

    lines: list[str]
    data: dict[str, Any] = field(default_factory=dict)
    error: Ck19Error | None = None
