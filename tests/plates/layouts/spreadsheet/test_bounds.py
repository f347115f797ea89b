"""Workbooks that are damaged, or made to take memory and time, end in one line at once."""

import io
import zipfile
from pathlib import Path

import psutil
import pytest
from openpyxl import Workbook

from ck19ml.errors import PlateError
from ck19ml.plates.layouts.spreadsheet.bounds import check_workbook
from ck19ml.plates.layouts.spreadsheet.sheet import load_sheets
from tests.plates.layouts.spreadsheet.plates import dose_response, error_of, save, with_cells

NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def workbook(tmp_path: Path, content: str, before: str = "") -> Path:
    """Write a workbook whose only sheet has the given XML."""
    path = tmp_path / "layout.xlsx"
    Workbook().save(path)
    return with_cells(
        path, lambda _: f'{before}<worksheet xmlns="{NAMESPACE}">{content}</worksheet>'
    )


def rows(number: int, cells: str = "<c><v>1</v></c>") -> str:
    return f"<sheetData>{f'<row>{cells}</row>' * number}</sheetData>"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(rows(100_000), "row 1,001", id="100,000 rows"),
        pytest.param('<sheetData><row r="100000"/></sheetData>', "row 100,000", id="a far row"),
        pytest.param('<sheetData><row r="x"/></sheetData>', "row 1,001", id="no row number"),
        pytest.param(rows(1, "<c/>" * 1_001), "column 1,001", id="1,001 columns"),
        pytest.param(rows(1, '<c r="XFD1"/>'), "column 16,384", id="a far column"),
        pytest.param(rows(600, "<c/>" * 900), "500,000 entries", id="many cells"),
        pytest.param(
            '<sheetData/><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>',
            "17,179,869,184 cells",
            id="a merge of the whole sheet",
        ),
        pytest.param(
            '<sheetData/><hyperlinks><hyperlink ref="A1:XFD1048576"/></hyperlinks>',
            "17,179,869,184 cells",
            id="a link on the whole sheet",
        ),
    ],
)
def test_a_sheet_out_of_bounds_is_refused(tmp_path: Path, content: str, words: str) -> None:
    message = error_of(workbook(tmp_path, content))
    assert words in message
    assert "1,000 x 1,000 cells" in message


def test_an_archive_that_unpacks_to_more_than_64_mib_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "layout.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (65 * 2**20))
    assert path.stat().st_size < 2**20
    assert "64 MiB): 65 MiB" in error_of(path)


def test_entities_are_refused(tmp_path: Path) -> None:
    doctype = '<!DOCTYPE w [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    assert "DOCTYPE" in error_of(workbook(tmp_path, "<sheetData/>", doctype))


@pytest.mark.parametrize("content", [b"", b"well,stimulation", b"\xd0\xcf\x11\xe0" * 200])
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "layout.xlsx"
    path.write_bytes(content)
    assert "save it anew as .xlsx" in error_of(path)


def test_a_cut_or_altered_file_is_refused(tmp_path: Path) -> None:
    content = save(tmp_path, dose_response()).read_bytes()
    for damaged in (content[: len(content) // 2], content[:600] + bytes(100) + content[700:]):
        (tmp_path / "damaged.xlsx").write_bytes(damaged)
        assert "save it anew as .xlsx" in error_of(tmp_path / "damaged.xlsx")


def test_an_archive_without_a_workbook_is_refused(tmp_path: Path) -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("a.txt", "x")
    (tmp_path / "layout.xlsx").write_bytes(memory.getvalue())
    assert "Content_Types" in error_of(tmp_path / "layout.xlsx")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "No such file" in error_of(tmp_path / "layout.xlsx")


@pytest.mark.parametrize(
    ("cell", "lacks"),
    [
        ("<c><f>1+1</f></c>", True),
        ("<c><f>1+1</f><v/></c>", True),
        ("<c><f>1+1</f><v>2</v></c>", False),
        ('<c t="str"><f>T(A2)</f><v></v></c>', False),
        ("<c><v>2</v></c>", False),
    ],
)
def test_formulas_without_a_stored_value_are_seen(tmp_path: Path, cell: str, lacks: bool) -> None:
    assert check_workbook(workbook(tmp_path, rows(1, cell))) is lacks


def test_a_workbook_that_is_refused_is_not_kept_open(tmp_path: Path) -> None:
    path = workbook(tmp_path, "")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name in parts.keys() - {"[Content_Types].xml"}:
            archive.writestr(name, parts[name])
    with pytest.raises(PlateError, match="Content_Types") as refused:
        load_sheets(path)
    # The error still holds the frames, and with them all that they opened.
    assert refused.value.__cause__ is not None
    assert str(path) not in [file.path for file in psutil.Process().open_files()]
