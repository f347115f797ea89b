"""A registered classifier answers over HTTP, as `mlflow models serve` starts it."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import tifffile
from numpy.typing import NDArray

from benchmarks.malformed import Request, ask, left_to_mlflow, malformed, npy, parquet, table
from benchmarks.malformed import fields as request_for
from ck19ml.networks.scorer import Scorer
from ck19ml.tracking import registry, runs
from tests.networks.test_scorer import CLASSES, SIZE, scorer_of
from tests.places import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return scorer_of("classifier", masked=True)


@pytest.fixture(scope="module")
def model(store: Path, scorer: Scorer) -> str:
    """URI of the registered classifier."""
    with runs.start("classifier", "classifier", {}) as run:
        return registry.log_model(run, scorer, "ck19-classifier", {}, "for a test").uri


def fields(height: int = 70, width: int = 100) -> NDArray[np.uint16]:
    values = np.random.default_rng(4).integers(100, 4096, (2, height, width, 2))
    return values.astype(np.uint16)


def test_the_model_says_what_it_takes_and_gives(model: str, scorer: Scorer) -> None:
    loaded = mlflow.pyfunc.load_model(model)
    assert set(loaded.metadata.metadata) == {"array", "table", "channels"}
    given = [column.name for column in loaded.metadata.get_output_schema().inputs]
    assert given == ["patches", "faulty_share", "stimulation",
                     *(f"probability_{name}" for name in CLASSES)]  # fmt: skip
    assert loaded.predict(fields()).equals(scorer.predict(fields()))
    dc, tcell = ([npy(image) for image in fields()[..., channel]] for channel in (0, 1))
    assert loaded.predict(pd.DataFrame({"dc": dc, "tcell": tcell})).equals(scorer.predict(fields()))


def test_nothing_in_the_model_is_pickled(model: str, tmp_path: Path) -> None:
    place = Path(mlflow.artifacts.download_artifacts(model, dst_path=str(tmp_path)))
    names = {path.suffix for path in place.rglob("*") if path.is_file()}
    assert not names & {".pkl", ".pickle", ".cloudpickle", ".joblib"}
    stored = json.loads(next(place.glob("**/scorer/card.json")).read_text())
    assert stored["classes"] == CLASSES
    assert (stored["mask"], stored["masked"], stored["background"]) == ("otsu", True, 255)
    assert stored["interaction_threshold"] == 0.2


IMPORTED = """
import ast, sys
from pathlib import Path
import ck19ml.networks.scorer
found = set()
for name, module in list(sys.modules.items()):
    if name.split(".")[0] == "ck19ml" and module.__file__:
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").split(".")[0])
print(*sorted(found - set(sys.stdlib_module_names) - {"ck19ml"}))
"""


def test_the_model_pins_what_scoring_imports() -> None:
    made = subprocess.run([sys.executable, "-c", IMPORTED], cwd=ROOT, capture_output=True,
                          text=True, check=True)  # fmt: skip
    imported = made.stdout.split()
    assert "keras" in imported
    by_module = packages_distributions()
    pinned = {name.lower() for name in registry.REQUIREMENTS}
    for module in imported:
        assert {name.lower() for name in by_module[module]} & pinned, module


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(model: str, store: Path) -> Iterator[int]:
    port = free_port()
    command = [Path(sys.executable).with_name("mlflow"), "models", "serve", "-m", model,
               "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port),
               "--workers", "1"]  # fmt: skip
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    log = store / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=store, env=environment, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    try:
        _wait_for(port, process, log)
        yield port
    finally:
        os.killpg(process.pid, 15)  # the server is a child of the command
        process.wait(timeout=60)


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            assert ask(port, Request(method="GET", path="/ping"))[0] == 200
        except OSError:
            time.sleep(0.5)
        else:
            return
    pytest.fail(f"no answer from port {port}: {log.read_text()}")


def post(port: int, values: Any) -> tuple[int, str]:
    return ask(port, request_for(values))


def test_fields_are_scored_over_http(server: int, scorer: Scorer) -> None:
    status, text = post(server, fields().tolist())
    assert status == 200, text
    expected = scorer.predict(fields())
    for given, (_, wanted) in zip(
        json.loads(text)["predictions"], expected.iterrows(), strict=True
    ):
        assert given["stimulation"] == wanted["stimulation"]
        assert given["patches"] == 6
        for name in CLASSES:
            probability = given[f"probability_{name}"]
            assert probability == pytest.approx(wanted[f"probability_{name}"], rel=1e-4)


def test_patches_are_scored_each_by_itself(server: int, scorer: Scorer) -> None:
    patches = scorer.cut(fields()[0])
    assert patches.raw.shape == (6, SIZE, SIZE, 2)
    status, text = post(server, patches.raw.tolist())
    assert status == 200, text
    given = json.loads(text)["predictions"]
    expected = scorer.predict_patches(patches)
    assert len(given) == 6
    for row, wanted in zip(given, expected, strict=True):
        made = [row[f"probability_{name}"] for name in CLASSES]
        np.testing.assert_allclose(made, wanted, rtol=1e-3)


@pytest.mark.parametrize("form", [table, parquet])
def test_tables_of_images_are_scored_as_arrays_are(server: int, form: Any) -> None:
    as_array = post(server, fields()[:1].tolist())
    images = [npy(fields()[0, ..., channel]) for channel in (0, 1)]
    assert ask(server, form(*images)) == as_array
    assert as_array[0] == 200


def test_the_example_of_the_model_is_a_request(server: int, model: str, tmp_path: Path) -> None:
    place = Path(mlflow.artifacts.download_artifacts(model, dst_path=str(tmp_path)))
    status, text = ask(server, Request((place / "serving_input_example.json").read_bytes()))
    assert status == 200, text
    assert [row["patches"] for row in json.loads(text)["predictions"]] == [1]


def test_the_client_of_the_docs_is_answered(server: int, scorer: Scorer, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "serving.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    for name, image in zip(("dc.tif", "tcell.tif"), np.moveaxis(fields()[0], -1, 0), strict=True):
        tifffile.imwrite(tmp_path / name, image, compression="zlib")
    code = code.replace("127.0.0.1:5001", f"127.0.0.1:{server}")
    made = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True,
                          text=True, check=True)  # fmt: skip
    wanted = scorer.predict(fields()[:1]).iloc[0]
    assert made.stdout.split() == [wanted["stimulation"]]
    (tmp_path / "dc.tif").write_bytes(b"no image")
    refused = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True,
                             text=True, check=False)  # fmt: skip
    assert refused.returncode == 1
    assert "row 1, column dc must be a TIFF, PNG or NPY file" in refused.stderr


@pytest.mark.parametrize("name", malformed(SIZE))
def test_a_malformed_request_is_the_caller_s_fault(server: int, name: str) -> None:
    status, text = ask(server, malformed(SIZE)[name])
    assert 400 <= status < 500, (status, text[:500])


def test_the_server_answers_well_after_all_of_them(server: int) -> None:
    before = post(server, fields().tolist())
    assert before[0] == 200
    for request in (malformed(SIZE) | left_to_mlflow(SIZE)).values():
        ask(server, request)
    assert post(server, fields().tolist()) == before


def test_what_is_wrong_with_the_values_stands_in_the_answer(server: int) -> None:
    _, text = ask(server, malformed(SIZE)["13 bits"])
    assert "grey values must lie between 0 and 4095, found 4096 to 4096; pass raw camera" in text
