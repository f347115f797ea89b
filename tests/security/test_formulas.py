"""A spreadsheet program that opens one of our tables runs nothing; ck19ml reads them back."""

import csv
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.files.csv_text import as_meant, read_csv, to_csv
from ck19ml.files.writing import write_csv
from ck19ml.plates.layouts.reading import read_layout, write_layout
from ck19ml.plates.layouts.records import WellRecord, as_layout
from tests.command import ck19ml
from tests.places import ROOT

FORMULAS = [
    "=cmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "=HYPERLINK(\"http://example.org/?x=\"&A1,\"a, b\")",
]  # fmt: skip


def cells(text: str) -> list[str]:
    return [cell for row in csv.reader(StringIO(text)) for cell in row]


def is_inert(cell: str) -> bool:
    """What a spreadsheet program does not run: a number, or a text that begins otherwise."""
    try:
        float(cell)
    except ValueError:
        return cell[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")
    return True


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_is_text_and_a_number_a_number(formula: str) -> None:
    table = pd.DataFrame({"compound": [formula, "DMSO"], "effect": [-3.5, 2.0], formula: [1, 2]})
    found = cells(to_csv(table))
    assert all(map(is_inert, found)), found
    assert f"'{formula}" in found
    assert "-3.5" in found


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n")), min_size=1))
def test_every_text_is_inert_and_reads_back(texts: list[str]) -> None:
    table = pd.DataFrame({"compound": pd.Series(texts, dtype="str"), "n": range(len(texts))})
    written = to_csv(table)
    assert all(map(is_inert, cells(written)))
    assert [as_meant(row["compound"]) for row in csv.DictReader(StringIO(written))] == texts


def test_what_other_programs_wrote_keeps_its_apostrophes() -> None:
    assert as_meant("3'-deoxy") == "3'-deoxy"
    assert as_meant("'quoted'") == "'quoted'"


@pytest.mark.parametrize("compound", [*FORMULAS, "'=1", "''-x", "-3.5"])
def test_a_layout_reads_back_equal(tmp_path: Path, compound: str) -> None:
    layout = as_layout([WellRecord("A01", "OVA", compound, 1.0), WellRecord("A02", "OVA")])
    write_layout(layout, tmp_path / "layout.csv")
    assert all(map(is_inert, cells((tmp_path / "layout.csv").read_text())))
    pd.testing.assert_frame_equal(read_layout(tmp_path / "layout.csv"), layout)


def test_a_dash_is_no_compound(tmp_path: Path) -> None:
    (tmp_path / "layout.csv").write_text("well,stimulation,compound\nA01,OVA,-\n")
    assert read_layout(tmp_path / "layout.csv")["compound"].tolist() == [""]


def test_tables_of_commands_go_the_same_way(tmp_path: Path) -> None:
    table = pd.DataFrame({"well": ["A01"], "compound": [FORMULAS[0]], "overlap": [0.5]})
    write_csv(table, tmp_path / "scores.csv")
    assert all(map(is_inert, cells((tmp_path / "scores.csv").read_text())))
    pd.testing.assert_frame_equal(read_csv(tmp_path / "scores.csv", ["well", "compound"]), table)


def test_the_command_line_writes_layouts_so(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f'well,stimulation,compound\nA01,OVA,"{FORMULAS[0]}"\n')
    ended = ck19ml("layout", tmp_path / "in.csv", "--out", tmp_path / "out.csv")
    assert ended.code == 0
    assert f"'{FORMULAS[0]}" in cells((tmp_path / "out.csv").read_text())


def test_no_table_is_written_another_way() -> None:
    """`DataFrame.to_csv` is called where a text is hashed, and in the one function only."""
    package = ROOT / "ck19ml"
    callers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if ".to_csv(" in path.read_text(encoding="utf-8")
    }
    assert callers == {
        "files/csv_text.py",
        "plates/preparation/settings.py",
        "plates/preparation/tables.py",
    }
