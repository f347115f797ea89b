"""Each kind of bad input ends in one line that names what to change, and changes nothing."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ck19ml import cli
from ck19ml.config import PrepareConfig
from ck19ml.plates.folder import find_plate
from ck19ml.plates.layouts import write_layout
from ck19ml.plates.store import open_dataset
from ck19ml.workflows import data
from tests.plates.made_plates import SIDE, contents, grey, labels, write_image
from tests.spoiling import DC_A02, FITC_B01, cut_short, nothing, one_line

PATCHES = PrepareConfig(patch_size=16)


def narrower_field(work: Path) -> None:
    for channel in ("FITC", "TexasRed"):
        path = work / "plate" / f"CK19 - A - 2(fld 1 wv {channel} - {channel}).tif"
        write_image(path, grey(0, (SIDE, SIDE - 8)))


def unknown_stimulation(work: Path) -> None:
    write_layout(labels(["A01", "A02"], "LPS"), work / "lps.csv")


@dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes
    ----------
    says : tuple of str
        What the line must hold: the file or the key that is to be changed.
    code : int
        The exit code.
    spoil : callable
        Makes the input bad; takes the folder.
    arguments : str
        Of the command line.
    call : callable
        Instead of arguments, where the command itself would first load what the case does
        not need (MLflow); takes the folder.
    """

    says: tuple[str, ...]
    code: int
    spoil: Callable[[Path], object] = nothing
    arguments: str = ""
    call: Callable[[Path], object] | None = None


def find(work: Path) -> object:
    return find_plate(work / "plate")


def prepare(work: Path) -> object:
    return data.prepare(find_plate(work / "plate"), work / "new.zarr", PATCHES)


