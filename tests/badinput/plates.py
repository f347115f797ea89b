"""Plate folders: names, images and their plate.yaml."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.badinput.case import Case
from tests.badinput.spoiling import (
    DC_A02,
    FITC_A02,
    Spoil,
    write,
)
from tests.plates.made_plates import write_well

PREPARE = "prepare plate new.zarr --patch-size 16"


def renamed(name: str, to: str | bytes) -> Spoil:
    return lambda work: (work / "plate" / name).rename(work / "plate" / os.fsdecode(to))


def second_plate(change: Callable[[Path], object]) -> Spoil:
    def spoil(work: Path) -> None:
        write_well(work / "other", "A", 1, plate="CK21")
        shutil.copy(work / "plate" / "layout.csv", work / "other")
        change(work)

    return spoil


NAMES = {
    "the plate folder is missing": Case("prepare nosuch new.zarr", ("nosuch", "check the path")),
    "the plate folder is empty": Case("prepare empty new.zarr", ("empty: found no images",)),
    "the plate is a file": Case("prepare c.yaml new.zarr", ("c.yaml is not a plate folder",)),
    "the plate is a dataset": Case("prepare d.zarr new.zarr", ("d.zarr: found no images",)),
    "a channel's file is missing": Case(
        PREPARE, ("plate has no dc file for A02 (1 of 3 wells)",),
        spoil=lambda work: (work / "plate" / DC_A02).unlink(),
    ),
    "a channel's file is there twice": Case(
        PREPARE, (DC_A02, "CK19 - A - 02(fld 1 wv TexasRed - TexasRed).tif"),
        spoil=lambda work: shutil.copy(
            work / "plate" / DC_A02, work / "plate" / DC_A02.replace("A - 2", "A - 02")
        ),
    ),
    "a well that no plate has": Case(
        PREPARE, ("A - 49(fld 1 wv TexasRed - TexasRed).tif", "1 to 48"),
        spoil=renamed(DC_A02, DC_A02.replace("A - 2", "A - 49")),
    ),
    "column 0": Case(
        PREPARE, ("A - 0(fld", "1 to 48"), spoil=renamed(DC_A02, DC_A02.replace("A - 2", "A - 0"))
    ),
    "a name that is not UTF-8": Case(
        PREPARE, ("A - 2(fld 1 wv FITC - FITC).tif", "UTF-8"),
        spoil=renamed(FITC_A02, b"K\xfc - A - 2(fld 1 wv FITC - FITC).tif"),
    ),
    "predict: no plate": Case("predict m empty --out new.csv", ("empty: found no images",)),
    "export: no plate": Case("export nosuch new.zarr", ("nosuch",)),
    "export: a channel's file is missing": Case(
        "export plate new.zarr", ("A02",), spoil=lambda work: (work / "plate" / DC_A02).unlink()
    ),
    "export: two plates in a folder": Case(
        "export plate new.zarr", ("CK19, CK21",),
        spoil=lambda work: write_well(work / "plate", "A", 1, plate="CK21"),
    ),
    "two plates of one name": Case(
        "prepare plate other new.zarr --patch-size 16", ("'CK19'", "other"),
        spoil=lambda work: shutil.copytree(work / "plate", work / "other"),
    ),
    "plates of two cameras": Case(
        "prepare plate other new.zarr --patch-size 16", ("12 bits", "16 bits"),
        spoil=second_plate(write("other/plate.yaml", "bit_depth: 16")),
    ),
    "one layout for two plates": Case(
        "prepare plate other new.zarr --layout plate/layout.csv", ("--layout", "2 plates"), 2,
        second_plate(lambda work: None),
    ),
    "a plate without a dataset": Case("prepare plate", ("'plate'", "dataset"), 2),
}  # fmt: skip

DESCRIBED = {
    "is damaged": ("files: [", ("YAML",)),
    "is a list": ("- files", ("plate.yaml",)),
    "is one word": ("INCell", ("plate.yaml",)),
    "has an unknown key": ("bitdepth: 12", ("'bitdepth'", "bit_depth")),
    "has a key twice": ("bit_depth: 12\nbit_depth: 16", ("bit_depth", "repeated")),
    "has a pattern that is none": ("files: '(?P<row>'", ("files", "regular expression")),
    "has a pattern without a row": ("files: '(?P<column>\\d)'", ("files", "row")),
    "has a pattern without a channel": (
        "files: '(?P<row>\\w)(?P<column>\\d)'", ("channels", "indices", "add"),
    ),
    "has one channel": ("channels: {dc: a}", ("channels", "tcell")),
    "has one channel twice": ("channels: {dc: a, tcell: a}", ("channels", "twice")),
    "has 99 bits": ("bit_depth: 99", ("bit_depth", "99")),
    "has no bits": ("bit_depth: .nan", ("bit_depth", "nan")),
    "has a background above the camera's": ("background: 5000", ("background", "4095")),
    "has a negative pixel size": ("pixel_size_um: -1", ("pixel_size_um",)),
    "has an infinite pixel size": ("pixel_size_um: .inf", ("pixel_size_um",)),
    "has an unknown column": ("layout_columns: {wel: Well}", ("layout_columns", "wel")),
    "has a column that the layout lacks": (
        "layout_columns: {well: place}", ("place", "layout.csv"),
    ),
    "names a layout that is missing": ("layout: nosuch.csv", ("nosuch.csv",)),
    "has a word for the column's number": (
        "files: '(?P<row>\\w+) - (?P<column>\\w) - .*wv (?P<channel>\\w+).*'", ("plate",),
    ),
}  # fmt: skip

CASES = {f"plates: {name}": case for name, case in NAMES.items()} | {
    f"plates: plate.yaml {name}": Case(
        PREPARE,
        says,
        code=2 if "unknown column" in name else 1,
        spoil=write("plate/plate.yaml", text),
    )
    for name, (text, says) in DESCRIBED.items()
}
