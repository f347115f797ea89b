from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook

from ck19ml.plates.layouts.reading import builtin_layout, read_layout
from ck19ml.plates.layouts.spreadsheet.reading import read_spreadsheet
from tests.places import REFERENCE
from tests.plates.layouts.spreadsheet.plates import (
    DOSE_RESPONSE_UM,
    Plate,
    assert_dose_response,
    ck19,
    dose_response,
    error_of,
    save,
    with_cells,
)

LAYOUTS = REFERENCE / "layouts"
needs_reference = pytest.mark.skipif(
    not LAYOUTS.is_dir(), reason=f"the reference layouts are not at {LAYOUTS}"
)
DOSES = [30, 10, 3, 1, 0.3, 0.1, 0.03, 0.01]


@needs_reference
@pytest.mark.parametrize("name", ["ck19", "ck21"])
def test_the_laboratory_s_own_sheets_are_the_builtin_layouts(name: str) -> None:
    path = LAYOUTS / f"{name.upper()} plate layout.xlsx"
    reading = read_spreadsheet(path)
    pd.testing.assert_frame_equal(reading.layout, builtin_layout(name))  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(reading.layout, read_layout(path))
    assert (reading.sheet, reading.grid_address) == ("Sheet1", "C5:Z20")


def test_a_sheet_like_ck19_and_what_was_concluded(tmp_path: Path) -> None:
    reading = read_spreadsheet(save(tmp_path, ck19()))
    pd.testing.assert_frame_equal(reading.layout, builtin_layout("ck19"))
    notes = "\n".join(reading.notes)
    assert "K21:M21 'OVA peptide' gives stimulation OVA to columns 9-11" in notes
    assert "Z21 'Unstim' gives stimulation Unstimulated to column 24" in notes
    assert "E4:W4 gives the concentration in uM" in notes
    assert "294 wells hold cells: 270 with a compound, 18 vehicle, 6 untreated" in notes
    assert "D27 'Control = no treatment'" in notes


def test_a_gap_among_equal_concentrations_is_filled_and_said(tmp_path: Path) -> None:
    plate = ck19()
    plate.others["O4"] = None
    reading = read_spreadsheet(save(tmp_path, plate))
    pd.testing.assert_frame_equal(reading.layout, builtin_layout("ck19"))
    assert "O4 empty: taken as 10 uM, as everywhere else in E4:W4" in reading.notes


def test_labels_without_merges_reach_to_the_next(tmp_path: Path) -> None:
    path = save(tmp_path, ck19(merge=False))
    pd.testing.assert_frame_equal(read_spreadsheet(path).layout, builtin_layout("ck19"))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="like CK21"),
        pytest.param({"merge": False}, id="no merges"),
        pytest.param({"label_row": 2}, id="labels over the numbers"),
        pytest.param({"letters": 15}, id="letters to the right"),
        pytest.param({"header": 14}, id="numbers under the wells"),
        pytest.param({"header": 14, "label_row": 15}, id="labels under the numbers"),
        pytest.param(
            {"top": 30, "left": 40, "letters": 39, "header": 28, "label_row": 39,
             "others": {"AJ29": "Drug, nM"} | {
                 f"A{chr(ord('N') + n)}29": dose for n, dose in
                 enumerate([3000, 1000, 300, 100, 30, 10] * 2)}},
            id="moved",
        ),
        pytest.param(
            {"others": {f"{c}2": f"{dose} µM" for c, dose in
                        zip("CDEFGHIJKLMN", ["3", "1", "0,3", "0.1", ".03", "1e-2"] * 2,
                            strict=True)}},
            id="units in the cells",
        ),
        pytest.param(
            {"others": {}, "wells": lambda row, column: "vehicle" if row == "H" else
             f"AZ{ord(row) - 64} ({DOSE_RESPONSE_UM[column - 1]} uM)"},
            id="concentrations in the wells",
        ),
    ],
)  # fmt: skip
def test_one_plate_written_in_many_ways(tmp_path: Path, changes: dict[str, object]) -> None:
    assert_dose_response(read_spreadsheet(save(tmp_path, dose_response(**changes))).layout)


def test_labels_and_doses_beside_the_rows(tmp_path: Path) -> None:
    plate = dose_response(labels=[], wells=lambda row, column: "x" if column == 1 else 7)
    plate.others = {"O4": "Stimulus", "O5": "ConA", "O9": "OVA", "P4": "uM"}
    plate.others |= {f"P{row}": dose for row, dose in zip(range(5, 13), DOSES, strict=True)}
    layout = read_spreadsheet(save(tmp_path, plate)).layout
    assert len(layout) == 88
    assert layout.groupby(layout["well"].str[0])["stimulation"].unique().str[0].tolist() == (
        ["ConA"] * 4 + ["OVA"] * 4
    )
    assert layout[layout["well"].str[1:] == "05"]["concentration_um"].tolist() == DOSES


