"""What a sheet leaves open is asked for by the address of its cells."""

import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from ck19ml.plates.layouts.spreadsheet.reading import read_spreadsheet
from tests.plates.layouts.spreadsheet.plates import (
    assert_dose_response,
    dose_response,
    error_of,
    save,
)


def test_two_grids_in_a_sheet_are_refused(tmp_path: Path) -> None:
    book = Workbook()
    dose_response().write(book.active)
    dose_response(top=25, header=23, label_row=33, others={}).write(book.active)
    book.save(tmp_path / "two.xlsx")
    assert "Sheet!C5:N12, Sheet!C25:N32; keep one" in error_of(tmp_path / "two.xlsx")


def test_a_second_plate_without_column_numbers_is_not_passed_over(tmp_path: Path) -> None:
    plate = dose_response()
    plate.others |= {f"B{20 + row}": letter for row, letter in enumerate("ABCDEFGH")}
    assert "B20:B27 belong to a second plate" in error_of(save(tmp_path, plate))


def test_formulas_without_a_stored_value_are_not_empty_wells(tmp_path: Path) -> None:
    path = save(tmp_path, dose_response(wells=lambda row, column: "=1+1" if row == "B" else 3))
    message = error_of(path)
    assert "a formula without a stored value in C6, " in message
    assert "and 7 more" in message


def test_labels_without_a_stored_value_do_not_leave_their_place_to_the_next(
    tmp_path: Path,
) -> None:
    plate = dose_response(merge=False, others={"I13": '="Con"&"A"'})
    plate.labels = [(1, 6, "Unstimulated")]
    assert "a formula without a stored value in I13" in error_of(save(tmp_path, plate))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("#N/A", "the error #N/A in C6"),
        (datetime.date(2019, 3, 1), "the date 2019-03-01 00:00:00 in C6"),
        (0.3, "the amount '0.3'"),
        ("10 uM", "the amount '10 uM'"),
        ("ConA", "what 'ConA' means in C6"),
        ("?", "what '?' means in C6"),
    ],
)
def test_wells_that_hold_no_compound_are_refused(tmp_path: Path, value: object, words: str) -> None:
    path = save(tmp_path, dose_response(wells=lambda row, column: value if row == "B" else 3))
    assert words in error_of(path)


def test_a_date_beside_the_plate_is_a_remark(tmp_path: Path) -> None:
    plate = dose_response()
    plate.others["C1"] = datetime.date(2019, 3, 1)
    assert_dose_response(read_spreadsheet(save(tmp_path, plate)).layout)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": [(1, 6, "Unstimulated")]}, ["columns 7-12", "write it into I13:N13"]),
        ({"labels": []}, ["columns 1-12", "write it into C13:N13"]),
        ({"labels": [(3, 4, "OVA"), (9, 10, "ConA")]}, ["columns 1-2, 5-8, 11-12", "C13:D13"]),
        ({"merge": False, "labels": [(3, 4, "OVA"), (9, 10, "ConA")]}, ["columns 1-2", "C13:D13"]),
        (
            {"merge": False, "labels": [(1, 6, "OVA")],
             "wells": lambda row, column: "-" if column == 7 else 5},
            ["columns 8-12"],
        ),
        (
            {"merge": False, "labels": [(1, 6, "OVA"), (8, 12, "ConA")],
             "colours": {"00FF0000": range(1, 7), "0000FF00": range(7, 13)}},
            ["column", "7", "I13"],
        ),
        ({"others": {"C2": "OVA", "H2": "ConA"}}, ["A01", "C2 'OVA'", "C13:H13"]),
        ({"others": {"C4": 10, "D4": 3}}, ["unit", "C4:D4", "B4"]),
        ({"others": {"B4": "conc", "C4": 10}}, ["unit", "C4", "B4"]),
        ({"others": {"B4": "Compound ug/mL", "C4": 10}}, ["convert"]),
        ({"others": {"B4": "uM", "C4": 10, "D4": 3}}, ["E4, F4", "empty", "C4:D4"]),
        (
            {"others": {"B4": "uM"} | {f"{c}4": n for n, c in enumerate("CDEFGHIJKLM")}},
            ["N4", "empty", "C4:M4"],
        ),
        ({"others": {"B4": "uM", "C4": "10-ish"}}, ["C4", "'10-ish'"]),
        ({"others": {"B4": "uM", "C4": "1,000"}}, ["C4", "'1,000'", "write 1000 or 1"]),
        ({"others": {"C4": "3 uM", "C2": "3 nM"}}, ["one line", "C2", "C4"]),
        ({"wells": lambda row, column: "Control"}, ["'Control'", "C5, D5", "no treatment"]),
        ({"wells": lambda row, column: "abcdefgh"[ord(row) - 65]}, ["'e'", "C9", "empty well"]),
        ({"wells": lambda row, column: "-"}, ["C5:N12", "is empty"]),
        ({"wells": lambda row, column: "7 (2 nM)"}, ["C5", "0.002 uM", "3 uM"]),
        ({"columns": 11}, ["row letters in Sheet!B5:B12", "column numbers"]),
    ],
)  # fmt: skip
def test_what_is_open_is_asked_for_by_address(
    tmp_path: Path, changes: dict[str, object], words: list[str]
) -> None:
    message = error_of(save(tmp_path, dose_response(**changes)))
    assert [word for word in words if word not in message] == [], message