CASES = {
    "a channel's file is missing": Case(
        ("plate: expected a dc file", "A02 (1 of 3 wells)"),
        1,
        lambda work: (work / "plate" / DC_A02).unlink(),
        call=find,
    ),
    "a channel's file is there twice": Case(
        (DC_A02, "CK19 - A - 02(fld 1 wv TexasRed - TexasRed).tif"),
        1,
        lambda work: shutil.copy(
            work / "plate" / DC_A02, work / "plate" / DC_A02.replace("A - 2", "A - 02")
        ),
        call=find,
    ),
    "the plate folder is empty": Case(
        ("empty: expected files like",), 1, call=lambda work: find_plate(work / "empty")
    ),
    "the plate folder is missing": Case(
        ("nosuch",), 1, call=lambda work: find_plate(work / "nosuch")
    ),
    "plate.yaml is damaged": Case(
        ("plate.yaml",),
        1,
        lambda work: (work / "plate" / "plate.yaml").write_text("files: ["),
        call=find,
    ),
    "plate.yaml has an unknown key": Case(
        ("plate.yaml", "'bitdepth'"),
        1,
        lambda work: (work / "plate" / "plate.yaml").write_text("bitdepth: 12"),
        call=find,
    ),
    "a TIFF is truncated": Case(
        (FITC_B01, "damaged"), 1, lambda work: cut_short(work / "plate" / FITC_B01), call=prepare
    ),
    "a TIFF is empty": Case(
        (DC_A02, "damaged"),
        1,
        lambda work: (work / "plate" / DC_A02).write_bytes(b""),
        call=prepare,
    ),
    "the channels of a field have two sizes": Case(
        (FITC_B01, "40 x 40", "40 x 32"),
        1,
        lambda work: write_image(work / "plate" / FITC_B01, grey(0, (SIDE, SIDE - 8))),
        call=prepare,
    ),
    "two fields have two sizes": Case(
        (DC_A02, "40 x 40", "40 x 32"), 1, narrower_field, call=prepare
    ),
    "a file of 8 bits in a plate of 12": Case(
        (DC_A02, "expected 16-bit", "found uint8"),
        1,
        lambda work: write_image(work / "plate" / DC_A02, grey(0, bits=8)),
        call=prepare,
    ),
    "a grey value beyond the camera's": Case(
        (DC_A02, "below 4096"),
        1,
        lambda work: write_image(work / "plate" / DC_A02, np.full((SIDE, SIDE), 5000, np.uint16)),
        call=prepare,
    ),
    "the layout lacks a well": Case(
        ("plate: expected each well with images in the layout", "B01"),
        1,
        lambda work: write_layout(labels(["A01", "A02"]), work / "plate" / "layout.csv"),
        call=prepare,
    ),
    "the layout is missing": Case(
        ("layout.csv", "--layout"),
        1,
        lambda work: (work / "plate" / "layout.csv").unlink(),
        call=prepare,
    ),
    "the layout has another encoding": Case(
        ("layout.csv",),
        1,
        lambda work: (work / "plate" / "layout.csv").write_bytes(
            "well,stimulation\nA01,gelöst\n".encode("latin-1")
        ),
        call=prepare,
    ),
    "the layout names a well twice": Case(
        ("layout.csv", "A01"),
        1,
        lambda work: (work / "plate" / "layout.csv").write_text(
            "well,stimulation\nA01,OVA\nA1,ConA\n"
        ),
        call=prepare,
    ),
    "the dataset was made by other parameters": Case(
        ("d.zarr", "patch_size 16 not 32", "--overwrite"),
        2,
        call=lambda work: data.prepared(
            find_plate(work / "plate"), work / "d.zarr", PrepareConfig(patch_size=32)
        ),
    ),
    "the dataset was made from other images": Case(
        ("d.zarr", "other images or another layout"),
        2,
        lambda work: write_image(work / "plate" / DC_A02, grey(99)),
        call=lambda work: data.prepared(find_plate(work / "plate"), work / "d.zarr", PATCHES),
    ),
    "the dataset would replace the plate": Case(
        ("plate", "expected a dataset or nothing"),
        2,
        call=lambda work: data.prepare(find_plate(work / "plate"), work / "plate", PATCHES),
    ),
    "the dataset would stand below a file": Case(
        ("c.yaml/new.zarr",),
        1,
        call=lambda work: data.prepare(
            find_plate(work / "plate"), work / "c.yaml" / "new.zarr", PATCHES
        ),
    ),
    "the dataset is missing": Case(
        ("nosuch.zarr", "ck19ml prepare"), 1, call=lambda work: open_dataset(work / "nosuch.zarr")
    ),
    "dataset.json is damaged": Case(
        ("d.zarr",),
        1,
        lambda work: cut_short(work / "d.zarr" / "dataset.json"),
        call=lambda work: open_dataset(work / "d.zarr"),
    ),
    "a part of the dataset is lost": Case(
        ("d.zarr", "patches"),
        1,
        lambda work: shutil.rmtree(work / "d.zarr" / "patches" / "c" / "1"),
        call=lambda work: open_dataset(work / "d.zarr"),
    ),
    "an unknown key in a config": Case(
        ("c.yaml", "'dropuot'", "did you mean 'dropout'?"),
        2,
        lambda work: (work / "c.yaml").write_text("dataset: d.zarr\ndropuot: 0.1\n"),
        "regressor -c c.yaml",
    ),
    "an unknown key inside a part of a config": Case(
        ("c.yaml", "'fit.epoch'", "did you mean 'epochs'?"),
        2,
        lambda work: (work / "c.yaml").write_text("dataset: d.zarr\nfit: {epoch: 1}\n"),
        "classifier -c c.yaml",
    ),
    "an unknown key in an override": Case(
        ("'fit.epoch'", "did you mean 'epochs'?"),
        2,
        arguments="classifier -c c.yaml -s fit.epoch=3",
    ),
    "an override without a value": Case(
        ("fit.epochs", "key.path=value"), 2, arguments="classifier -c c.yaml -s fit.epochs"
    ),
    "a config that is no YAML": Case(
        ("c.yaml", "expected YAML"),
        2,
        lambda work: (work / "c.yaml").write_text("dataset: [d.zarr\n"),
        "autoencoder -c c.yaml",
    ),
    "a config in another encoding": Case(
        ("c.yaml", "expected YAML"),
        2,
        lambda work: (work / "c.yaml").write_bytes("dataset: Größe\n".encode("latin-1")),
        "autoencoder -c c.yaml",
    ),
    "an empty config": Case(
        ("c.yaml",), 2, lambda work: (work / "c.yaml").write_text(""), "tune -c c.yaml"
    ),
    "a config that is missing": Case(("nosuch.yaml",), 2, arguments="tune -c nosuch.yaml"),
    "a value out of range": Case(
        ("c.yaml", "fit.epochs"), 2, arguments="classifier -c c.yaml -s fit.epochs=0"
    ),
    "no trials": Case(
        ("t.yaml", "trials"),
        2,
        lambda work: (work / "t.yaml").write_text("plate: plate\ndataset: d.zarr\n"),
        "tune -c t.yaml --trials 0",
    ),
    "a stimulation that cannot be simulated": Case(
        ("'LPS'", "Unstimulated, OVA, ConA", "layout"),
        2,
        unknown_stimulation,
        "simulate new --layout lps.csv --size 192",
    ),
    "an unknown layout to simulate": Case(
        ("'ck20'", "ck19"), 2, arguments="simulate new --layout ck20"
    ),
    "a field too small to simulate": Case(
        ("192", "100"), 2, arguments="simulate new --layout plate/layout.csv --size 100"
    ),
    "too few wells to simulate": Case(("wells",), 2, arguments="simulate new --wells 2"),
    "more wells than the layout has": Case(
        ("wells", "99"), 2, arguments="simulate new --layout plate/layout.csv --wells 99"
    ),
    "a plate where something stands": Case(
        ("plate",), 1, arguments="simulate plate --layout plate/layout.csv --size 192"
    ),
    "a plate over what is no simulated plate": Case(
        ("plate", "simulation.json"),
        1,
        arguments="simulate plate --layout plate/layout.csv --size 192 --overwrite",
    ),
    "a patch size that the networks cannot take": Case(
        ("patch_size",), 2, arguments="prepare plate new.zarr --patch-size 100"
    ),
    "an unknown mask method": Case(
        ("mask", "'magic'"), 2, arguments="prepare plate new.zarr --mask magic"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input(
    name: str, work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = CASES[name]
    case.spoil(work)
    before = contents(work)
    if case.call is not None:
        call = case.call
        code = cli._guard(lambda: call(work), debug=False)
    else:
        monkeypatch.setattr(sys, "argv", ["ck19ml", *case.arguments.split()])
        with pytest.raises(SystemExit) as left:
            cli.main()
        code = left.value.code
    out, err = capsys.readouterr()
    assert (code, out) == (case.code, "")
    one_line(err, case.says)
    assert err.count("\n") == 1  # nothing else is said
    assert contents(work) == before


def test_a_plate_below_a_file(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(work)
    arguments = ["simulate", "c.yaml/new", "--layout", "plate/layout.csv", "--size", "192"]
    monkeypatch.setattr(sys, "argv", ["ck19ml", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    one_line(capsys.readouterr().err, ("c.yaml/new",))
    assert contents(work) == before
