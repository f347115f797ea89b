"""The champion behind `mlflow models serve`, under load from another process.

    python benchmarks/serving.py            # a minute of load
    python benchmarks/serving.py --short    # four seconds each, smaller fields
    python benchmarks/serving.py --side 2048 --connections 1 --forms table

Registers a classifier (untrained: its answers take as long as a trained one's), serves it on
127.0.0.1 and lets `wrk` (apt-get install wrk; without it `client.py`) ask for scores of one raw
field again and again: as a table of two NPY files, in Parquet and in base64, and as an array.
Memory is the resident memory of the server's processes, seen once a second: `memory_growth` is the
largest of the second half of the load over that of the first half. Beside the median answer to
several clients stands what as many fields take in this process, one after the other. Then come the
requests of `malformed.py`, and good ones after them; exits with 1 where one is not answered by 4xx,
or the server does not answer well afterwards, or never did under load.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from limits import forward_operations, matmul
from malformed import Request, ask, fields, left_to_mlflow, malformed, npy, parquet, table
from numpy.typing import NDArray

SIZE = 192
"""Side of a patch, in pixels."""
CLASSES = ["Unstimulated", "OVA", "ConA"]
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "KIND"
wrk.body = io.open("BODY"):read("*a")
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n{"requests": %d, "seconds": %f, "p50_ms": %f, "p90_ms": %f, "p99_ms": %f, "max_ms": %f, ' ..
    '"lost": %d, "not_ok": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(90) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    e.connect + e.read + e.write + e.timeout, e.status))
end
"""


def register() -> str:
    """Register a classifier of three classes as champion; returns its URI."""
    from ck19ml import __version__
    from ck19ml.networks import architectures
    from ck19ml.networks.card import Card
    from ck19ml.networks.scorer import Scorer
    from ck19ml.tracking import registry, runs
    from ck19ml.tracking.server import client

    encoder = architectures.build_encoder("compact", SIZE)
    head = architectures.build_classifier_head(
        architectures.feature_shape(encoder), classes=len(CLASSES), units=128, depth=1, dropout=0.0,
        normalise=False, pooled=False,
    )  # fmt: skip
    card = Card(
        kind="classifier", classes=CLASSES, patch_size=SIZE, background=255, bit_depth=12,
        mask="otsu", masked=False, interaction_threshold=0.2, wells={}, seed=0, dataset={},
        software=f"ck19ml {__version__}",
    )  # fmt: skip
    with runs.start("serving", "classifier", {}) as run:
        scorer = Scorer(architectures.join(encoder, head), card)
        version = registry.log_model(run, scorer, "ck19-classifier", {}, "for a benchmark")
    client().set_registered_model_alias("ck19-classifier", "champion", version.number)
    return "models:/ck19-classifier@champion"


@contextmanager
def served(model: str, place: Path) -> Iterator[tuple[int, psutil.Process]]:
    """Serve a model on a port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [str(Path(sys.executable).with_name("mlflow")), "models", "serve", "-m", model,
               "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port),
               "--workers", "1"]  # fmt: skip
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (place / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | {"PATH": path}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        until = time.monotonic() + 240
        while not answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit((place / "server.log").read_text()[-2000:])
            time.sleep(0.5)
        yield port, psutil.Process(process.pid)
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=60)


def answers(port: int) -> bool:
    """Tell whether the server is there."""
    try:
        return ask(port, Request(method="GET", path="/ping"))[0] == 200
    except (OSError, HTTPException):
        return False


def memory(server: psutil.Process) -> float:
    """Return the resident memory of the server's processes in MB."""
    total = 0
    for process in (server, *server.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


def watch_memory(server: psutil.Process, ended: threading.Event, seen: list[float]) -> None:
    """Note the server's memory once a second."""
    while not ended.wait(1.0):
        seen.append(memory(server))


def load(port: int, body: Path, kind: str, seconds: int, connections: int) -> dict[str, float]:
    """Ask again and again from another process; returns what it counted."""
    url = f"http://127.0.0.1:{port}/invocations"
    script = body.with_suffix(".lua")
    script.write_text(SCRIPT.replace("BODY", str(body)).replace("KIND", kind))
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "60s",
               "-s", str(script), url]  # fmt: skip
    if shutil.which("wrk") is None:
        client = str(Path(__file__).with_name("client.py"))
        command = [sys.executable, client, url, str(body), kind, str(seconds), str(connections)]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    counted = dict(json.loads(made.stdout.splitlines()[-1]))
    if not counted["requests"]:
        raise SystemExit(f"expected answers within {seconds} s, found none; take more --seconds")
    return counted


