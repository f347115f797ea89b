"""The trials of a study: each scores a head or a fine-tuned network in its own run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ck19ml.config import TuneConfig
from ck19ml.config.tune import FIRST
from ck19ml.errors import Ck19Error, TrialFailed
from ck19ml.networks.settings import ClassifierSettings
from ck19ml.tracking import trial_runs
from ck19ml.tracking.runs import Run
from ck19ml.tuning import Parameters, Report
from ck19ml.workflows.tuning.candidates import is_untrained, settings_of
from ck19ml.workflows.tuning.features import Material
from ck19ml.workflows.tuning.inner_folds import (
    Scored,
    notes_of,
    score_closed_form,
    score_trained,
    value_of,
)

EXHAUSTED = ("ResourceExhaustedError", "OutOfMemoryError", "XlaRuntimeError")
"""Names that the backends of Keras give to a lack of memory."""


@dataclass
class Trials:
    """Scores the trials of a study, each in its own run.

    Attributes
    ----------
    open : dict of Run
        Runs of the trials in progress.
    """

    config: TuneConfig
    material: Material
    parent: Run
    open: dict[int, Run] = field(default_factory=dict)
    progress: Callable[[], None] | None = None

    def started(self, number: int, parameters: Parameters) -> None:
        """Open the run of a trial."""
        self.open[number] = trial_runs.start_trial(self.parent, number, parameters)

    def ended(self, number: int, state: str, error: str | None) -> None:
        """Close the run of a trial in its true state."""
        run = self.open.pop(number, None)
        if run is not None:  # None if the server was lost before the run was made
            trial_runs.end_trial(run, state, error)
        if self.progress:
            self.progress()

    @cached_property
    def reference(self) -> Scored:
        """The default's losses; other trials' losses are seen beside them on the same wells."""
        return score_closed_form(self.material, settings_of(self.config, dict(FIRST)))

    def objective(
        self, number: int, parameters: Parameters, report: Report
    ) -> tuple[float, dict[str, Any]]:
        """Score a trial; its value is the mean log loss of a well in inner folds, in nats."""
        run = self.open[number]
        curve: list[tuple[int, dict[str, float]]] = []

        def watch(epoch: int, metrics: Any) -> None:
            curve.append((epoch, dict(metrics)))
            report(epoch, metrics["validation/loss"])

        settings = settings_of(self.config, parameters)
        try:
            scored = self._score(settings, is_untrained(parameters), watch)
            curve.append((0, scored.metrics))
        finally:  # all at once, as a short trial takes less time than several requests
            run.curve(curve, {})
        return value_of(scored, self.reference), notes_of(scored)

    def _score(self, settings: ClassifierSettings, untrained: bool, watch: Any) -> Scored:
        """Score; errors caused by the parameters fail the trial and not the study."""
        try:
            if settings.closed_form:
                return score_closed_form(self.material, settings, untrained)
            return score_trained(self.material, settings, watch, self.reference)
        except Ck19Error:
            raise
        except (ValueError, ArithmeticError) as error:
            raise TrialFailed(_sentence(error)) from error
        except Exception as error:
            if type(error).__name__ in EXHAUSTED:
                raise TrialFailed(f"out of memory: {_sentence(error)}") from error
            raise


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
