"""All benchmarks, one after the other, as one table.

    python benchmarks/table.py             # short forms, some minutes: that all of it runs
    python benchmarks/table.py --full      # long forms, hours: what the docs quote

Each runs in a process of its own and ends with one line of JSON, whose ``rows`` say for a subject
what ours takes, what the study's procedure or the plain loop takes, and what no program can go
below: the time to read the same bytes, or to write them. The ratio is the peer's figure over ours;
the share is the limit's over ours. Figures of short forms tell little of speed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
SHORT: dict[str, list[str]] = {
    "prepare_speed": ["--short"],
    "mask_speed": ["--short"],
    "mask_speed_unet": ["60"],
    "mask_choice": ["--wells", "3"],
    "training_speed": ["--short"],
    "tuning_speed": ["--short"],
    "serving": ["--short"],
    "large": ["--short"],
    "simulator_fidelity": ["--wells", "60"],
}
"""Arguments of the short forms; the long ones have none. GPUs have `gpu_training.py`."""

SCORES = ("simulator_fidelity", "mask_speed")
"""Exit with 1 where a target is missed; their figures stand all the same."""


def run(name: str, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """Run a benchmark; returns its rows.

    Raises
    ------
    SystemExit
        If it fails, with its last lines.
    """
    environment = os.environ | {"PYTHONPATH": str(HERE.parent)}
    with tempfile.TemporaryDirectory(prefix="ck19ml-bench-") as place:
        made = subprocess.run(
            [sys.executable, str(HERE / f"{name}.py"), *arguments], cwd=place, env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if made.returncode and not (name in SCORES and made.returncode == 1 and made.stdout):
        raise SystemExit(f"{name} failed:\n{made.stderr[-2000:]}")
    return list(json.loads(made.stdout.splitlines()[-1])["rows"])


def cells(row: dict[str, Any]) -> Iterator[str]:
    """Yield what stands in a row of the table."""
    ours, peer, limit = (row.get(key) for key in ("ours", "peer", "limit"))
    yield row["subject"]
    yield row["unit"]
    for value in (ours, peer, limit):
        yield "" if value is None else f"{value:.4g}"
    yield "" if peer is None else f"{peer / row['ours']:.1f}"
    yield "" if limit is None else f"{limit / row['ours']:.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="the long forms")
    parser.add_argument("--only", nargs="+", choices=SHORT, default=list(SHORT))
    options = parser.parse_args()
    table = Table(title=f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    for title in ("subject", "unit", "ours", "study or plain loop", "limit", "ratio", "share"):
        table.add_column(title, justify="left" if title in ("subject", "unit") else "right")
    for name in options.only:
        print(f"{name} ...", file=sys.stderr, flush=True)
        for row in run(name, [] if options.full else SHORT[name]):
            table.add_row(*cells(row))
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