def try_malformed(port: int, good: Request) -> dict[str, Any]:
    """Send what no client should, and a good request after them; returns the statuses."""
    statuses = {name: ask(port, request)[0] for name, request in malformed(SIZE).items()}
    others = {name: ask(port, request)[0] for name, request in left_to_mlflow(SIZE).items()}
    wrong = {name: status for name, status in statuses.items() if not 400 <= status < 500}
    return {"malformed": len(statuses), "not_4xx": wrong, "left_to_mlflow": others,
            "good_afterwards": ask(port, good)[0] == 200}  # fmt: skip


def alone(model: str, field: NDArray[np.integer]) -> tuple[float, float]:
    """Seconds to score a field without a server, and to do its arithmetic alone."""
    from ck19ml.tracking import registry

    scorer = registry.load_model(model)
    scorer.predict(field)
    took = []
    for _ in range(5):
        start = time.perf_counter()
        scorer.predict(field)
        took.append(time.perf_counter() - start)
    size = scorer.card.patch_size
    operations = len(scorer.cut(field[0].astype(np.uint16))) * forward_operations(
        scorer.network, size
    )
    return float(np.median(took)), operations / matmul().wall


def under_load(
    port: int, server: psutil.Process, good: Request, seconds: int, connections: int
) -> dict[str, Any]:
    """Load the server with one request, and watch its memory."""
    body = Path(f"{len(good.body)}.body")
    body.write_bytes(good.body)
    ask(port, good)  # the first answer waits for the model's graph
    before = memory(server)
    seen: list[float] = []
    ended = threading.Event()
    watcher = threading.Thread(target=watch_memory, args=(server, ended, seen))
    watcher.start()
    counted = load(port, body, good.kind, seconds, connections)
    ended.set()
    watcher.join()
    half = len(seen) // 2
    return {
        "body_mb": len(good.body) / 1e6, **counted,
        "fields_a_second": counted["requests"] / counted["seconds"],
        "memory_before_mb": before, "memory_mb": max(seen), "memory_after_mb": memory(server),
        "memory_growth": max(seen[half:]) / max(seen[:half]),
        "good_afterwards": ask(port, good)[0] == 200,
    }  # fmt: skip


def measure(side: int, seconds: int, connections: int, forms: list[str]) -> dict[str, Any]:
    """Serve, load by each form, watch, and send malformed requests."""
    with tempfile.TemporaryDirectory(prefix="ck19ml-serving-") as made:
        place = Path(made)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{place}/mlflow.db"
        os.chdir(place)
        field = np.random.default_rng(1).integers(100, 4096, (1, side, side, 2)).astype(np.uint16)
        requests = {
            "parquet": parquet(npy(field[0, ..., 0]), npy(field[0, ..., 1])),
            "table": table(npy(field[0, ..., 0]), npy(field[0, ..., 1])),
            "array": fields(field.tolist()),
        }
        model = register()
        with served(model, place) as (port, server):
            # The table first: memory that lists have taken is not given back.
            each = {form: under_load(port, server, request, seconds, connections)
                    for form, request in requests.items() if form in forms}  # fmt: skip
            answered = try_malformed(port, requests["table"])
        loop, limit = (1000 * connections * took for took in alone(model, field))
        rows = [
            {"subject": f"answer on a field of {side} px as {form}, {connections} clients, median",
             "unit": "ms", "ours": found["p50_ms"], "peer": loop, "limit": limit}
            for form, found in each.items() if found["requests"] > found["not_ok"]
        ]  # fmt: skip
        return {
            # The time of answers that were refusals says nothing.
            "rows": rows, "client": "wrk" if shutil.which("wrk") else "client.py", "side": side,
            "patches": (side // SIZE) ** 2, "connections": connections, "forms": each,
            **answered, "load": os.getloadavg()[0],
        }  # fmt: skip


def main() -> int:
    """Print one JSON object; 0 where all requests were answered as they should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2 * SIZE, help="of a field, in pixels")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--forms", nargs="+", default=["parquet", "table", "array"])
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        print("note: wrk is not on the path; client.py asks instead", file=sys.stderr)
    side, seconds = (SIZE, 4) if options.short else (options.side, options.seconds)
    measured = measure(side, seconds, options.connections, options.forms)
    print(json.dumps(measured))
    well = len(measured["rows"]) == len(options.forms) and not measured["not_4xx"]
    well = well and measured["good_afterwards"]
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
