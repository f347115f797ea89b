"""Types that a study takes and returns: spaces, objectives, trials."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ck19ml.core.settings import Range

Parameters = dict[str, Any]
Notes = dict[str, Any]
Report = Callable[[int, float], None]
"""Takes the epoch and the value to minimise; ends a hopeless trial by an exception."""


class Watcher(Protocol):
    """Listener that a study notifies of its trials."""

    def started(self, number: int, parameters: Parameters) -> None:
        """Record that a trial starts."""

    def ended(self, number: int, state: str, error: str | None) -> None:
        """Record that a trial is now complete, pruned, failed or interrupted."""


Space = Mapping[str, list[Any] | Range]
When = Mapping[str, tuple[str, tuple[Any, ...]]]
"""For parameters that not all trials have: which other one must have which of these values."""


@dataclass(frozen=True)
class Trial:
    """A complete trial; the notes are what its objective kept beside the value."""

    number: int
    parameters: Parameters
    value: float
    notes: Notes


@dataclass(frozen=True)
class Ended:
    """End of a trial: its state and its time (seconds since 1970)."""

    state: str
    error: str | None
    seconds: float | None


Objective = Callable[[int, Parameters, Report], tuple[float, Notes]]
"""Takes number, parameters and a report function; returns the value and JSON-like notes."""
