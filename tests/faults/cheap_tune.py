"""The bookkeeping of `tune` with trials that cost nothing: what kills at random moments test.

``python -m tests.faults.cheap_tune FOLDER STORAGE BUDGET WORKERS`` is a tuner; its workers are
this module too. All but the training is the project's own code.
"""

import json
import math
import random
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ck19ml import tuning
from ck19ml.core.settings import Range
from ck19ml.tracking import runs, server, trial_runs
from ck19ml.tracking.runs import Run
from ck19ml.tuning import Parameters, Report, Study
from ck19ml.workflows.steps.resume import repair_runs
from ck19ml.workflows.tuning import worker
from ck19ml.workflows.tuning.study import become_parent, joined, parent_of, reconcile, repair
from ck19ml.workflows.tuning.worker import Task
from ck19ml.workflows.tuning.workers import run_here
from tests.tuning.stored import best_of

NAME = "cheap"
SPACE = {
    "units": [32, 64, 128],
    "rate": Range(low=1e-4, high=1e-2, log=True),
    "depth": Range(low=1, high=3),
}
FIRST = {"units": 64, "rate": 0.001, "depth": 2}
FAILURES = 10_000
EPOCHS = 5
EPOCH_S = 0.05


def open_cheap(storage: str) -> Any:
    return tuning.open_study(storage, NAME, seed=1, first=FIRST, heartbeat=1)


class Cheap:
    """Trials without a network: a curve, some time, a value, sometimes a failure."""

    def __init__(self, parent: Run) -> None:
        self.parent = parent
        self.open: dict[int, Run] = {}

    def started(self, number: int, parameters: Parameters) -> None:
        self.open[number] = trial_runs.start_trial(self.parent, number, parameters)

    def ended(self, number: int, state: str, error: str | None) -> None:
        run = self.open.pop(number, None)
        if run is not None:
            trial_runs.end_trial(run, state, error)

    def objective(
        self, number: int, parameters: Parameters, report: Report
    ) -> tuple[float, dict[str, Any]]:
        value = value_of(parameters)
        curve = []
        try:
            for epoch in range(1, EPOCHS + 1):
                time.sleep(EPOCH_S)
                curve.append((epoch, {"validation/loss": value + 1 / epoch}))
                report(epoch, value + 1 / epoch)
        finally:
            self.open[number].curve(curve)
        if random.random() < 0.05:  # noqa: S311 (nothing secret)
            raise tuning_failed(number)
        self.open[number].metrics({"validation/log_loss": value})
        return value, {"filler": "x" * 10_000}


def value_of(parameters: Parameters) -> float:
    return float(abs(math.log10(parameters["rate"]) + 3) + parameters["depth"] / 10)


def tuning_failed(number: int) -> Exception:
    from ck19ml.errors import TrialFailed

    return TrialFailed(f"the loss of trial {number} is not finite")


def run_study(study: Study, parent: str, budget: int) -> int:
    trials = Cheap(Run(parent))
    return study.run(budget, trials.objective, SPACE, trials, failures=FAILURES)


def work(task: Task) -> int:
    server.use(task.tracking)
    with server.lost_in_one_line(), open_cheap(task.storage) as study:
        return run_study(study, task.parent, task.config["budget"])


def tune(folder: Path, storage: str, budget: int, workers: int) -> dict[str, Any]:
    """As `tune_command`: join, repair, run the trials, then one result."""
    with server.lost_in_one_line(), ExitStack() as outer:
        repair_runs()
        study = outer.enter_context(open_cheap(storage))
        outer.enter_context(joined(study))
        with ExitStack() as inner:
            with study.alone("parent"):
                known = parent_of(study)
                run = inner.enter_context(runs.start("tune cheap", "tune", {}, resume=known))
                parent = known or become_parent(study, run)
            repair(study, parent)
            if workers == 1:
                run_study(study, parent.id, budget)
            else:
                task = Task({"budget": budget}, storage, server.location(), NAME, parent.id, "",
                            str(folder), 0, None)  # fmt: skip
                run_here(task, study, workers, FAILURES, lambda: None, "tests.faults.cheap_tune")
            study.recover()
            reconcile(study, parent)
            with study.alone("result"):
                best = best_of(study).number
                if study.recall("result") != best:
                    parent.note("champion.yaml", f"trial: {best}\n")
                    study.remember("result", best)
            return {"done": study.done, "failed": study.failed, "best": best}


def main() -> None:
    if len(sys.argv) == 1:  # a worker, which reads its task
        sys.exit(worker.main(work))
    folder, storage, budget, workers = sys.argv[1:]
    print(json.dumps(tune(Path(folder), storage, int(budget), int(workers))), flush=True)


if __name__ == "__main__":
    main()
