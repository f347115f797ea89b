"""Problems of a plate's fields: collected, reported as a whole, then judged."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from ck19ml.errors import PlateError

KINDS = (
    "wrong name",
    "missing partner",
    "duplicate file",
    "not in the layout",
    "unreadable",
    "wrong size",
    "wrong axes",
    "wrong pixel size",
    "wrong bit depth",
    "missing labels",
    "wrong labels",
    "saturated",
    "empty",
)
"""Every kind of `Problem`."""

NAMED = 3
"""Problems that an error's one line names; the report above it lists all."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong with one field.

    Attributes
    ----------
    plate, well : str
        Empty where a file's name does not tell.
    field : int
        Number of the field in its well; 0 where a file's name does not tell.
    file : Path
        The file to look at.
    kind : str
        One of `KINDS`.
    message : str
        One line: what was expected, what was found; and, after the last semicolon, what to do.
    """

    plate: str
    well: str
    field: int
    file: Path
    kind: str
    message: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"expected one of {', '.join(KINDS)}, found {self.kind!r}")


class PlateProblems(PlateError):
    """A plate cannot be taken as it is; `problems` says all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__(_line(self.problems))

    def __reduce__(self) -> tuple[type, tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)

    @property
    def report(self) -> list[str]:
        """One line a problem; empty where the error's own line says it all."""
        lines = [_report_line(problem) for problem in self.problems]
        return lines if len(_distinct(self.problems)) > 1 else []


def require_none(problems: Sequence[Problem]) -> None:
    """Judge what was collected.

    Raises
    ------
    PlateProblems
        If there is any problem.
    """
    if problems:
        raise PlateProblems(problems)


def skipped_table(problems: Sequence[Problem]) -> pd.DataFrame:
    """Return the problems as a table, one row each; the file is its name without the folder."""
    rows = [asdict(problem) | {"file": problem.file.name} for problem in sorted(problems)]
    return pd.DataFrame(rows, columns=[field.name for field in fields(Problem)])


def _distinct(problems: Sequence[Problem]) -> list[str]:
    """Messages without repetition: a well that lacks several fields says one thing."""
    return list(dict.fromkeys(problem.message for problem in problems))


def _line(problems: Sequence[Problem]) -> str:
    messages = _distinct(problems)
    if len(messages) == 1:
        return messages[0]
    wells = len({(problem.plate, problem.well) for problem in problems})
    first = [message.rpartition("; ")[0] or message for message in messages[:NAMED]]
    rest = len(messages) - len(first)
    more = f"; and {rest} more" if rest else ""
    return (
        f"the plate has {len(problems)} problems in {wells} wells: {'; '.join(first)}{more}; "
        "correct them, or use --skip-bad to continue without these fields"
    )


def _report_line(problem: Problem) -> str:
    place = " ".join(filter(None, (problem.plate, problem.well)))
    field = f" field {problem.field}" if problem.field else ""
    return f"{place}{field}: {problem.kind}: {problem.message}".removeprefix(": ")
