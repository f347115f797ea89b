"""The champion behind `mlflow models serve`, under load from another process.

    python benchmarks/serving.py            # a minute of load
    python benchmarks/serving.py --short    # five seconds

Registers a classifier (untrained: its answers take as long as a trained one's), serves it on
127.0.0.1 and lets `wrk` (apt-get install wrk) ask for scores of one raw field again and again.
Memory is the resident memory of the server's processes, seen once a second: `memory_growth` is
the largest of the second half of the load over that of the first half. Beside the median answer to
several clients stands what as many fields take in this process, one after the other.
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
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from limits import forward_operations, matmul
from numpy.typing import NDArray

CLASSES = ["Unstimulated", "OVA", "ConA"]
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
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
    from ck19ml import __version__, models
    from ck19ml.card import Card
    from ck19ml.scoring import Scorer
    from ck19ml.tracking import registry, runs
    from ck19ml.tracking.server import client

    encoder = models.build_encoder("compact", 192)
    head = models.build_classifier_head(
        models.feature_shape(encoder), classes=len(CLASSES), units=128, depth=1, dropout=0.0,
        normalise=False, pooled=False,
    )  # fmt: skip
    card = Card(
        kind="classifier", classes=CLASSES, patch_size=192, background=255, bit_depth=12,
        mask="otsu", masked=False, interaction_threshold=0.2, wells={}, seed=0, dataset={},
        software=f"ck19ml {__version__}",
    )  # fmt: skip
    with runs.start("serving", "classifier", {}) as run:
        scorer = Scorer(models.join(encoder, head), card)
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
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def watch_memory(server: psutil.Process, ended: threading.Event, seen: list[float]) -> None:
    """Note the resident memory of the server's processes in MB, once a second."""
    while not ended.wait(1.0):
        total = 0
        for process in (server, *server.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        seen.append(total / 1e6)


def load(port: int, body: Path, seconds: int, connections: int) -> dict[str, float]:
    """Ask again and again; returns what wrk counted."""
    script = body.with_suffix(".lua")
    script.write_text(SCRIPT.replace("BODY", str(body)))
    made = subprocess.run(
        ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "60s",
         "-s", str(script), f"http://127.0.0.1:{port}/invocations"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(json.loads(made.stdout.splitlines()[-1]))


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


def measure(side: int, seconds: int, connections: int) -> dict[str, Any]:
    """Serve, load and watch."""
    with tempfile.TemporaryDirectory(prefix="ck19ml-serving-") as made:
        place = Path(made)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{place}/mlflow.db"
        os.chdir(place)
        field = np.random.default_rng(1).integers(100, 4096, (1, side, side, 2))
        body = place / "body.json"
        body.write_text(json.dumps({"inputs": field.tolist()}))
        model = register()
        with served(model, place) as (port, server):
            load(port, body, 8, 1)  # the first answers wait for the model's graph
            seen: list[float] = []
            ended = threading.Event()
            watcher = threading.Thread(target=watch_memory, args=(server, ended, seen))
            watcher.start()
            counted = load(port, body, seconds, connections)
            ended.set()
            watcher.join()
            alive = answers(port)
        half = len(seen) // 2
        loop, limit = (1000 * connections * each for each in alone(model, field))
        rows = [
            {
                "subject": f"answer on a field of {side} px, {connections} clients, median",
                "unit": "ms",
                "ours": counted["p50_ms"],
                "peer": loop,
                "limit": limit,
            }
        ]
        return {
            "rows": rows, "side": side, "patches": (side // 192) ** 2, "connections": connections,
            "body_mb": body.stat().st_size / 1e6, **counted,
            "requests_a_second": counted["requests"] / counted["seconds"],
            "memory_mb": max(seen), "memory_growth": max(seen[half:]) / max(seen[:half]),
            "alive": alive, "load": os.getloadavg()[0],
        }  # fmt: skip


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=384, help="of a field, in pixels")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("expected wrk on the path; apt-get install wrk")
    seconds = 5 if options.short else options.seconds
    print(json.dumps(measure(options.side, seconds, options.connections)))


if __name__ == "__main__":
    main()
