"""Odd input that works: names of any alphabet, links, marks of byte order, plain images."""

import shutil
from pathlib import Path

import numpy as np

from tests.badinput.case import Fine
from tests.badinput.images import constant_plate
from tests.badinput.layouts import sheet
from tests.badinput.spoiling import DC_A02, both, write
from tests.plates.made_plates import SIDE, grey, write_image

PREPARE = "prepare plate new.zarr --patch-size 16"
EXPORTED = "new.ome.zarr"
EXPORT = f"export plate {EXPORTED}"
FIELDS = "3 fields of 3 wells"
ODD = "Plätte 19 – 日本 'ö' $(x) %s"
TABLE = "well,stimulation\nA01,OVA\nA02,ConA\nB01,OVA\n"


def moved(name: str, to: str) -> None:
    shutil.move(name, to)


def linked(work: Path) -> None:
    (work / "linked").symlink_to("plate")


def images_linked(work: Path) -> None:
    (work / "real").mkdir()
    for path in sorted((work / "plate").glob("*.tif")):
        path.rename(work / "real" / path.name)
        path.symlink_to(work / "real" / path.name)


def dataset_linked(work: Path) -> None:
    (work / "disk").mkdir()
    (work / "new.zarr").symlink_to("disk/real.zarr")


def read_only(work: Path) -> None:
    for path in (work / "plate").iterdir():
        path.chmod(0o444)
    (work / "plate").chmod(0o555)


def one_dark(work: Path) -> None:
    write_image(work / "plate" / DC_A02, np.zeros((SIDE, SIDE), np.uint16))


def shouting(work: Path) -> None:
    (work / "plate" / DC_A02).rename(work / "plate" / DC_A02.replace(".tif", ".tiff"))


def many_others(work: Path) -> None:
    for number in range(300):
        (work / "plate" / f"note {number} – ü.txt").write_text("x")
    (work / "plate" / "thumbs.tif").write_bytes(b"no image, and no name of one")


CASES = {
    "fine: a plate and a dataset with odd names": Fine(
        f'prepare "{ODD}" "{ODD}.zarr" --patch-size 16', (f"{ODD}.zarr",),
        ("12 patches of 3 wells",),
        lambda work: moved("plate", ODD),
    ),
    "fine: a plate behind a link": Fine(
        f"export linked {EXPORTED}", (EXPORTED,), (FIELDS,), linked
    ),
    "fine: images behind links": Fine(
        EXPORT, (EXPORTED,), (FIELDS,), images_linked
    ),
    "fine: a dataset behind a link": Fine(
        f"{PREPARE} --overwrite", ("disk",), ("3 wells",), dataset_linked
    ),
    "fine: a plate that is read-only": Fine(
        EXPORT, (EXPORTED,), (FIELDS,), read_only
    ),
    "fine: a plate among other files": Fine(
        EXPORT, (EXPORTED,), (FIELDS,), many_others
    ),
    "fine: .tif and .tiff": Fine(EXPORT, (EXPORTED,), (FIELDS,), shouting),
    "fine: an empty field": Fine(
        f"{PREPARE} --keep-empty", ("new.zarr",), ("33.3% faulty",), one_dark
    ),
    "fine: constant images": Fine(
        f"{PREPARE} --keep-empty", ("new.zarr",), ("100.0% faulty",), constant_plate
    ),
    "fine: a field that is compressed": Fine(
        EXPORT, (EXPORTED,), (FIELDS,),
        lambda work: write_image(work / "plate" / DC_A02, grey(0), compression="zlib"),
    ),
    "fine: a big-endian TIFF": Fine(
        EXPORT, (EXPORTED,), (FIELDS,),
        lambda work: write_image(work / "plate" / DC_A02, grey(0), byteorder=">"),
    ),
    "fine: a layout with a mark of its byte order": Fine(
        "layout layout.csv", (), ("3 wells",), write("layout.csv", "\ufeff" + TABLE)
    ),
    "fine: a layout with Windows' line ends": Fine(
        "layout layout.csv", (), ("3 wells",), write("layout.csv", TABLE.replace("\n", "\r\n"))
    ),
    "fine: a layout with semicolons": Fine(
        "layout layout.csv", (), ("3 wells",), write("layout.csv", TABLE.replace(",", ";"))
    ),
    "fine: a layout with another alphabet": Fine(
        "layout layout.csv --out new.csv", ("new.csv",), ("刺激",),
        write("layout.csv", TABLE.replace("OVA", "刺激 µ")),
    ),
    "fine: a layout with blank lines and spaces": Fine(
        "layout layout.csv", (), ("3 wells",), write("layout.csv", TABLE.replace("\n", "  \n\n"))
    ),
    "fine: a workbook with an odd name": Fine(
        f'layout "{ODD}.xlsx" --figure "{ODD}.svg"', (f"{ODD}.svg",), ("96 wells",),
        both(sheet(lambda page: None), lambda work: moved("layout.xlsx", f"{ODD}.xlsx")),
    ),
    "fine: a workbook with remarks far off": Fine(
        "layout layout.xlsx", (), ("96 wells",),
        sheet(lambda page: page.cell(900, 40, "a remark – 日本")),
    ),
    "fine: a plate.yaml with an anchor": Fine(
        EXPORT, (EXPORTED,), (FIELDS,),
        write("plate/plate.yaml", "name: &a CK19\nlayout_columns: {}\nlayout: layout.csv\n"),
    ),
    "fine: an empty plate.yaml": Fine(
        EXPORT, (EXPORTED,), (FIELDS,), write("plate/plate.yaml", "")
    ),
    "fine: what is prepared already": Fine(
        "prepare plate d.zarr --patch-size 16", (), ("nothing to do",)
    ),
    "fine: an export with an odd name": Fine(
        f'export plate "{ODD}.ome.zarr"', (f"{ODD}.ome.zarr",), ("3 fields",)
    ),
    "fine: a simulated plate with an odd name": Fine(
        f'simulate "{ODD}" --layout plate/layout.csv --size 192', (ODD,), ("3 wells",)
    ),
}  # fmt: skip

OF_MODELS = {
    "fine: a model with an odd name": Fine(
        f'predict "{ODD}" wells --out new.csv', ("new.csv",), ("18 wells",),
        lambda work: moved("models/classifier", ODD),
    ),
    "fine: a plate of faulty fields": Fine(
        "predict models/classifier dark --out new.csv", ("new.csv",), ("1 wells",),
        lambda work: dark_plate(work),
    ),
    "fine: features with an odd name": Fine(
        f'features models/autoencoder wells.zarr --out "{ODD}.parquet"', (f"{ODD}.parquet",),
        ("18 wells",),
    ),
}  # fmt: skip


def dark_plate(work: Path) -> None:
    (work / "dark").mkdir()
    for channel in ("FITC", "TexasRed"):
        name = f"X - A - 1(fld 1 wv {channel} - {channel}).tif"
        write_image(work / "dark" / name, np.zeros((192, 192), np.uint16))
