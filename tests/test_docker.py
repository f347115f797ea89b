"""The Dockerfile and compose.yaml: built and run where an engine answers, linted elsewhere."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.places import ROOT
from tests.ports import free_port

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())[
    "services"
]
PATIENCE_S = 120


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.M)


def resolved(text: str, **values: str) -> str:
    """A text of compose.yaml with its variables: those given, or their defaults."""
    return re.sub(
        r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}", lambda m: values.get(m[1], m[2] or ""), text
    )


def test_the_image_copies_what_there_is_and_what_is_not_ignored() -> None:
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")
    }
    copied = {name for line in instructions("COPY") for name in line.split()[:-1]}
    assert copied == kept
    assert [name for name in copied if not (ROOT / name).exists()] == []
    installed = "".join(instructions("RUN"))
    assert "--require-hashes -r requirements.lock" in installed


def test_images_are_named_with_a_version_and_run_without_root() -> None:
    images = [*instructions("FROM"), *(each["image"] for each in SERVICES.values())]
    assert [
        name for name in images if name != "ck19ml" and not re.search(r":\d+[\d.]*-", name)
    ] == []
    assert SERVICES["mlflow"]["build"] == "."
    assert instructions("USER") == ["ck19"]


def test_no_password_stands_in_the_file() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    passwords = re.findall(r"PASSWORD: (\S+)", text) + re.findall(r"ck19:([^@]+)@", text)
    assert len(passwords) == 3
    assert all(word.startswith("${POSTGRES_PASSWORD") for word in passwords)


def test_services_depend_on_services_and_ports_are_of_this_machine() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", ())) <= set(SERVICES), name
        for port in service.get("ports", ()):
            assert resolved(port).startswith("127.0.0.1:"), name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scheduler", "worker"])
def test_dask_takes_the_options_of_its_services(name: str) -> None:
    program, kind, *given = SERVICES[name]["command"]
    said = subprocess.run(
        [Path(sys.executable).with_name(program), kind, "--help"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    options = [text.partition("=")[0] for text in given if text.startswith("--")]
    assert len(options) == 2
    assert [option for option in options if option not in said] == []


@pytest.mark.slow
def test_the_server_answers_to_the_names_that_others_call_it_by(tmp_path: Path) -> None:
    port, service = free_port(), SERVICES["mlflow"]
    command = [resolved(text) for text in service["command"]]
    replaced = {
        "--host=0.0.0.0": "--host=127.0.0.1",
        "--port=5000": f"--port={port}",
        "--artifacts-destination=/artifacts": f"--artifacts-destination={tmp_path}",
    }
    assert set(replaced) < set(command)
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    server = subprocess.Popen(
        [sys.executable, "-m", *(replaced.get(text, text) for text in command), "--workers=1"],
        env={**os.environ, **service["environment"], "MLFLOW_BACKEND_STORE_URI": store},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd=tmp_path,
    )  # fmt: skip
    try:
        ends = time.monotonic() + PATIENCE_S
        while (code := _status(port, "mlflow:5000")) is None and time.monotonic() < ends:
            assert server.poll() is None
            time.sleep(0.5)
        assert code == 200
        assert _status(port, "localhost:5000") == 200
        assert _status(port, "elsewhere.example") == 403
    finally:
        os.killpg(server.pid, 9)
        server.wait(PATIENCE_S)


def _status(port: int, host: str) -> int | None:
    """Status of a question to the server by this name; None before it listens."""
    address = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get?experiment_id=0"
    request = urllib.request.Request(address, headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (this machine)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def _engine() -> bool:
    docker = shutil.which("docker")
    return (
        docker is not None
        and not subprocess.run(
            [docker, "info"], capture_output=True, check=False, timeout=60
        ).returncode
    )


@pytest.mark.slow
def test_the_image_is_built_and_runs() -> None:
    if not _engine():
        pytest.skip("no container engine answers")
    for command in (
        f"docker build --quiet --tag ck19ml {ROOT}",
        "docker run --rm ck19ml ck19ml simulate plate --wells 3 --size 256",
        "docker run --rm ck19ml python -m ck19ml --version",
    ):
        ended = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
