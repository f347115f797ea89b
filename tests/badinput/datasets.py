"""Prepared datasets: damaged, of other versions, and unfit for what is asked."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from tests.badinput.case import Case
from tests.badinput.spoiling import Spoil, both, cut_short, edit_json, flip, mode, write
from tests.plates.made_plates import grey, write_image

DATASET = "wells.zarr"
EVALUATE = f"evaluate models/classifier {DATASET}"
TUNED = write("w.yaml", "plate: wells\ndataset: wells.zarr\nprepare: {patch_size: 64}\n")
CHUNK = "c/1/0/0/0"
"""The second field's part of an array."""


def without_hashes(work: Path) -> None:
    """Leave the dataset as a version wrote it that did not hash its tables."""
    edit_json(f"{DATASET}/dataset.json", hashes=..., sha256=...)(work)


def table(change: Callable[[pd.DataFrame], pd.DataFrame], name: str = "patches") -> Spoil:
    """Change a table of the dataset."""

    def spoil(work: Path) -> None:
        path = work / DATASET / f"{name}.parquet"
        change(pd.read_parquet(path)).to_parquet(path, index=False)
        without_hashes(work)

    return spoil


def set_to(**values: object) -> Spoil:
    return table(lambda frame: frame.assign(**values))


def gone(*names: str) -> Spoil:
    def spoil(work: Path) -> None:
        for name in names:
            path = work / DATASET / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    return spoil


def at(name: str, change: Callable[[Path], object]) -> Spoil:
    return lambda work: change(work / DATASET / name)


def zarr_json(name: str, **changes: object) -> Spoil:
    return edit_json(f"{DATASET}/{name}/zarr.json", **changes)


def parameters(**changes: object) -> Spoil:
    def spoil(work: Path) -> None:
        path = work / DATASET / "dataset.json"
        content = json.loads(path.read_text())
        content["parameters"] |= changes
        path.write_text(json.dumps(content))

    return spoil


