"""Every benchmark runs; how fast is nobody's business here."""

import math
from pathlib import Path

import pytest

from benchmarks import table
from tests.places import REFERENCE

NO_ROWS = {"table", "limits", "client", "malformed", "simulated_fields", "overlap_rivals"}
NO_ROWS |= {"encoders", "scale", "ui_pictures"}
"""The table itself, what benchmarks share, and scripts that draw or need a dataset or servers."""
NO_LIMIT = {"tuning_speed"}
"""Its trials differ in what they train: no count of operations stands for all."""


def test_every_benchmark_stands_in_the_table() -> None:
    there = {path.stem for path in table.HERE.glob("*.py")} - {"__init__"}
    assert there - NO_ROWS == set(table.FORMS)


@pytest.mark.slow
@pytest.mark.parametrize("name", table.FORMS)
def test_a_benchmark_runs_in_its_short_form(name: str) -> None:
    if name in ("simulator_fidelity", "single_cells") and not REFERENCE.is_dir():
        pytest.skip(f"no reference data at {REFERENCE}")
    rows = table.run(name, table.FORMS[name][0])
    assert rows
    assert all("limit" in row for row in rows) or name in NO_LIMIT
    for row in rows:
        figures = [row[key] for key in ("ours", "peer", "limit") if key in row]
        assert all(0 < figure < math.inf for figure in figures)
        assert len(list(table.cells(row))) == 7


def test_ratio_and_share_say_how_far_ours_is_ahead_and_how_near_the_limit() -> None:
    seconds = {"subject": "a", "unit": "s", "ours": 2.0, "peer": 10.0, "limit": 0.5}
    score = {"subject": "b", "unit": "IoU", "ours": 0.8, "peer": 0.4, "limit": 1.0, "higher": True}
    assert list(table.cells(seconds))[-2:] == ["5", "0.25"]
    assert list(table.cells(score))[-2:] == ["2", "0.8"]
    assert list(table.cells({"subject": "c", "unit": "s", "ours": 2.0}))[-4:] == [""] * 4


def test_what_fails_is_said_at_the_end_and_the_rest_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(name: str, arguments: list[str]) -> list[dict[str, object]]:
        if name == "large":
            raise SystemExit("large failed: no disk")
        return [{"subject": f"of {name}", "unit": "s", "ours": 1.0}]

    monkeypatch.setattr(table, "run", run)
    monkeypatch.setattr("sys.argv", ["table.py", "--only", "large", "serving"])
    assert table.main() == 1
    printed = capsys.readouterr()
    assert "of serving" in printed.out
    assert "large failed: no disk" in printed.err


def test_the_table_replaces_the_one_in_the_docs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin make bench -->\nold\n<!-- end make bench -->\nafter\n")
    monkeypatch.setattr(
        table, "run", lambda *_: [{"subject": "of large", "unit": "s", "ours": 2.0}]
    )
    monkeypatch.setattr("sys.argv", ["table.py", "--only", "large", "--write", str(page)])
    assert table.main() == 0
    before, head, *made, after = page.read_text().splitlines()
    assert (before, head, after) == ("before", "<!-- begin make bench -->", "after")
    assert "| of large | s | 2 |  |  |  |  |" in made
    assert "old" not in made
    monkeypatch.setattr("sys.argv", ["table.py", "--only", "large", "--full", "--write", str(page)])
    with pytest.raises(ValueError, match="lacks the marks <!-- begin make bench-full -->"):
        table.main()
