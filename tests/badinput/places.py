"""Where commands write: what stands there already, and where nothing can."""

import shutil
from pathlib import Path

from tests.badinput.case import Case
from tests.badinput.spoiling import mode, nothing, write

MODEL = "models/classifier"
PREPARE = "prepare plate {} --patch-size 16"
SIMULATE = "simulate {} --layout plate/layout.csv --size 192"
EXPORT = "export plate {}"
LAYOUT = "layout plate/layout.csv"
PREDICT = f"predict {MODEL} plate --out {{}}"
FEATURES = f"features {MODEL} d.zarr --out {{}}"
REPORT = "report 0 --out {}"
SCREEN = f"screen {MODEL} d.zarr --out {{}}"

MAKING = {
    "prepare": (PREPARE, "new.zarr"),
    "simulate": (SIMULATE, "new"),
    "export": (EXPORT, "new.ome.zarr"),
    "layout": (f"{LAYOUT} --out {{}}", "new.csv"),
    "layout's figure": (f"{LAYOUT} --figure {{}}", "new.png"),
    "predict": (PREDICT, "new.csv"),
    "features": (FEATURES, "new.parquet"),
    "report": (REPORT, "new.html"),
    "screen": (SCREEN, "new"),
    "new": ("new {}", "project"),
}
"""Commands that write, and a name that each would take."""


def zarr_of_others(work: Path) -> None:
    """A Zarr group that another program wrote."""
    text = '{"zarr_format": 3, "node_type": "group", "attributes": {}}'
    write("other.zarr/zarr.json", text)(work)
    write("other.zarr/measured/zarr.json", text)(work)


def plate_inside(work: Path) -> None:
    shutil.copytree(work / "plate", work / "d.zarr" / "plate")


BELOW_A_FILE = {
    f"places: {command} below a file": Case(form.format(f"c.yaml/{name}"), ("c.yaml",))
    for command, (form, name) in MAKING.items()
}
WITHOUT_PERMISSION = {
    f"places: {command} where nothing may be written": Case(
        form.format(f"empty/{name}"), ("empty",), spoil=mode("empty", 0o555), as_user=True
    )
    for command, (form, name) in MAKING.items()
    if command not in ("predict", "features", "report", "screen")  # found out when they write
}
WITHOUT_A_LOOK = {
    f"places: {command} where nothing may be looked at": Case(
        form.format(f"empty/{name}"), ("empty", "Permission denied"),
        spoil=mode("empty", 0), as_user=True,
    )
    for command, (form, name) in MAKING.items()
}  # fmt: skip
TOO_LONG = {
    f"places: {command} to a name that is too long": Case(
        form.format("x" * 300 + Path(name).suffix), ("too long",)
    )
    for command, (form, name) in MAKING.items()
}
WITHOUT_A_NAME = {
    f"places: {command} to {target}": Case(MAKING[command][0].format(target), (target, "name"), 2)
    for command in ("new", "prepare", "simulate", "export")
    for target in (".", "..", "/", "nosuch/..")
}
A_FOLDER = {
    f"places: {command} over a folder": Case(
        f"{MAKING[command][0].format(f'plate{ending}')} --overwrite", (f"plate{ending}", "folder"),
        spoil=nothing if not ending else lambda work, e=ending: (work / f"plate{e}").mkdir(),
    )
    for command, ending in (
        ("layout", ""), ("layout's figure", ".png"), ("predict", ""), ("features", ".parquet"),
        ("report", ""),
    )
}  # fmt: skip

