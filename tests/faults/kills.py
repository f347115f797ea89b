"""Studies whose processes are killed at random moments, and what must hold of them afterwards.

``python -m tests.faults.kills --kills 50`` is the long version (``make faults``).
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import mlflow
import optuna
import psutil
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from sqlalchemy.pool import NullPool

from ck19ml.tracking import server
from tests.faults import cheap_tune
from tests.places import ROOT

DONE = ("complete", "pruned")


@dataclass
class Case:
    """A study that is killed again and again.

    Attributes
    ----------
    tuners : int
        Commands at work on it at the same time.
    workers : int
        Processes of each.
    tracking : str
        Where its runs are.
    """

    folder: Path
    storage: str
    tracking: str
    budget: int
    workers: int
    tuners: int = 1
    kills: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    kept: dict[int, tuple[str, float | None]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return "PostgreSQL" if "://" in self.storage else "journal"

    def start(self) -> "subprocess.Popen[str]":
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults.cheap_tune", str(self.folder), self.storage,
             str(self.budget), str(self.workers)],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment | {
                "PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": self.tracking,
                "MLFLOW_EXPERIMENT_NAME": self.folder.name, "OMP_NUM_THREADS": "1",
            },
        )  # fmt: skip

    def kill_one(self, rng: random.Random) -> None:
        """Start what is missing, wait a random time, and kill a random process."""
        tuners = [self.start() for _ in range(self.tuners)]
        self._wait(rng, tuners)
        processes = [p for t in tuners for p in _family(t)]
        if processes:
            victim = rng.choice(processes)
            self.killed["tuner" if victim.pid in {t.pid for t in tuners} else "worker"] += 1
            with_nobody = [victim] if rng.random() < 0.7 else processes  # or all at once
            for each in with_nobody:
                try:
                    each.send_signal(signal.SIGKILL)
                except psutil.NoSuchProcess:
                    continue
            self.kills += 1
        if any(_family(tuner) for tuner in tuners):  # the others go on for a while
            time.sleep(rng.uniform(0, 3))
            self.kills += any(_family(tuner) for tuner in tuners)
        for tuner in tuners:
            _end(tuner)
        self.remember()

    def _wait(self, rng: random.Random, tuners: list["subprocess.Popen[str]"]) -> None:
        """Wait for a moment while it starts, or within its trials."""
        if rng.random() < STARTING:
            time.sleep(rng.uniform(0, STARTING_S))
            return
        wanted = self.begun() + rng.randint(1, 8)
        while self.begun() < wanted and any(tuner.poll() is None for tuner in tuners):
            time.sleep(0.1)
        time.sleep(rng.uniform(0, 2 * cheap_tune.EPOCHS * cheap_tune.EPOCH_S))

    def begun(self) -> int:
        """Number of trials that were started so far.

        Asked of Optuna itself: who opens a study waits for the lock under which its workers
        claim trials, and four that claim a few a second leave it to nobody else for long.
        """
        try:
            study = optuna.load_study(study_name=cheap_tune.NAME, storage=self._optuna)
        except KeyError:
            return 0
        return sum(t.state != TrialState.WAITING for t in study.get_trials(deepcopy=False))

    @cached_property
    def _optuna(self) -> Any:
        if self.kind == "PostgreSQL":  # one, asked ten times a second, and no connection left open
            return RDBStorage(self.storage, engine_kwargs={"poolclass": NullPool})
        self.folder.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(self.storage))

    def remember(self) -> None:
        """Look at what is done: it must stay."""
        with cheap_tune.open_cheap(self.storage) as study:
            for row in study.table().to_dict(orient="records"):
                if row["state"] in DONE:
                    self.kept.setdefault(int(row["trial"]), (row["state"], row["value"]))

    def finish(self) -> dict[str, Any]:
        """Run it to its end."""
        tuner = self.start()
        out, err = tuner.communicate(timeout=300)
        assert tuner.returncode == 0, err[-3000:]
        return dict(json.loads(out.splitlines()[-1]))

    def check(self) -> dict[str, int]:
        """Check all that must hold; returns the figures."""
        with cheap_tune.open_cheap(self.storage) as study:
            table = study.table()
            parent = study.recall("parent_run")
            done, running = study.done, study.running
        states = table.set_index("trial")["state"].to_dict()
        values = table.set_index("trial")["value"].to_dict()
        assert done == self.budget, f"{done} trials, {self.budget} asked for"
        assert running == 0
        for number, (state, value) in self.kept.items():
            assert (states[number], values[number]) == (state, value), f"trial {number} changed"
        client = mlflow.MlflowClient(self.tracking)
        found = client.get_experiment_by_name(self.folder.name)
        every = list(client.search_runs([found.experiment_id], max_results=5000))
        assert not [run for run in every if run.info.status == "RUNNING"], "an orphan"
        parents = [run for run in every if run.data.tags["ck19ml.kind"] == "tune"]
        assert [run.info.run_id for run in parents] == [parent], "one parent a study"
        assert parents[0].info.status == "FINISHED"
        trials = [run for run in every if run.data.tags["ck19ml.kind"] == "trial"]
        numbers = [int(run.data.tags["ck19ml.trial"]) for run in trials]
        assert len(set(numbers)) == len(numbers), "a run a trial"
        assert {n for n, state in states.items() if state in DONE} <= set(numbers)
        for run, number in zip(trials, numbers, strict=True):
            self._check_trial(run, states[number], values[number])
        return {"kills": self.kills, "done": done, "trials": len(table), "kept": len(self.kept),
                **Counter(states.values())}  # fmt: skip

    def _check_trial(self, run: Any, state: str, value: float) -> None:
        expected = {"complete": "FINISHED", "pruned": "KILLED", "fail": "FAILED"}
        assert run.info.status == expected.get(state, "KILLED"), run.info.run_name
        assert run.data.tags["mlflow.parentRunId"]
        assert run.info.end_time >= run.info.start_time
        if state == "complete":
            assert abs(run.data.metrics["validation/log_loss"] - value) < 1e-9
            assert set(run.data.params) == set(cheap_tune.SPACE)
        if state == "fail":
            assert (
                "not finite" in run.data.tags["mlflow.note.content"]
                or "died" in (run.data.tags["mlflow.note.content"])
            )


STARTING, STARTING_S = 0.2, 6.0
"""Share of the kills while a command starts, and how long that takes at most."""


def _family(tuner: "subprocess.Popen[str]") -> list[psutil.Process]:
    try:
        process = psutil.Process(tuner.pid)
        alive = [process, *process.children(recursive=True)]
        return [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    except psutil.NoSuchProcess:
        return []


def _end(tuner: "subprocess.Popen[str]") -> None:
    for process in _family(tuner):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    tuner.communicate(timeout=60)


def torture(case: Case, kills: int, rng: random.Random) -> dict[str, int]:
    """Kill at that many moments, run to the end, and check."""
    case.folder.mkdir(parents=True, exist_ok=True)
    server.client.cache_clear()
    while case.kills < kills and len(case.kept) < case.budget:
        case.kill_one(rng)
    case.finish()
    return case.check()


WORKERS = (4, 3, 2, 1)
"""Those of the studies; each number on both storages. The most first: should a run be ended
early, it has shown what is hardest."""


def main() -> None:
    """Print one line a study, and a sum."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--kills", type=int, default=50, help="at least so many, over all studies")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--out", type=Path, help="where the figures are written, as JSON")
    chosen = options.parse_args()
    from tests.faults.mlflow_server import serve_mlflow
    from tests.faults.postgres import serve

    rng = random.Random(chosen.seed)  # noqa: S311 (nothing secret)
    kills = -(-chosen.kills // (2 * len(WORKERS)))
    rows = []
    with tempfile.TemporaryDirectory(prefix="ck19ml-faults-") as place, serve() as postgres:
        folder = Path(place)
        with serve_mlflow(folder, postgres.database("mlflow")) as tracking:
            for number, (workers, database) in enumerate(product(WORKERS, (False, True))):
                home = folder / f"study-{number}"
                case = Case(
                    home,
                    postgres.database(home.name) if database else str(home / "optuna.journal"),
                    tracking if database else f"sqlite:///{home}/mlflow.db",
                    # Enough for the kills: between two, each worker ends about eight trials.
                    budget=(4 + 8 * workers) * kills + rng.randint(10, 20),
                    workers=workers,
                    tuners=2 if number % 3 == 2 else 1,
                )
                started = time.monotonic()
                figures = torture(case, kills, rng)
                row = {"storage": case.kind, "workers": case.workers, "tuners": case.tuners,
                       "seconds": round(time.monotonic() - started), "budget": case.budget,
                       **figures, "killed": dict(case.killed)}  # fmt: skip
                rows.append(row)
                print(json.dumps(row), flush=True)
    sums = Counter[str]()
    for row in rows:
        sums.update({key: value for key, value in row.items() if isinstance(value, int)})
    print(json.dumps({"studies": len(rows), "kills": sums["kills"], "kept": sums["kept"]}))
    if chosen.out:
        chosen.out.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
