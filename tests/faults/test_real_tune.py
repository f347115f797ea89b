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
import optuna
import psutil
import pytest
import sqlalchemy
import yaml

from ck19ml import tuning
from ck19ml.plates.dataset.store import open_dataset
from tests.command import START_LINES
from tests.faults.postgres import ENCODED, PASSWORD, binaries, serve
from tests.places import ROOT

pytestmark = pytest.mark.slow

CONFIG = {
    "plate": "plate",
    "simulate": {"layout": "ck19", "wells": 30, "size": 448, "seed": 1},
    "dataset": "plate.zarr",
    "autoencoder": {"fit": {"epochs": 1, "batch_size": 32, "least_steps": 1}},
    "trials": 6,
    "heartbeat": 2,
    "epochs": 4,
    "fine_tune_epochs": 1,
    "space": {"units": [16, 32], "depth": [1]},
}


def start(folder: Path, storage: str) -> "subprocess.Popen[str]":
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    with (folder / "log.txt").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "ck19ml", "tune", "-c", "tune.yaml", "--workers", "2",
             "--json", "--storage", storage],
            cwd=folder, env=environment | {"PYTHONPATH": str(ROOT)}, text=True,
            stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip


def states(storage: str) -> dict[int, str]:
    try:
        names = optuna.get_all_study_names(storage)
    except sqlalchemy.exc.SQLAlchemyError:  # its tables are being made
        return {}
    if not names:
        return {}
    with tuning.open_study(storage, names[0], seed=0, first={}) as study:
        table = study.table()
        return dict(zip(table["trial"], table["state"], strict=True)) if len(table) else {}


@pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
def test_a_tuning_killed_in_the_middle_ends_whole(tmp_path: Path) -> None:
    (tmp_path / "tune.yaml").write_text(yaml.safe_dump(CONFIG))
    with serve() as postgres:
        told, before, after, dataset = kill_and_go_on(tmp_path, postgres.database("studies"))
    log = (tmp_path / "log.txt").read_text()
    counted = [state for state in after.values() if state in ("complete", "pruned")]
    assert told["trials"] == len(counted) == 6
    assert "running" not in after.values()
    assert {n: after[n] for n in before} == before, "a finished trial is still there"
    assert "runs of dead processes as KILLED: tune plate" in log
    assert [line for line in log.splitlines() if START_LINES.search(line)] == []
    assert open_dataset(tmp_path / "plate.zarr").content_hash == dataset

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    every = list(client.search_runs([client.get_experiment_by_name("ck19ml").experiment_id]))
    assert {run.info.status for run in every} <= {"FINISHED", "KILLED", "FAILED"}
    kinds = [run.data.tags["ck19ml.kind"] for run in every]
    assert kinds.count("tune") == kinds.count("autoencoder") == kinds.count("prepare") == 1
    version = client.get_model_version_by_alias("ck19-classifier", "champion")
    assert version.run_id == told["parent"]
    require_no_secrets(tmp_path)


def kill_and_go_on(folder: Path, storage: str) -> tuple[dict[str, Any], Any, Any, str]:
    command = start(folder, storage)
    while sum(state == "complete" for state in states(storage).values()) < 2:
        assert command.poll() is None, (folder / "log.txt").read_text()[-3000:]
        time.sleep(0.5)
    before = {n: s for n, s in states(storage).items() if s in ("complete", "pruned")}
    dataset = open_dataset(folder / "plate.zarr").content_hash
    for process in [psutil.Process(command.pid), *psutil.Process(command.pid).children(True)]:
        process.send_signal(signal.SIGKILL)
    command.communicate(timeout=30)
    command = start(folder, storage)
    out, _ = command.communicate(timeout=800)
    assert command.returncode == 0, (folder / "log.txt").read_text()[-3000:]
    return json.loads(out.splitlines()[-1]), before, states(storage), dataset


def require_no_secrets(folder: Path) -> None:
    """Neither the log, nor MLflow's database, nor any artifact knows the password."""
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert PASSWORD.encode() not in content, path
            assert ENCODED.encode() not in content, path