OTHERS = {
    "prepare over the plate": Case(
        PREPARE.format("plate"), ("plate", "not a ck19ml dataset"), 2
    ),
    "prepare over the plate, overwriting": Case(
        f"{PREPARE.format('plate')} --overwrite", ("plate", "would replace"), 2
    ),
    "prepare over a file": Case(
        PREPARE.format("c.yaml"), ("c.yaml", "not a ck19ml dataset"), 2
    ),
    "prepare over what holds the plate": Case(
        "prepare d.zarr/plate d.zarr --patch-size 16 --overwrite", ("d.zarr", "plate"), 2,
        plate_inside,
    ),
    "prepare over another program's Zarr": Case(
        f"{PREPARE.format('other.zarr')} --overwrite", ("other.zarr",), 2, zarr_of_others
    ),
    "export over a dataset": Case(
        f"{EXPORT.format('d.zarr')} --overwrite", ("d.zarr", "OME-Zarr")
    ),
    "export over another program's Zarr": Case(
        f"{EXPORT.format('other.zarr')} --overwrite", ("other.zarr", "OME-Zarr"),
        spoil=zarr_of_others,
    ),
    "export over the plate": Case(
        f"{EXPORT.format('plate')} --overwrite", ("plate", "another name"), 2
    ),
    "export where something stands": Case(EXPORT.format("c.yaml"), ("c.yaml", "--overwrite")),
    "simulate where something stands": Case(SIMULATE.format("plate"), ("plate", "--overwrite")),
    "simulate over a plate that is real": Case(
        f"{SIMULATE.format('plate')} --overwrite", ("plate", "simulation.json")
    ),
    "simulate over a file": Case(f"{SIMULATE.format('c.yaml')} --overwrite", ("c.yaml",)),
    "layout where something stands": Case(
        f"{LAYOUT} --out scores.csv", ("scores.csv", "--overwrite")
    ),
    "layout over itself": Case(
        f"{LAYOUT} --out plate/layout.csv --overwrite", ("plate/layout.csv", "another"), 2
    ),
    "layout and its figure to one name": Case(
        f"{LAYOUT} --out new.png --figure new.png", ("new.png", "another")
    ),
    "layout's figure of an unknown kind": Case(
        f"{LAYOUT} --figure new.docx", ("new.docx", ".png"), 2
    ),
    "layout's figure of no kind": Case(f"{LAYOUT} --figure new", ("new", ".png"), 2),
    "layout's figure of an unknown kind beside a table": Case(
        f"{LAYOUT} --out new.csv --figure new.docx", ("new.docx", ".png"), 2
    ),
    "layout into a folder that is missing": Case(f"{LAYOUT} --out nosuch/new.csv", ("nosuch",)),
    "predict where something stands": Case(
        PREDICT.format("scores.csv"), ("scores.csv", "--overwrite")
    ),
    "predict into a folder that is missing": Case(PREDICT.format("nosuch/new.csv"), ("nosuch",)),
    "predict wells and patches to one name": Case(
        f"{PREDICT.format('new.csv')} --patches ./new.csv", ("new.csv", "another")
    ),
    "predict patches where something stands": Case(
        f"{PREDICT.format('new.csv')} --patches scores.csv", ("scores.csv", "--overwrite")
    ),
    "features where something stands": Case(
        FEATURES.format("old.parquet"), ("old.parquet", "--overwrite"),
        spoil=write("old.parquet", b"earlier work"),
    ),
    "report where something stands": Case(
        REPORT.format("scores.csv"), ("scores.csv", "--overwrite")
    ),
    "report into a folder that is missing": Case(REPORT.format("nosuch/new.html"), ("nosuch",)),
    "screen into a file": Case(SCREEN.format("scores.csv"), ("scores.csv", "folder")),
    "screen into a folder that is full": Case(SCREEN.format("plate"), ("plate", "--overwrite")),
    "evaluate's figures into a file": Case(
        f"evaluate {MODEL} d.zarr --figures scores.csv", ("scores.csv", "folder")
    ),
    "evaluate's figures into a folder that is full": Case(
        f"evaluate {MODEL} d.zarr --figures plate", ("plate", "--overwrite")
    ),
    "tune a plate and a dataset of one name": Case(
        "tune -c t.yaml -s dataset=plate", ("plate",), 2
    ),
    "tune a plate that is not there": Case("tune -c t.yaml -s plate=nosuch", ("nosuch",)),
    "masking a plate that is not there": Case(
        "masking -c x.yaml", ("nosuch",),
        spoil=write("x.yaml", "plate: nosuch\ndataset: new.zarr\n"),
    ),
    "tune with a journal that is a folder": Case("tune -c t.yaml --storage plate", ("plate",), 2),
}  # fmt: skip

CASES = (
    BELOW_A_FILE | WITHOUT_PERMISSION | WITHOUT_A_LOOK | TOO_LONG | WITHOUT_A_NAME | A_FOLDER
    | {f"places: {name}": case for name, case in OTHERS.items()}
)  # fmt: skip