def test_doses_of_the_stimulus_are_part_of_its_name(tmp_path: Path) -> None:
    plate = dose_response(labels=[], wells=lambda row, column: 7)
    plate.others = {"O5": "ConA", "O9": "OVA peptide", "A4": "ug/mL of stimulus"}
    plate.others |= {f"{c}4": dose for c, dose in zip("CDEFGHIJKLMN", [2.5, 1, 0] * 4, strict=True)}
    layout = read_spreadsheet(save(tmp_path, plate)).layout.set_index("well")
    assert layout.loc[["A01", "A02", "A03", "H01", "H03"], "stimulation"].tolist() == [
        "ConA 2.5 ug/mL", "ConA 1 ug/mL", "Unstimulated", "OVA 2.5 ug/mL", "Unstimulated",
    ]  # fmt: skip
    assert layout["concentration_um"].isna().all()


def test_the_sheet_that_has_the_plate_is_found(tmp_path: Path) -> None:
    remarks = Plate(rows=0, columns=0, others={"A1": "Protocol", "B2": "OVA", "C3": 1})
    path = save(tmp_path, remarks, dose_response(), remarks)
    assert read_spreadsheet(path).sheet == "Plate 2"


def test_a_sheet_is_chosen_by_name(tmp_path: Path) -> None:
    path = save(tmp_path, ck19(), dose_response())
    assert len(read_layout(path, sheet="Plate 2")) == 96
    message = error_of(path)
    assert "holds 2 plate grids: Sheet!C5:Z20, Plate 2!C5:N12" in message
    assert "name one of Sheet, Plate 2" in error_of(path, "Plate 3")


def test_formulas_count_with_their_stored_value(tmp_path: Path) -> None:
    path = save(tmp_path, dose_response())
    with_cells(path, lambda xml: xml.replace("<v>3000</v>", "<f>3*1000</f><v>3000</v>"))
    assert_dose_response(read_spreadsheet(path).layout)


@pytest.mark.parametrize(
    ("word", "legend", "control"),
    [
        ("x", "x = DMSO", "vehicle"),
        ("Control", "Control: untreated cells", "untreated"),
        ("Control", "e = empty; Control = vehicle", "vehicle"),
        ("0.1% DMSO", "", "vehicle"),
        ("no treatment", "", "untreated"),
    ],
)
def test_marks_mean_what_the_sheet_says(
    tmp_path: Path, word: str, legend: str, control: str
) -> None:
    plate = dose_response(wells=lambda row, column: word if row == "H" else 3)
    plate.others["C20"] = legend
    layout = read_spreadsheet(save(tmp_path, plate)).layout
    assert layout.loc[layout["well"].str[0] == "H", "control"].tolist() == [control] * 12


@pytest.mark.parametrize("mark", [None, " ", "-", "–", "x", "X", "e", "empty", "Empty"])
def test_empty_marks(tmp_path: Path, mark: str | None) -> None:
    plate = dose_response(wells=lambda row, column: mark if row == "C" else "AZ-1")
    layout = read_spreadsheet(save(tmp_path, plate)).layout
    assert set(layout["well"].str[0]) == set("ABDEFGH")


def test_a_declared_line_settles_which_labels_count(tmp_path: Path) -> None:
    plate = dose_response()
    plate.others |= {"C2": "OVA batch", "I2": "ConA batch"}
    assert "keep one of them" in error_of(save(tmp_path, plate))
    plate.others["A13"] = "Stimulation"
    assert_dose_response(read_spreadsheet(save(tmp_path, plate)).layout)


def test_titles_and_remarks_are_no_labels(tmp_path: Path) -> None:
    plate = dose_response()
    plate.others |= {
        "C1": "Plate of OVA and ConA",
        "C16": "ConA added at 10:00",
        "P7": "ConA lot 3",
    }
    reading = read_spreadsheet(save(tmp_path, plate))
    assert_dose_response(reading.layout)
    assert "P7 'ConA lot 3'" in reading.notes[-1]


def test_any_other_stimulation_keeps_its_name(tmp_path: Path) -> None:
    for second in ("il-2 10 ng/mL", "IL-2 (10 ng/mL)"):
        plate = dose_response(labels=[(1, 6, "IL-2 (1 ng/mL)"), (7, 12, second)])
        layout = read_spreadsheet(save(tmp_path, plate)).layout
        assert layout["stimulation"].unique().tolist() == ["IL-2 1 ng/mL", "IL-2 10 ng/mL"]


def test_a_table_in_a_workbook_is_read_like_csv(tmp_path: Path) -> None:
    book = Workbook()
    for row in (["plate 7"], ["Pos", "stimulation", "compound"], ["B2", "OVA", 4], ["A1", "ConA"]):
        book.active.append(row)
    path = tmp_path / "table.xlsx"
    book.save(path)
    layout = read_layout(path, {"well": "Pos"})
    assert layout["well"].tolist() == ["A01", "B02"]
    assert layout["compound"].tolist() == ["", "4"]
    assert "found nothing of either" in error_of(path)
