"""Layouts: tables, workbooks and wellmap files."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from tests.badinput.case import Case
from tests.badinput.spoiling import Spoil, both, cut_short, flip, mode, pipe, write
from tests.plates.layouts.spreadsheet.plates import Plate, dose_response, save, with_cells

PREPARE = "prepare plate new.zarr --patch-size 16"
WHOLE = '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
HEADER = "well,stimulation,compound,concentration_um,control\n"


def csv(text: str | bytes) -> Spoil:
    return write("plate/layout.csv", text)


def sheet(change: Callable[[Worksheet], object], **settings: object) -> Spoil:
    """Write layout.xlsx with a plate of doses, changed."""

    def spoil(work: Path) -> None:
        book = Workbook()
        dose_response(**settings).write(book.active)
        change(book.active)
        book.save(work / "layout.xlsx")

    return spoil


def plates(*each: Plate) -> Spoil:
    return lambda work: save(work, *each)


def spoilt(change: Callable[[Path], object]) -> Spoil:
    """Write layout.xlsx, then damage the file."""

    def spoil(work: Path) -> None:
        change(save(work, dose_response()))

    return spoil


def cells(change: Callable[[str], str]) -> Spoil:
    return spoilt(lambda path: with_cells(path, change))


def declared(xml: str) -> str:
    """Leave out what the sheet itself declares."""
    return xml.partition("?>")[2] if xml.startswith("<?xml") else xml


def bomb(size: int) -> Spoil:
    def spoil(work: Path) -> None:
        with zipfile.ZipFile(work / "layout.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/worksheets/sheet1.xml", b" " * size)

    return spoil


def many_parts(work: Path) -> None:
    with zipfile.ZipFile(work / "layout.xlsx", "w") as archive:
        for number in range(3_000):
            archive.writestr(f"xl/{number}.xml", "<a/>")


def empty_book(work: Path) -> None:
    Workbook().save(work / "layout.xlsx")


def merged_nonsense(page: Worksheet) -> None:
    """Labels merged across each other and the wells."""
    for area in ("C13:N13", "B4:E9", "F5:N12"):
        page.merge_cells(area)


def formulas(page: Worksheet) -> None:
    for row in range(5, 13):
        for column in range(3, 15):
            page.cell(row, column).value = f"=A{row}&{column}"


def link_to_zero(work: Path) -> None:
    (work / "endless.csv").symlink_to("/dev/zero")


TABLES = {
    "is missing": Case(
        PREPARE, ("layout.csv", "--layout"),
        spoil=lambda work: (work / "plate" / "layout.csv").unlink(),
    ),
    "is empty": Case(PREPARE, ("layout.csv", "empty"), spoil=csv("")),
    "has a header only": Case(PREPARE, ("layout.csv", "no wells"), spoil=csv(HEADER)),
    "has blank lines only": Case(PREPARE, ("layout.csv", "empty"), spoil=csv("\n\n \n")),
    "has commas only": Case(PREPARE, ("layout.csv",), spoil=csv(",,,\n,,,\n")),
    "lacks a well": Case(
        PREPARE, ("plate: the layout lacks B01",),
        spoil=csv(HEADER + "A01,OVA,,,\nA02,OVA,,,\n"),
    ),
    "lacks a column": Case(PREPARE, ("stimulation", "layout.csv"), spoil=csv("well\nA01\n")),
    "names a column twice": Case(
        PREPARE, ("well", "twice"), spoil=csv("well,well,stimulation\nA1,A1,OVA\n")
    ),
    "names a well twice": Case(
        PREPARE, ("layout.csv", "A01"), spoil=csv("well,stimulation\nA01,OVA\nA1,ConA\n")
    ),
    "has a well that no plate has": Case(
        PREPARE, ("layout.csv", "'Q77'", "line 2"), spoil=csv("well,stimulation\nQ77,OVA\n")
    ),
    "has a number in a script of its own": Case(
        PREPARE, ("layout.csv", "line 2"), spoil=csv("well,stimulation\nA²,OVA\n")
    ),
    "has no stimulation": Case(
        PREPARE, ("layout.csv", "line 2"), spoil=csv("well,stimulation\nA01,\n")
    ),
    "has a word for a concentration": Case(
        PREPARE, ("'much'", "line 2"), spoil=csv(HEADER + "A01,OVA,x,much,\n")
    ),
    "has an infinite concentration": Case(
        PREPARE, ("'inf'", "line 2"), spoil=csv(HEADER + "A01,OVA,x,inf,\n")
    ),
    "has a negative concentration": Case(
        PREPARE, ("'-3'", "line 2"), spoil=csv(HEADER + "A01,OVA,x,-3,\n")
    ),
    "has a comma that may group thousands": Case(
        PREPARE, ("'1,000'", "line 2"), spoil=csv(HEADER + 'A01,OVA,x,"1,000",\n')
    ),
    "has an unknown control": Case(
        PREPARE, ("'maybe'", "line 2"), spoil=csv(HEADER + "A01,OVA,,,maybe\n")
    ),
    "has a row that is too long": Case(
        PREPARE, ("layout.csv", "line 2"), spoil=csv(HEADER + "A01,OVA,,,,,x\n")
    ),
    "has a quote that never ends": Case(
        PREPARE, ("layout.csv", "line"), spoil=csv(HEADER + 'A01,"OVA,,,\n')
    ),
    "has a field of 200 kB": Case(
        PREPARE, ("layout.csv", "line 2"), spoil=csv(HEADER + f"A01,{'x' * 200_000},,,\n")
    ),
    "has a null byte": Case(PREPARE, ("layout.csv",), spoil=csv("well,stimulation\nA\0,OVA\n")),
    "is in Latin-1": Case(
        PREPARE, ("layout.csv", "UTF-8"),
        spoil=csv("well,stimulation\nA01,gelöst\n".encode("latin-1")),
    ),
    "is in UTF-16": Case(
        PREPARE, ("layout.csv", "UTF-8"), spoil=csv("well,stimulation\nA01,OVA\n".encode("utf-16"))
    ),
    "is a picture": Case(
        PREPARE, ("layout.csv", "UTF-8"), spoil=csv(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    ),
    "is a workbook under another name": Case(
        PREPARE, ("layout.csv",),
        spoil=both(spoilt(lambda path: shutil.move(path, path.parent / "plate" / "layout.csv"))),
    ),
    "has 100,000 rows": Case(
        PREPARE,
        ("layout.csv", "wells more than once: A01"),
        spoil=csv(HEADER + "A01,OVA,x,1,\n" * 100_000)
    ),
    "has 10 MB": Case(
        PREPARE, ("layout.csv", "8 MiB"), spoil=csv(HEADER + "A01,OVA,,,\n" * 1_000_000)
    ),
    "is a folder of a good name": Case(
        "layout x.csv", ("x.csv",), spoil=lambda work: (work / "x.csv").mkdir()
    ),
    "is a pipe": Case("layout pipe.csv", ("pipe.csv",), spoil=pipe("pipe.csv")),
    "is endless": Case("layout endless.csv", ("endless.csv",), spoil=link_to_zero),
    "may not be read": Case(
        "layout plate/layout.csv", ("layout.csv", "Permission denied"),
        spoil=mode("plate/layout.csv", 0), as_user=True,
    ),
    "is of an unknown kind": Case("layout c.yaml", ("c.yaml", ".csv, .xlsx or .toml")),
    "is not there": Case("layout nosuch.csv", ("nosuch.csv", "check the path")),
    "is a file below a file": Case("layout c.yaml/layout.csv", ("c.yaml/layout.csv",)),
    "has a name that is too long": Case(f"layout {'x' * 300}.csv", ("too long",)),
    "of the option is not there": Case(f"{PREPARE} --layout nosuch.csv", ("nosuch.csv",)),
    "of the option has a name that is too long": Case(
        f"{PREPARE} --layout {'x' * 300}.csv", ("too long",)
    ),
}  # fmt: skip

BOOK = "layout layout.xlsx"
BOOKS = {
    "is empty": Case(BOOK, ("layout.xlsx", "save it anew"), spoil=write("layout.xlsx", b"")),
    "is text": Case(BOOK, ("layout.xlsx", "save it anew"), spoil=write("layout.xlsx", HEADER)),
    "is an old .xls": Case(
        BOOK, ("layout.xlsx", "save it anew"), spoil=write("layout.xlsx", b"\xd0\xcf\x11\xe0" * 99)
    ),
    "is cut short": Case(
        BOOK, ("layout.xlsx",), spoil=spoilt(lambda path: cut_short(path, 2_000))
    ),
    "has a flipped byte": Case(BOOK, ("layout.xlsx",), spoil=spoilt(lambda path: flip(path, 0.1))),
    "is an archive of other things": Case(BOOK, ("layout.xlsx", "save it anew"), spoil=bomb(9)),
    "unpacks to 65 MiB": Case(BOOK, ("layout.xlsx", "65 MiB"), spoil=bomb(65 * 2**20)),
    "has 3,000 parts": Case(BOOK, ("layout.xlsx", "3,000 parts"), spoil=many_parts),
    "has entities that explode": Case(
        BOOK, ("layout.xlsx", "DOCTYPE"),
        spoil=cells(lambda xml: '<!DOCTYPE w [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + xml),
    ),
    "has an encoding that is none": Case(
        BOOK, ("layout.xlsx", "save it anew"),
        spoil=cells(lambda xml: '<?xml version="1.0" encoding="magic"?>' + declared(xml)),
    ),
    "has an encoding of several bytes": Case(
        BOOK, ("layout.xlsx", "save it anew"),
        spoil=cells(lambda xml: '<?xml version="1.0" encoding="cp932"?>' + declared(xml)),
    ),
    "has 100,000 rows": Case(
        BOOK, ("layout.xlsx", "row 1,001"),
        spoil=cells(lambda xml: xml.replace("</sheetData>", "<row/>" * 100_000 + "</sheetData>")),
    ),
    "has a row far below": Case(
        BOOK, ("layout.xlsx", "row 1,048,576"), spoil=sheet(lambda page: page.cell(1_048_576, 1, 1))
    ),
    "is merged as a whole": Case(
        BOOK, ("layout.xlsx", "17,179,869,196 cells"),
        spoil=cells(lambda xml: xml.replace("</worksheet>", WHOLE + "</worksheet>")),
    ),
    "is merged across its wells": Case(BOOK, ("layout.xlsx",), spoil=sheet(merged_nonsense)),
    "has formulas without values": Case(
        BOOK, ("layout.xlsx", "C5", "formula"), spoil=sheet(formulas)
    ),
    "has an error in a cell": Case(
        BOOK, ("layout.xlsx", "D6", "#REF!"), spoil=sheet(lambda page: page.cell(6, 4, "#REF!"))
    ),
    "has no sheet that shows": Case(
        BOOK, ("layout.xlsx",),
        spoil=spoilt(lambda path: with_cells(path, lambda xml: "<worksheet/>")),
    ),
    "is blank": Case(BOOK, ("layout.xlsx",), spoil=empty_book),
    "has no labels": Case(BOOK, ("layout.xlsx",), spoil=plates(dose_response(labels=[]))),
    "has labels for half the plate": Case(
        BOOK, ("layout.xlsx",), spoil=plates(dose_response(labels=[(1, 6, "OVA")]))
    ),
    "has two plates": Case(
        BOOK, ("layout.xlsx", "2 plate grids"), spoil=plates(dose_response(), dose_response())
    ),
    "is in place of the plate's own": Case(
        f"{PREPARE} --layout layout.xlsx", ("layout.xlsx", "save it anew"),
        spoil=write("layout.xlsx", b"PK\x03\x04"),
    ),
    "simulate: is cut short": Case(
        "simulate new --layout layout.xlsx --size 192", ("layout.xlsx",),
        spoil=spoilt(cut_short),
    ),
}  # fmt: skip

WELLMAP = {
    "is no TOML": ("[[", ("layout.toml",)),
    "is empty": ("", ("layout.toml",)),
    "lacks what a layout needs": ("[block.2x2.A1]\nx = 1\n", ("layout.toml", "stimulation")),
    "is a list": ("row = 3", ("layout.toml",)),
}

CASES = (
    {f"layouts: the table {name}": case for name, case in TABLES.items()}
    | {f"layouts: the workbook {name}": case for name, case in BOOKS.items()}
    | {
        f"layouts: the wellmap {name}": Case(
            "layout layout.toml", says, spoil=write("layout.toml", text)
        )
        for name, (text, says) in WELLMAP.items()
    }
)  # fmt: skip
