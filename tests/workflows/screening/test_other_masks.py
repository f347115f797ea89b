"""Hits that hold under other masks: label images in which the overlap of each well is planted."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from ck19ml.config import SplitConfig
from ck19ml.core.wells import column
from ck19ml.errors import ConfigError, PlateError
from ck19ml.networks.scorer import Scorer
from ck19ml.plates.dataset.store import Dataset, open_dataset
from ck19ml.plates.folder import find_plate
from ck19ml.plates.simulation import simulate_plate
from ck19ml.workflows.screening.analysis import screen_dataset
from ck19ml.workflows.screening.other_masks import (
    mask_lines,
    masks_asked,
    sees_masks,
    under_masks,
    with_holding,
)
from ck19ml.workflows.screening.score import score_meaning
from ck19ml.workflows.steps.split import split_dataset
from tests.made_models import untrained_classifier
from tests.plates.prepared import prepare_dataset

SIDE = 192
WELLS = {"A01": "", "A02": "", "B01": "DMSO", "B02": "DMSO", "B03": "DMSO", "B04": "DMSO"}
WELLS |= {"C01": "X", "C02": "X", "D01": "Y", "D02": "Y", "E01": "Z", "E02": "Z"}


def layout() -> pd.DataFrame:
    table = pd.DataFrame({"well": list(WELLS), "compound": list(WELLS.values())})
    table["stimulation"] = np.where(table["compound"] == "", "Unstimulated", "ConA")
    table["concentration_um"] = np.where(table["compound"].isin(["X", "Y", "Z"]), 10.0, np.nan)
    table["control"] = np.where(table["compound"] == "DMSO", "vehicle", "")
    return table[["well", "stimulation", "compound", "concentration_um", "control"]]


def plant(plate: Path, folder: Path, lowered: str) -> Path:
    """Write labels of 20 T cells a well: 9 or 11 lie on a DC, or 1 under some compounds."""
    folder.mkdir()
    for field in find_plate(plate).fields:
        touching = 1 if WELLS[field.well] in [*lowered] else 9 + 2 * (column(field.well) % 2)
        dc, tcell = np.zeros((2, SIDE, SIDE), np.uint16)
        for cell in range(20):
            y, x = 36 * (cell // 5) + 8, 36 * (cell % 5) + 8
            tcell[y : y + 8, x : x + 8] = cell + 1
            x += 0 if cell < touching else 14
            dc[y : y + 8, x : x + 8] = cell + 1
        for path, cells in ((field.dc, dc), (field.tcell, tcell)):
            tifffile.imwrite(folder / f"{path.stem}_labels.tif", cells)
    return folder


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate_plate(tmp_path_factory.mktemp("masks") / "p", layout(), size=SIDE)


@pytest.fixture(scope="module")
def dataset(plate: Path) -> Dataset:
    target = plate.parent / "p.zarr"
    return prepare_dataset(find_plate(plate), layout(), target, mask="instrument", patch_size=SIDE)


@pytest.fixture(scope="module")
def planted(plate: Path, dataset: Dataset) -> dict[str, Dataset]:
    """The dataset with masks in which X and Y lower the overlap, and with those in which Y does."""
    return {
        name: under_masks(str(plant(plate, plate.parent / name, name)), dataset)
        for name in ("XY", "Y")
    }


@pytest.fixture(scope="module")
def scorer(tiny_dataset: Dataset) -> Scorer:
    return untrained_classifier(split_dataset(tiny_dataset, SplitConfig()))


def test_a_hit_that_one_mask_alone_sees_does_not_hold(
    planted: dict[str, Dataset], scorer: Scorer
) -> None:
    meaning = score_meaning(scorer.card, "ConA")
    first = planted["XY"]
    screen = screen_dataset(scorer, first, meaning, 0.05, 2, others={"Y": planted["Y"]})
    hits = screen.hits.set_index("compound")
    assert hits["tcell_overlap_hit"].to_dict() == {"X": True, "Y": True, "Z": False}
    assert hits["tcell_overlap_holds"].to_dict() == {"X": False, "Y": True, "Z": False}
    assert hits["score_holds"].equals(hits["score_hit"])
    counted = screen.masks.set_index(["mask", "measure"])
    assert counted.loc[("labels", "tcell_overlap")].tolist() == [2, 2]
    assert counted.loc[("Y", "tcell_overlap")].tolist() == [1, 1]
    lines = mask_lines(screen.hits, ["XY", "Y"], scorer.card)
    assert "under the masks XY, Y" in lines[0]
    assert "1 of 2 by T-cell overlap" in lines[0]
    assert lines[1].startswith("the model's score sees no masks")


def test_a_hit_in_the_other_direction_does_not_hold(
    planted: dict[str, Dataset], scorer: Scorer
) -> None:
    found = screen_dataset(scorer, planted["XY"], score_meaning(scorer.card, "ConA"), 0.05, 2).hits
    assert with_holding(found, {"same": found})["tcell_overlap_holds"].sum() == 2
    turned = found.assign(tcell_overlap_effect=-found["tcell_overlap_effect"])
    assert not with_holding(found, {"turned": turned})["tcell_overlap_holds"].any()
    # A list without one of the rows, or without a measure.
    rest = found[found["compound"] != "Y"].drop(columns="contact_hit")
    held = with_holding(found, {"rest": rest})
    assert held.loc[held["tcell_overlap_holds"], "compound"].tolist() == ["X"]
    assert not held["contact_holds"].any()


def test_only_measurements_let_a_score_change_with_the_masks(scorer: Scorer) -> None:
    measured = scorer.card.changed(source="measurements")
    assert [sees_masks(card) for card in (scorer.card, measured)] == [False, True]
    table = pd.DataFrame(
        {"compound": ["X", "Y"], "stimulation": "ConA", "score": 0.0, "score_hit": True}
    ).assign(score_holds=[False, True])
    lines = mask_lines(table, ["instrument", "otsu"], measured)
    assert lines[1:] == ["by the model, but not under all masks: X (ConA)"]
    masked = scorer.card.changed(masked=True)
    assert "its own masks, instrument" in mask_lines(table, ["otsu"], masked)[1]


def test_other_masks_are_prepared_once_beside_the_dataset(dataset: Dataset) -> None:
    other = under_masks("otsu", dataset)
    assert other.path == dataset.path.with_name("p-otsu.zarr")
    assert other.parameters["mask"] == "otsu"
    assert other.content_hash != dataset.content_hash
    assert np.array_equal(other.read(np.arange(3)), dataset.read(np.arange(3)))
    assert other.table["compound"].equals(dataset.table["compound"])
    before = (other.path / "dataset.json").stat().st_mtime_ns
    assert (under_masks("otsu", dataset).path / "dataset.json").stat().st_mtime_ns == before


def test_masks_that_cannot_be_had_are_refused_in_one_line(
    plate: Path, dataset: Dataset, tmp_path: Path
) -> None:
    assert masks_asked(f"instrument, unet,{tmp_path},unet", dataset) == ["unet", str(tmp_path)]
    assert masks_asked("", dataset) == []
    for name in ("otsus", str(tmp_path / "none")):
        with pytest.raises(ConfigError, match="is neither a mask method nor a folder"):
            masks_asked(f"unet,{name}", dataset)
    gone = replace(dataset, path=tmp_path / "d.zarr", info=dataset.info | {"source": "no/plate"})
    with pytest.raises(PlateError, match="no/plate, are not there"):
        masks_asked("otsu", gone)
    small = plant(plate, tmp_path / "small", "")
    for path in small.iterdir():
        tifffile.imwrite(path, tifffile.imread(path)[1:])
    with pytest.raises(PlateError, match="expected labels of 192 x 192 pixels") as caught:
        under_masks(str(small), dataset)
    assert "\n" not in str(caught.value)


def test_changed_images_are_noticed(plate: Path, dataset: Dataset, tmp_path: Path) -> None:
    shutil.copytree(plate, tmp_path / "p")
    shutil.copytree(dataset.path, tmp_path / "p.zarr")
    for field in find_plate(tmp_path / "p").fields[:1]:
        tifffile.imwrite(field.dc, np.flipud(tifffile.imread(field.dc)))
    moved = open_dataset(tmp_path / "p.zarr")
    moved = replace(moved, info=moved.info | {"source": "elsewhere/p"})
    with pytest.raises(PlateError, match="are not those that"):
        under_masks("threshold", moved)
