"""A study in a journal, and what the tests run in it."""

from pathlib import Path
from typing import Any

import pandas as pd

from ck19ml import tuning
from ck19ml.core.settings import Range
from ck19ml.errors import TrialFailed
from ck19ml.tuning import Notes, Parameters, Report, Study, Trial

SPACE = {
    "units": [32, 64, 128],
    "rate": Range(low=1e-4, high=1e-2, log=True),
    "depth": Range(low=1, high=3),
    "normalise": [False, True],
}
FIRST = {"units": 64, "rate": 0.001, "depth": 2, "normalise": True}


class Log:
    """Keeps what the study tells of its trials."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, Parameters]] = []
        self.over: list[tuple[int, str, str | None]] = []

    def started(self, number: int, parameters: Parameters) -> None:
        self.begun.append((number, dict(parameters)))

    def ended(self, number: int, state: str, error: str | None) -> None:
        self.over.append((number, state, error))

    @property
    def states(self) -> list[str]:
        return [state for _, state, _ in self.over]


def objective(number: int, parameters: Parameters, _: Report) -> tuple[float, Notes]:
    return parameters["rate"] * parameters["units"], {"number": number}


class Stored:
    """A journal with the arguments that are the same in every test."""

    def __init__(self, folder: Path, seed: int = 2211, first: Parameters | None = None) -> None:
        self.journal = folder / "study" / "optuna.journal"
        self.seed, self.first = seed, FIRST if first is None else first

    def open(self) -> Any:
        return tuning.open_study(self.journal, "s", seed=self.seed, first=self.first)

    def run(self, budget: int, run: Any = objective, *, failures: int = 3) -> tuple[int, Log]:
        log = Log()
        with self.open() as study:
            return study.run(budget, run, SPACE, log, failures=failures), log

    def table(self) -> pd.DataFrame:
        with self.open() as study:
            return study.table()


def failing(*numbers: int) -> Any:
    """An objective whose trials of these numbers fail."""

    def run(number: int, parameters: Parameters, report: Report) -> tuple[float, Notes]:
        if number in numbers:
            raise TrialFailed(f"the loss of trial {number} is not finite")
        return objective(number, parameters, report)

    return run


def interrupted_in(number: int, error: type[BaseException] = KeyboardInterrupt) -> Any:
    """An objective that one trial ends with an error of the whole process."""

    def run(this: int, parameters: Parameters, report: Report) -> tuple[float, Notes]:
        if this == number:
            raise error
        return objective(this, parameters, report)

    return run


def drawn(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The parameters of each trial."""
    return table[list(SPACE)].to_dict(orient="records")


def best_of(study: Study) -> Trial:
    """The complete trial with the smallest value."""
    return min(study.complete, key=lambda trial: (trial.value, trial.number))
