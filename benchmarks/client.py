"""A client that posts one body again and again, where `wrk` is not installed.

    python benchmarks/client.py URL BODY KIND SECONDS CONNECTIONS

Prints what the script of `serving.py` lets wrk print. It is slower than wrk: what it takes itself
counts to the answers.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np


def post(url: str, body: bytes, kind: str, until: float) -> tuple[list[float], int, int]:
    """Post until the time is up; returns seconds of each answer, those lost and those not OK."""
    place = urlsplit(url)
    connection = HTTPConnection(place.netloc, timeout=60)
    took: list[float] = []
    lost = wrong = 0
    while time.perf_counter() < until:
        start = time.perf_counter()
        try:
            connection.request("POST", place.path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            answer.read()
        except (OSError, HTTPException):
            lost += 1
            connection.close()
            continue
        took.append(time.perf_counter() - start)
        wrong += answer.status != 200
    connection.close()
    return took, lost, wrong


def main() -> None:
    """Print one JSON object."""
    url, body, kind, seconds, connections = sys.argv[1:]
    content = Path(body).read_bytes()
    start = time.perf_counter()
    with ThreadPoolExecutor(int(connections)) as pool:
        made = [pool.submit(post, url, content, kind, start + float(seconds))
                for _ in range(int(connections))]  # fmt: skip
    ended = time.perf_counter() - start
    each, lost, wrong = zip(*(future.result() for future in made), strict=True)
    took = np.concatenate(each)
    if not took.size:
        raise SystemExit(f"expected answers from {url}, found none in {ended:.0f} s")
    p50, p90, p99, most = np.percentile(1000 * took, (50, 90, 99, 100))
    print(json.dumps({"requests": len(took), "seconds": ended, "p50_ms": p50, "p90_ms": p90,
                      "p99_ms": p99, "max_ms": most, "lost": sum(lost),
                      "not_ok": sum(wrong)}))  # fmt: skip


if __name__ == "__main__":
    main()
