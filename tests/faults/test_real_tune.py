"""The whole command, with real trainings on two workers, killed in the middle and run again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
import psutil
import pytest
import yaml

from ck19ml import tuning
from ck19ml.plates.store import open_dataset

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CONFIG = {
    "plate": "plate",
    "simulate": {"layout": "ck19", "wells": 30, "size": 448, "seed": 1},
    "dataset": "plate.zarr",
    "autoencoder": {"fit": {"epochs": 1, "batch_size": 32}},
    "regressor_fit": {"epochs": 1, "batch_size": 64},
    "trials": 6,
    "epochs": 4,
    "fine_tune_epochs": 1,
    "space": {"units": [16, 32], "depth": [1]},
}


def start(folder: Path) -> "subprocess.Popen[str]":
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    return subprocess.Popen(
        [sys.executable, "-m", "ck19ml", "tune", "-c", "tune.yaml", "--workers", "2", "--json"],
        cwd=folder, env=environment | {"PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=(folder / "log.txt").open("a"),
    )  # fmt: skip


def states(folder: Path) -> dict[int, str]:
    journal = folder / "plate.study" / "optuna.journal"
    if not journal.exists():
        return {}
    [name] = {
        json.loads(line)["study_name"]
        for line in journal.read_text().splitlines()
        if '"study_name"' in line
    }
    with tuning.open_study(journal, name, seed=0, first={}) as study:
        table = study.table()
        return dict(zip(table["trial"], table["state"], strict=True)) if len(table) else {}


def test_a_tuning_killed_in_the_middle_ends_whole(tmp_path: Path) -> None:
    (tmp_path / "tune.yaml").write_text(yaml.safe_dump(CONFIG))
    command = start(tmp_path)
    while sum(state == "complete" for state in states(tmp_path).values()) < 2:
        assert command.poll() is None, (tmp_path / "log.txt").read_text()[-3000:]
        time.sleep(0.2)
    before = {n: s for n, s in states(tmp_path).items() if s in ("complete", "pruned")}
    dataset = open_dataset(tmp_path / "plate.zarr").content_hash
    for process in [psutil.Process(command.pid), *psutil.Process(command.pid).children(True)]:
        process.send_signal(signal.SIGKILL)
    command.communicate(timeout=30)

    command = start(tmp_path)
    out, _ = command.communicate(timeout=500)
    log = (tmp_path / "log.txt").read_text()
    assert command.returncode == 0, log[-3000:]
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    after = states(tmp_path)
    assert told["trials"] == 6 == sum(s in ("complete", "pruned") for s in after.values())
    assert "running" not in after.values()
    assert {n: after[n] for n in before} == before, "a finished trial is still there"
    assert "whose process died are KILLED now: tune plate" in log
    assert open_dataset(tmp_path / "plate.zarr").content_hash == dataset

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    every = list(client.search_runs(["0"]))
    assert {run.info.status for run in every} <= {"FINISHED", "KILLED", "FAILED"}
    kinds = [run.data.tags["ck19ml.kind"] for run in every]
    assert kinds.count("tune") == kinds.count("autoencoder") == kinds.count("prepare") == 1
    version = client.get_model_version_by_alias("ck19-classifier", "champion")
    assert version.run_id == told["parent"]
