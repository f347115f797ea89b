"""Bad input that only a whole process meets: libraries, streams, the store, permissions."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.badinput.spoiling import one_line
from tests.badinput.test_bad_input import CASES, OF_MODELS
from tests.plates.made_plates import contents

pytestmark = pytest.mark.slow

SAMPLE = (
    "images: a TIFF is truncated",
    "plates: plate.yaml has anchors that explode",
    "layouts: the workbook has entities that explode",
    "configs: the file has anchors that explode",
    "usage: an unknown option",
    "places: prepare over what holds the plate",
    "datasets: has a chunk with a flipped byte",
    "datasets: lacks a class",
    "datasets: was made by other parameters",
    "models: evaluate: the registry lacks its champion",
    "models: has a network that is cut short",
)
"""Of each table some: what the others meet, `test_bad_input` meets too."""


def process(
    arguments: str, store: Path, wrapper: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a shell would."""
    found = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{store}/mlflow.db", **environment}
    command = " ".join([*wrapper, sys.executable, "-m", "ck19ml", arguments])
    return subprocess.run(
        ["bash", "-c", command], env=found, capture_output=True, text=True, timeout=300, check=False
    )


UNDERSTOOD = r"plate: plate CK19, |(wells|channels|camera|layout|note): "
"""Beginnings of the lines that say how a plate is understood."""


@pytest.fixture
def closed_port() -> int:
    """A port on which nothing answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("name", SAMPLE)
def test_bad_input_of_a_process(name: str, work_with_models: Path, made_store: Path) -> None:
    case = (CASES | OF_MODELS)[name]
    case.spoil(work_with_models)
    before = contents(work_with_models)
    found = process(case.arguments, made_store)
    assert (found.returncode, found.stdout) == (case.code, ""), found.stderr
    one_line(found.stderr, case.says)
    if case.command in ("prepare", "layout"):  # the networks' library says more when it loads
        *before_the_error, _ = found.stderr.splitlines()
        assert all(re.match(UNDERSTOOD, line) for line in before_the_error), found.stderr
    assert contents(work_with_models) == before


def test_a_tracking_server_that_does_not_answer(
    work: Path, made_store: Path, closed_port: int
) -> None:
    before = contents(work)
    uri = f"http://user:secret@127.0.0.1:{closed_port}"
    found = process("prepare plate new.zarr --patch-size 16", made_store, MLFLOW_TRACKING_URI=uri)
    assert found.returncode == 1
    one_line(found.stderr, (f"http://127.0.0.1:{closed_port}", "MLFLOW_TRACKING_URI"))
    assert "secret" not in found.stderr
    assert contents(work) == before


def without_capabilities() -> tuple[str, ...]:
    """What to start a process with so that a folder's permissions count for root too."""
    if os.geteuid() != 0:
        return ()
    wrapper = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    if shutil.which("setpriv") is None or subprocess.run([*wrapper, "true"]).returncode:
        pytest.skip("this is root, and setpriv cannot take its right to write anywhere away")
    return wrapper


@pytest.mark.parametrize(
    "arguments",
    [
        "prepare plate empty/new.zarr --patch-size 16",
        "simulate empty/new --layout plate/layout.csv --size 192",
    ],
)
def test_a_folder_without_the_permission_to_write(
    work: Path, made_store: Path, arguments: str
) -> None:
    wrapper = without_capabilities()
    (work / "empty").chmod(0o555)
    before = contents(work)
    found = process(arguments, made_store, wrapper)
    (work / "empty").chmod(0o755)
    assert (found.returncode, found.stdout) == (1, ""), found.stderr
    one_line(found.stderr, ("empty/new",))
    assert contents(work) == before


@pytest.mark.parametrize(
    ("rest", "code", "says"),
    [
        ("plate/layout.csv >/dev/full", 1, ("standard output", "no space left")),
        ("plate/layout.csv >&-", 0, ()),
        ("plate/layout.csv <&-", 0, ()),
        ("$'K\\xfc.csv'", 2, ("UTF-8", "K\\xfc.csv")),
    ],
    ids=["a full disk", "no output", "no input", "a name that is no text"],
)
def test_odd_streams_and_names(
    work: Path, made_store: Path, rest: str, code: int, says: tuple[str, ...]
) -> None:
    found = process(f"layout {rest}", made_store)
    assert found.returncode == code, found.stderr
    if code:
        one_line(found.stderr, says)
    assert found.stderr.count("\n") == bool(code)


def test_nobody_reads_the_output(work: Path, made_store: Path) -> None:
    unread = "layout plate/layout.csv | (exec <&-; sleep 3); exit ${PIPESTATUS[0]}"
    found = process(unread, made_store)
    assert (found.returncode, found.stderr) == (1, "")


def test_a_terminal_that_cannot_show_a_name(work: Path, made_store: Path) -> None:
    (work / "plate" / "layout.csv").rename(work / "µ日.csv")
    found = process("layout µ日.csv", made_store, PYTHONIOENCODING="ascii")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("\\xb5\\u65e5.csv: 3 wells\n")


def test_names_and_labels_do_not_command_the_terminal(work: Path, made_store: Path) -> None:
    (work / "a.csv").write_text(
        "well,stimulation\nA03,O\x1b[2JVA\nA04,Con\x9bA\n", encoding="utf-8"
    )
    found = process("layout a.csv", made_store)
    assert "O\\x1b[2JVA" in found.stdout
    assert "Con\\x9bA" in found.stdout
    found = process("check $'no\\x1b[2Jthing'", made_store)
    one_line(found.stderr, ("no\\x1b[2Jthing",))
    assert "\x1b" not in found.stdout + found.stderr


def test_letters_without_a_font_are_no_warnings(work: Path, made_store: Path) -> None:
    (work / "a.csv").write_text("well,stimulation\nA03,化合物\nA04,\U0001f9ec\n", encoding="utf-8")
    found = process("layout a.csv --figure a.png", made_store)
    assert (found.returncode, found.stderr) == (0, "")
    assert (work / "a.png").is_file()
