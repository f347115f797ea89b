"""Every benchmark runs; how fast is nobody's business here."""

import math
import shutil
from pathlib import Path

import pytest

from benchmarks import table

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"
NO_ROWS = {"table", "gpu_training"}
"""The table itself, and what needs another backend and a GPU."""


def test_every_benchmark_stands_in_the_table() -> None:
    there = {path.stem for path in table.HERE.glob("*.py")} - {"__init__"}
    assert there - NO_ROWS == set(table.SHORT)


@pytest.mark.slow
@pytest.mark.parametrize("name", table.SHORT)
def test_a_benchmark_runs_in_its_short_form(name: str) -> None:
    if name == "serving" and shutil.which("wrk") is None:
        pytest.skip("wrk is not installed: apt-get install wrk")
    if name == "simulator_fidelity" and not REFERENCE.is_dir():
        pytest.skip(f"no reference data at {REFERENCE}")
    rows = table.run(name, table.SHORT[name])
    assert rows
    for row in rows:
        assert all(math.isfinite(row[key]) for key in ("ours", "peer", "limit") if key in row)
        assert len(list(table.cells(row))) == 7
