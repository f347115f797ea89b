"""Optuna's dashboard on a study: a real server, whose writes wait for the study's own lock."""

import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ck19ml import tuning
from ck19ml.errors import ConfigError
from ck19ml.files.locking import locked
from ck19ml.tuning.dashboard import serve_dashboard
from tests.command import ck19ml
from tests.ports import free_port
from tests.tuning.stored import FIRST

PATIENCE_S = 120


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """The journal of a study without trials."""
    place = tmp_path / "optuna.journal"
    with tuning.open_study(place, "plate", seed=1, first=FIRST):
        return place


def test_a_missing_extra_is_one_line(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    with pytest.raises(ConfigError, match=r"pip install 'ck19ml\[dashboard\]'$"):
        serve_dashboard(str(journal), free_port())


def test_a_study_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    ended = ck19ml("dashboard", str(tmp_path / "none.journal"))
    assert (ended.code, ended.out) == (1, "")
    assert "there is no study at" in ended.err
    assert list(tmp_path.iterdir()) == []


def ask(port: int, path: str, **content: Any) -> Any:
    """Ask the dashboard; with content, write."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        json.dumps(content).encode() if content else None,
        {"Content-Type": "application/json"},
        method="PUT" if content else "GET",
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (this machine)
        text = answer.read()
        return json.loads(text) if text else None


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("optuna_dashboard") is None,
    reason="needs optuna-dashboard (pip install 'ck19ml[dashboard]')",
)
def test_it_shows_the_study_and_writes_under_its_lock(journal: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "ck19ml", "dashboard", str(journal), "--port", str(port)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == (
            f"Optuna's dashboard on http://127.0.0.1:{port} (study: {journal})\n"
        )
        (study,) = ask(port, "/api/studies")["study_summaries"]
        assert study["study_name"] == "plate"
        note = f"/api/studies/{study['study_id']}/note"
        write = threading.Thread(target=ask, args=(port, note), kwargs={"body": "b", "version": 1})
        with locked(journal.with_name(journal.name + ".write")):
            before = journal.read_bytes()
            write.start()
            time.sleep(2)
            assert write.is_alive()
            assert journal.read_bytes() == before
        write.join(PATIENCE_S)
        assert b'"b"' in journal.read_bytes()[len(before) :]
        with tuning.open_study(journal, "plate", seed=1, first={}) as again:
            assert again.inner.get_trials(deepcopy=False)[0].system_attrs["fixed_params"] == FIRST
        with pytest.raises(ConfigError, match=f"port {port} is in use"):
            serve_dashboard(str(journal), port)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    finally:
        process.kill()
        process.wait(PATIENCE_S)
