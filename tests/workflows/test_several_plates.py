from pathlib import Path

import pytest

from ck19ml.config import PrepareConfig, SimulateConfig, TuneConfig
from ck19ml.workflows.prepare import find_plates, prepare_step, prepared
from tests.plates.made_plates import labels, write_well

HOW = PrepareConfig(patch_size=16, keep_empty=True)


def write_plate(folder: Path, plate: str, seed: int) -> Path:
    for row in "AB":
        write_well(folder, row, 3, plate=plate, seed=seed)
    labels(["A03", "B03"]).to_csv(folder / "layout.csv", index=False)
    return folder


@pytest.mark.usefixtures("store")
def test_the_plates_of_a_config_become_one_dataset(tmp_path: Path) -> None:
    folders = [write_plate(tmp_path / name, name, seed) for seed, name in enumerate(("P1", "P2"))]
    config = TuneConfig(plate=folders, dataset=tmp_path / "both.zarr", prepare=HOW)
    dataset = prepare_step(find_plates(config), config.dataset, config.prepare)
    assert set(dataset.wells["plate"] + dataset.wells["well"]) == {
        "P1A03", "P1B03", "P2A03", "P2B03",
    }  # fmt: skip
    found = prepared(find_plates(config), config.dataset, config.prepare)
    assert found is not None
    assert found.content_hash == dataset.content_hash


def test_one_plate_that_is_not_there_is_simulated(tmp_path: Path) -> None:
    config = TuneConfig(plate=tmp_path / "P", simulate=SimulateConfig(wells=3, size=192))
    (plate,) = find_plates(config)
    assert len(plate.fields) == 3
