"""All benchmarks, one after the other, as one table.

    python benchmarks/table.py             # short forms, some minutes: that all of it runs
    python benchmarks/table.py --full      # long forms, hours: what the docs quote
    python benchmarks/table.py --write docs/performance.md       # also put it into the docs

Each runs in a process of its own and ends with one line of JSON, whose ``rows`` say for a subject
what ours takes, what the study's procedure or the plain loop takes, and what no program can go
below: the time to read or write the same bytes, or to do the same arithmetic in a product of
matrices (`limits.py`). The ratio is the peer's figure over ours; the share is the limit's over
ours. Of scores, where more is better, both are the other way round. Figures of short forms tell
little of speed. What fails is left out, said at the end, and makes the exit code 1.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
FORMS: dict[str, tuple[list[str], list[str]]] = {
    "prepare_speed": (["--short"], []),
    "mask_speed": (["--short"], []),
    "mask_speed_unet": (["60"], []),
    "mask_choice": (["--wells", "3", "--kmeans"], ["--kmeans"]),
    "training_speed": (["--short"], []),
    "gpu_training": (["--short"], ["--batch", "64", "--patches", "512", "--steps", "8"]),
    "tuning_speed": (["--short"], []),
    "serving": (["--short"], []),
    "large": (["--short"], ["--wells", "30", "90"]),
    "simulator_fidelity": (["--wells", "60"], []),
    "interval_coverage": (["--short"], []),
    "instrument_masks": (["--wells", "3"], []),
    "gate_errors": (["--short"], []),
    "screening_calibration": (["--plates", "2"], ["--plates", "60"]),
    "single_cells": ([], []),
}
"""Arguments of the short form and of the long one, which a processor must get through too."""

TITLES = ("subject", "unit", "ours", "study or plain loop", "limit", "ratio", "share")

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
    try:
        rows = list(json.loads(made.stdout.splitlines()[-1])["rows"])
    except (IndexError, ValueError, TypeError, KeyError):  # what fails ends with something else
        rows = []
    if not rows or (made.returncode and name not in SCORES):
        raise SystemExit(f"{name} failed:\n{made.stderr[-2000:]}")
    return rows


def cells(row: dict[str, Any]) -> Iterator[str]:
    """Yield what stands in a row of the table."""
    ours, peer, limit = (row.get(key) for key in ("ours", "peer", "limit"))
    yield row["subject"]
    yield row["unit"]
    for value in (ours, peer, limit):
        yield "" if value is None else f"{value:.4g}"
    for other in (peer, limit):
        ratio = None if other is None else other / row["ours"]
        yield "" if ratio is None else f"{1 / ratio if row.get('higher') else ratio:.3g}"


def markdown(rows: Sequence[Sequence[str]], about: str) -> str:
    """Return the table with a sentence about its making, for the docs."""
    lines = [TITLES, ["---"] * len(TITLES), *rows]
    return about + "\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(path: Path, form: str, text: str) -> None:
    """Put a text between the two marks that a file has for this form.

    Raises
    ------
    ValueError
        If the file lacks them.
    """
    begin, end = f"<!-- begin {form} -->\n", f"<!-- end {form} -->\n"
    before, _, rest = path.read_text().partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{path} lacks the marks {begin.strip()} and {end.strip()}; add them")
    path.write_text(before + begin + text + end + after)


def main() -> int:
    """Print the table; 0 when all benchmarks ran."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="the long forms")
    parser.add_argument("--only", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--write", type=Path, help="Markdown whose table this replaces")
    options = parser.parse_args()
    failures, rows = [], []
    load, started = os.getloadavg()[0], time.monotonic()
    for name in options.only:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            rows += [list(cells(row)) for row in run(name, FORMS[name][options.full])]
        except SystemExit as error:
            failures.append(str(error))
    about = (
        f"{date.today():%d %B %Y}, {os.cpu_count()} cores, load {load:.1f} at the start, "
        f"{(time.monotonic() - started) / 60:.0f} minutes:"
    )
    table = Table(title=about)
    for title in TITLES:
        table.add_column(title, justify="left" if title in TITLES[:2] else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=130).print(table)
    if options.write and not failures:
        form = "make bench-full" if options.full else "make bench"
        write(options.write, form, markdown(rows, about))
    print(*failures, sep="\n\n", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
