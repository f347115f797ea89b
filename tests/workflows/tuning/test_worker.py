"""A worker ends with the command that started it."""

import json
import signal
import subprocess
import sys

import pytest

from ck19ml.workflows.tuning.worker import Task, as_json

WORKER = """
import sys, time
from ck19ml.workflows.tuning.worker import main
def work(task):
    print("at work", flush=True)
    time.sleep(600)
sys.exit(main(work))
"""
TASK = Task({}, "journal", "sqlite:///mlflow.db", "study", "parent", "encoder", ".", 0, None)


@pytest.mark.slow
def test_a_worker_ends_with_its_command_also_where_interrupts_were_ignored() -> None:
    # As a shell starts what a script puts into the background.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(as_json(TASK) + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "at work\n"
    out, _ = process.communicate(timeout=30)  # closes its input
    assert json.loads(out) == {"interrupted": True}
    assert process.returncode == 0
