"""The background of a plate: given, given by channel, or estimated from its images."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from ck19ml.core.quality import level_of
from ck19ml.errors import PlateError
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.folder import Plate, find_plate
from ck19ml.plates.preparation.job import ESTIMATED
from ck19ml.plates.preparation.prepare import open_prepared, prepare_plates
from ck19ml.plates.preparation.runner import local
from ck19ml.plates.preparation.settings import Preparation, Source, estimate_levels
from ck19ml.workflows.steps.predict import _require_same_camera
from tests.networks.test_scorer import scorer_of
from tests.plates.made_plates import SIDE, labels, write_image

WELLS = ("A03", "A04", "B03")
GROUND = {"TexasRed": 5000, "FITC": 1200}
SD = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A 16-bit plate whose background lies far above 0, and whose cells fill a tenth of it."""
    return made(tmp_path, "one", 0)


def made(tmp_path: Path, name: str, offset: int) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    rng = np.random.default_rng(abs(offset))
    for well in WELLS:
        for wave, ground in GROUND.items():
            plane = rng.normal(ground + offset, SD, (SIDE, SIDE))
            plane[12:22, 14:26] += 2000
            file = f"{name} - {well[0]} - {int(well[1:])}(fld 1 wv {wave} - {wave}).tif"
            write_image(folder / file, plane.astype(np.uint16))
    (folder / "plate.yaml").write_text("bit_depth: 16\n")
    return folder


def source(folder: Path) -> Source:
    return Source(find_plate(folder), labels(WELLS))


def prepared(target: Path, *folders: Path, workers: int = 1) -> Dataset:
    return prepare_plates(
        [source(each) for each in folders], target, Preparation(patch_size=16), run=local(workers)
    )


def minima(dataset: Dataset) -> list[int]:
    return list(dataset.read(np.arange(len(dataset.table))).min(axis=(0, 1, 2)))


def test_in_16_bits_the_background_of_each_channel_is_estimated(
    folder: Path, tmp_path: Path
) -> None:
    dataset = prepared(tmp_path / "d.zarr", folder)
    dc, tcell = dataset.info[ESTIMATED]["one"]
    assert dc == pytest.approx(level_of(5000, SD), abs=2 * SD)
    assert tcell == pytest.approx(level_of(1200, SD), abs=2 * SD)
    assert dataset.parameters["background"] == {"dc": dc, "tcell": tcell}
    assert minima(dataset) == [dc, tcell]
    assert not dataset.table["faulty"].all()


def test_it_does_not_depend_on_who_works_and_the_dataset_is_found_again(
    folder: Path, tmp_path: Path
) -> None:
    alone = prepared(tmp_path / "a.zarr", folder)
    together = prepared(tmp_path / "b.zarr", folder, workers=3)
    assert alone.content_hash == together.content_hash
    again = open_prepared([source(folder)], tmp_path / "a.zarr", Preparation(patch_size=16))
    assert again is not None


def test_plates_of_a_dataset_share_the_higher_one(folder: Path, tmp_path: Path) -> None:
    other = made(tmp_path, "two", 100)
    dataset = prepared(tmp_path / "d.zarr", folder, other)
    found = dataset.info[ESTIMATED]
    assert set(found) == {"one", "two"}
    assert found["two"] > found["one"]
    assert dataset.parameters["background"] == dict(zip(("dc", "tcell"), found["two"], strict=True))


def test_plates_of_other_depths_are_refused_and_do_not_share_it(
    folder: Path, tmp_path: Path
) -> None:
    other = made(tmp_path, "two", -1000)
    (other / "plate.yaml").write_text("bit_depth: 13\nbackground: auto\n")
    with pytest.raises(PlateError, match="has another camera"):
        prepared(tmp_path / "d.zarr", folder, other)


@pytest.mark.parametrize(("factor", "refused"), [(1.0, False), (0.9, False), (0.5, True)])
def test_a_model_scores_a_plate_whose_estimate_is_near_its_own(
    folder: Path, factor: float, refused: bool
) -> None:
    plate = find_plate(folder)
    dc, tcell = estimate_levels(plate)
    own = {"dc": round(dc * factor), "tcell": round(tcell * factor)}
    scorer = scorer_of("autoencoder", bit_depth=16, background=own)
    with pytest.raises(PlateError, match="16-bit values") if refused else nullcontext():
        _require_same_camera(plate, scorer)


def test_a_background_by_channel_is_used_as_it_is(folder: Path, tmp_path: Path) -> None:
    (folder / "plate.yaml").write_text("bit_depth: 16\nbackground: {dc: 5050, tcell: 1250}\n")
    dataset = prepared(tmp_path / "d.zarr", folder)
    assert minima(dataset) == [5050, 1250]
    assert ESTIMATED not in dataset.info


def test_images_that_cannot_be_read_have_none(folder: Path) -> None:
    for path in folder.glob("*.tif"):
        path.write_bytes(b"")
    plate: Plate = find_plate(folder)
    assert estimate_levels(plate) == (0, 0)
