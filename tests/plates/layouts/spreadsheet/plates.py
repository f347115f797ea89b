"""Plates written into workbooks, for tests."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook
from openpyxl.styles import PatternFill
from openpyxl.worksheet.worksheet import Worksheet

from ck19ml.core.wells import ROW_NAMES
from ck19ml.errors import PlateError
from ck19ml.plates.layouts.reading import builtin_layout
from ck19ml.plates.layouts.spreadsheet.reading import read_spreadsheet

CK19_LABELS = [
    (3, 8, "Unstimulated"), (9, 11, "OVA peptide"), (13, 15, "OVA"), (16, 21, "ConA"),
    (22, 22, "ConA"), (23, 23, "pOVA"), (24, 24, "Unstim"),
]  # fmt: skip


@dataclass
class Plate:
    """A plate as somebody might write it into a sheet; positions are those of well A1."""

    top: int = 5
    left: int = 3
    rows: int = 16
    columns: int = 24
    header: int = 3
    letters: int = 2
    label_row: int = 21
    merge: bool = True
    labels: list[tuple[int, int, str]] = field(default_factory=list)
    wells: Callable[[str, int], object] = lambda row, column: None
    others: dict[str, object] = field(default_factory=dict)
    colours: dict[str, range] = field(default_factory=dict)

    def write(self, sheet: Worksheet) -> None:
        for row in range(self.rows):
            sheet.cell(self.top + row, self.letters, ROW_NAMES[row])
        for column in range(1, self.columns + 1):
            place = self.left + column - 1
            sheet.cell(self.header, place, column)
            for row in range(self.rows):
                cell = sheet.cell(self.top + row, place, self.wells(ROW_NAMES[row], column))
                for colour, columns in self.colours.items():
                    if column in columns:
                        cell.fill = PatternFill("solid", fgColor=colour)
        for first, last, text in self.labels:
            ends = [self.left + number - 1 for number in (first, last)]
            sheet.cell(self.label_row, ends[0], text)
            if self.merge and first < last:
                sheet.merge_cells(None, self.label_row, ends[0], self.label_row, ends[1])
        for address, value in self.others.items():
            sheet[address] = value


def save(tmp_path: Path, *plates: Plate) -> Path:
    book = Workbook()
    for number, plate in enumerate(plates):
        plate.write(book.active if number == 0 else book.create_sheet(f"Plate {number + 1}"))
    path = tmp_path / "layout.xlsx"
    book.save(path)
    return path


def error_of(path: Path, sheet: str | None = None) -> str:
    with pytest.raises(PlateError) as caught:
        read_spreadsheet(path, sheet)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


def ck19_well(row: str, column: int) -> object:
    layout = builtin_layout("ck19").set_index("well")
    well = f"{row}{column:02d}"
    if well not in layout.index:
        return "e"
    control = layout.loc[well, "control"]
    return {"": int(layout.loc[well, "compound"] or 0), "vehicle": "DMSO"}.get(control, "Control")


CK19_WELLS = {(row, n): ck19_well(row, n) for row in ROW_NAMES[:16] for n in range(1, 25)}
CK19_OTHERS = {"A4": "Compound Conc. uM", "E4": 10, "D27": "Control = no treatment"}


def ck19(**changes: object) -> Plate:
    settings: dict[str, object] = {
        "labels": CK19_LABELS,
        "wells": lambda row, column: CK19_WELLS[row, column],
        "others": CK19_OTHERS | {f"{c}4": 10 for c in "FGHIJKLMNOPQRSTUVW"},
    }
    return Plate(**(settings | changes))  # type: ignore[arg-type]


def dose_response(**changes: object) -> Plate:
    """Two stimulations beside each other on a 96-well plate, six doses each, DMSO in row H."""
    settings: dict[str, object] = {
        "rows": 8, "columns": 12, "label_row": 13,
        "labels": [(1, 6, "Unstimulated"), (7, 12, "Stimulated with ConA (5 ug/mL)")],
        "wells": lambda row, column: "DMSO" if row == "H" else f"AZ{ord(row) - 64}",
        "others": {"B4": "conc (nM)"} | dict(
            zip([f"{c}4" for c in "CDEFGHIJKLMN"], [3000, 1000, 300, 100, 30, 10] * 2, strict=True)
        ),
    }  # fmt: skip
    return Plate(**(settings | changes))  # type: ignore[arg-type]


DOSE_RESPONSE_UM = [3.0, 1.0, 0.3, 0.1, 0.03, 0.01] * 2


def assert_dose_response(layout: pd.DataFrame) -> None:
    assert len(layout) == 96
    left = layout["well"].str[1:].astype(int) <= 6
    assert layout.loc[left, "stimulation"].unique().tolist() == ["Unstimulated"]
    assert layout.loc[~left, "stimulation"].unique().tolist() == ["ConA"]
    row = layout[layout["well"].str[0] == "B"]
    assert row["compound"].unique().tolist() == ["AZ2"]
    assert row["concentration_um"].tolist() == DOSE_RESPONSE_UM
    dmso = layout[layout["well"].str[0] == "H"]
    assert dmso["control"].unique().tolist() == ["vehicle"]
    assert dmso["concentration_um"].isna().all()


def with_cells(path: Path, replace: Callable[[str], str]) -> Path:
    """Rewrite the first sheet's XML, as a spreadsheet program would have stored it."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = replace(parts[sheet].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path
