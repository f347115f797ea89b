"""Whatever a sheet holds, it gives a layout or an error that names the file."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from ck19ml.core.wells import parse_well
from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.layouts.reading import read_layout, write_layout
from tests.fuzz.layout import fuzz
from tests.plates.layouts.spreadsheet.plates import dose_response

words = st.sampled_from(
    ["A", "H", "A1", "OVA", "Unstimulated", "ConA 5 ug/mL", "DMSO", "conc (nM)", "10 uM", "=A1"]
)
values = (
    words
    | st.integers(-5, 400)
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
)
places = st.tuples(st.integers(1, 22), st.integers(1, 18))


def read(content: bytes | Workbook, name: str) -> None:
    """Hold the reading of a file to what is promised of any."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content.save(path)
        message, layout = "", None
        try:
            layout = read_layout(path)
        except (PlateError, ConfigError) as error:
            message = str(error)
        if layout is None:
            assert name in message
            assert "\n" not in message
            return
        assert [parse_well(well) for well in layout["well"]] == sorted(set(layout["well"]))
        assert (layout["stimulation"] != "").all()
        write_layout(layout, path.with_name("again.csv"))
        pd.testing.assert_frame_equal(read_layout(path.with_name("again.csv")), layout)


@given(st.text(max_size=200))
@example("well,stimulation\nA1,OVA\n")
@example(",,,\n;;;")
def test_any_text_is_a_table_or_an_error(text: str) -> None:
    read(text.encode("utf-8", "surrogatepass"), "layout.csv")


@given(st.binary(max_size=200), st.sampled_from(["layout.csv", "layout.xlsx", "layout.toml"]))
def test_any_bytes_are_a_layout_or_an_error(content: bytes, name: str) -> None:
    read(content, name)


cells = st.sampled_from(
    ["A1", "B2", "P24", "Q1", "OVA", "", "0,3", "1,000", "nan", "1e999", '"', "x"]
)


@given(st.lists(st.lists(cells, min_size=1, max_size=5), min_size=1, max_size=5),
       st.sampled_from([",", ";", "\t"]))  # fmt: skip
def test_any_rows_are_a_layout_or_an_error(rows: list[list[str]], separator: str) -> None:
    header = ["well", "stimulation", "compound", "concentration_um", "control"]
    lines = [separator.join(row) for row in [header, *rows]]
    read("\n".join(lines).encode(), "layout.csv")


@settings(max_examples=40)
@given(st.dictionaries(places, values, max_size=30))
def test_any_sheet_is_a_layout_or_an_error(content: dict[tuple[int, int], object]) -> None:
    book = Workbook()
    for (row, column), value in content.items():
        book.active.cell(row, column).value = value
    read(book, "layout.xlsx")


@settings(max_examples=40)
@given(st.dictionaries(places, values | st.none(), max_size=8),
       st.lists(st.tuples(places, st.integers(0, 4), st.integers(0, 8)), max_size=3))  # fmt: skip
def test_a_plate_that_somebody_changed_is_a_layout_or_an_error(
    changes: dict[tuple[int, int], object], merges: list[tuple[tuple[int, int], int, int]]
) -> None:
    book = Workbook()
    dose_response().write(book.active)
    for (row, column), value in changes.items():
        cell = book.active.cell(row, column)
        if type(cell).__name__ == "Cell":
            cell.value = value
    for (row, column), down, right in merges:
        book.active.merge_cells(None, row, column, row + down, column + right)
    read(book, "layout.xlsx")


@pytest.mark.slow
def test_mutated_sheets_are_a_layout_or_one_line() -> None:
    found = fuzz(seconds=5, seed=0)
    assert found.executions > 20
    assert set(found.outcomes) <= {"read", "refused"}