def one_well(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(well=frame["well"].iloc[0])


DAMAGED: dict[str, Spoil] = {
    "has no dataset.json": gone("dataset.json"),
    "has a dataset.json that is cut short": at("dataset.json", cut_short),
    "has a dataset.json that is a list": write(f"{DATASET}/dataset.json", "[1]"),
    "has a dataset.json that is a number": write(f"{DATASET}/dataset.json", "1"),
    "has an empty dataset.json": write(f"{DATASET}/dataset.json", ""),
    "has a dataset.json in UTF-16": write(f"{DATASET}/dataset.json", "{}".encode("utf-16")),
    "has a dataset.json that is nested deep": write(
        f"{DATASET}/dataset.json", "[" * 100_000 + "]" * 100_000
    ),
    "is of a later format": edit_json(f"{DATASET}/dataset.json", format=99),
    "is of no format": edit_json(f"{DATASET}/dataset.json", format=...),
    "lacks its parameters": edit_json(f"{DATASET}/dataset.json", parameters=...),
    "has parameters that are none": edit_json(f"{DATASET}/dataset.json", parameters=[1]),
    "has empty parameters": edit_json(f"{DATASET}/dataset.json", parameters={}),
    "has no patches.parquet": gone("patches.parquet"),
    "has no fields.parquet": gone("fields.parquet"),
    "has a patches.parquet that is cut short": at("patches.parquet", cut_short),
    "has an empty patches.parquet": write(f"{DATASET}/patches.parquet", b""),
    "has a patches.parquet with a flipped byte": at("patches.parquet", lambda p: flip(p, 0.99)),
    "has a fields.parquet that is text": write(f"{DATASET}/fields.parquet", "plate,well\n"),
    "has fewer rows": table(lambda frame: frame[:-1]),
    "has no rows": table(lambda frame: frame[:0]),
    "has no patches": gone("patches"),
    "has no masks": gone("masks"),
    "has half of the patches": gone(*(f"patches/c/{n}" for n in range(9))),
    "lacks one field's masks": gone("masks/c/3"),
    "has a zarr.json that is cut short": at("patches/zarr.json", cut_short),
    "has a zarr.json of another version": zarr_json("patches", zarr_format=9),
    "has a zarr.json of another codec": zarr_json(
        "patches", codecs=[{"name": "magic", "configuration": {}}]
    ),
    "has a chunk that is cut short": at(f"patches/{CHUNK}", cut_short),
    "has an empty chunk": write(f"{DATASET}/patches/{CHUNK}", b""),
    "has a chunk with a flipped byte": at(f"patches/{CHUNK}", flip),
    "lacks the column stimulation": table(lambda frame: frame.drop(columns="stimulation")),
    "lacks the column faulty": table(lambda frame: frame.drop(columns="faulty")),
    "lacks the column overlap": table(lambda frame: frame.drop(columns="overlap")),
    "lacks the fields' hashes": table(lambda frame: frame.drop(columns="sha256"), "fields"),
    "has words for faulty": set_to(faulty="maybe"),
    "has words for overlap": set_to(overlap="much"),
    "has numbers for wells": set_to(well=7),
    "has no stimulation": set_to(stimulation=None),
    "has an overlap that is no number": set_to(overlap=float("nan")),
}

MADE_FOR_OTHERS = {
    "is not there": Case("evaluate models/classifier nosuch.zarr", ("nosuch.zarr", "prepare")),
    "is a file": Case("evaluate models/classifier c.yaml", ("c.yaml",)),
    "is a plate": Case("evaluate models/classifier plate", ("plate", "prepare")),
    "has smaller patches than the model": Case(
        "evaluate models/classifier d.zarr", ("d.zarr", "16", "64")
    ),
    "has a stimulation that the model does not know": Case(
        EVALUATE, ("LPS",), spoil=set_to(stimulation="LPS")
    ),
    "is faulty as a whole": Case(EVALUATE, (DATASET, "faulty"), spoil=set_to(faulty=True)),
    "is of wells that the model has seen": Case(
        EVALUATE, (DATASET, "has seen every well"),
        spoil=lambda work: seen(work),
    ),
    "is faulty as a whole, for features": Case(
        f"features models/autoencoder {DATASET} --out new.parquet", (DATASET, "faulty"),
        spoil=set_to(faulty=True),
    ),
    "is faulty as a whole, for a screen": Case(
        f"screen models/classifier {DATASET}", (DATASET, "faulty"), spoil=set_to(faulty=True)
    ),
    "holds no cells": Case(
        f"cells {DATASET} --out new.csv", (DATASET, "cells", "prepare the plate again"),
        spoil=both(gone("cells.parquet"), without_hashes),
    ),
    "has cells that are text": Case(
        f"cells {DATASET} --out new.csv", (DATASET,),
        spoil=both(write(f"{DATASET}/cells.parquet", "plate,well\n"), without_hashes),
    ),
    "is to be drawn as a movie": Case(
        f"cells {DATASET} --out new.csv --figure new.gif", ("new.gif", ".png"), 2
    ),
    "is of one well": Case(
        f"autoencoder -c c.yaml -s dataset={DATASET}", (DATASET,), 2,
        both(table(one_well), table(one_well, "fields")),
    ),
    "is of one stimulation": Case(
        f"classifier -c c.yaml -s dataset={DATASET} -s encoder=null -s fine_tune=true",
        (DATASET, "OVA"), 2, set_to(stimulation="OVA"),
    ),
    "is faulty as a whole, to train on": Case(
        f"regressor -c c.yaml -s dataset={DATASET}", (DATASET,), 2, set_to(faulty=True)
    ),
    "lacks a class": Case(
        f"classifier -c c.yaml -s dataset={DATASET} -s 'classes=[OVA, LPS]'",
        ("classes", "'LPS'", DATASET), 2,
    ),
    "has fewer wells than folds": Case(
        f"classifier -c c.yaml -s dataset={DATASET} --folds 99", (DATASET, "99"), 2
    ),
    "has one plate to split by plate": Case(
        f"classifier -c c.yaml -s dataset={DATASET} -s split.by=plate", (DATASET,), 2
    ),
    "lacks the measure to regress": Case(
        f"regressor -c c.yaml -s dataset={DATASET} -s target=overlap_excess",
        (DATASET, "overlap_excess"),
        spoil=table(lambda frame: frame.drop(columns="overlap_excess")),
    ),
    "has no truth to learn": Case(
        f"regressor -c c.yaml -s dataset={DATASET} -s learn=truth", ("learn", DATASET), 2
    ),
    "is missing, to check": Case("check nosuch.zarr", ("nosuch.zarr", "ck19ml prepare")),
    "is missing for the comparison": Case(
        "pretraining -c p.yaml", ("nosuch.zarr",), spoil=write("p.yaml", "dataset: nosuch.zarr\n")
    ),
    "was made by other parameters": Case(
        "prepare plate d.zarr --patch-size 32", ("d.zarr", "patch_size 16 not 32", "--overwrite"), 2
    ),
    "was made from other images": Case(
        "prepare plate d.zarr --patch-size 16", ("d.zarr", "other images or another layout"), 2,
        lambda work: write_image(
            work / "plate" / "CK19 - A - 2(fld 1 wv FITC - FITC).tif", grey(99)
        ),
    ),
    "was made by other parameters than the tuning's": Case(
        "tune -c t.yaml -s prepare.patch_size=32", ("d.zarr", "patch_size 16 not 32"), 2
    ),
    "is tuned on, with another file as the journal": Case(
        "tune -c w.yaml --storage scores.csv", ("scores.csv", "journal"), spoil=TUNED
    ),
    "is tuned on, with a picture as the journal": Case(
        "tune -c w.yaml --storage x", ("x has lines", "journal"),
        spoil=both(TUNED, write("x", bytes(range(256)))),
    ),
    "has one class, to tune on": Case("tune -c t.yaml", ("d.zarr", "only OVA"), 2),
    "has one class, for the effect of masks": Case(
        "masking -c x.yaml", ("d.zarr", "only OVA"), 2,
        write("x.yaml", "plate: plate\ndataset: d.zarr\nprepare: {patch_size: 16}\n"),
    ),
    "may not be read": Case(
        "evaluate models/classifier d.zarr", ("d.zarr",), spoil=mode("d.zarr/dataset.json", 0),
        as_user=True,
    ),
    "has masks with a flipped byte": Case(
        f"autoencoder -c c.yaml -s dataset={DATASET} -s masked=true", (DATASET, "checksum"),
        spoil=at("masks/c/3/0/0/0", flip),
    ),
    "does not say how it was prepared": Case(
        "prepare plate d.zarr --patch-size 16", ("d.zarr", "illumination None not False"), 2,
        edit_json("d.zarr/dataset.json", preparation=..., skipped=..., hashes=..., sha256=...),
    ),
}  # fmt: skip


def seen(work: Path) -> None:
    """Tell the model that it has seen all wells."""
    hashes = pd.read_parquet(work / DATASET / "fields.parquet")["sha256"].tolist()
    edit_json("models/classifier/data/scorer/card.json", wells={"train": hashes})(work)


CASES = {f"datasets: {name}": Case(EVALUATE, (DATASET,), spoil=spoil)
         for name, spoil in DAMAGED.items()} | {
    f"datasets: {name}": case for name, case in MADE_FOR_OTHERS.items()
}  # fmt: skip
