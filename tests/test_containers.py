"""Plates as instruments and converters leave them, from the folder to a model that tells wells."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ck19ml.config import ClassifierConfig, PrepareConfig
from ck19ml.core.wells import well_name
from ck19ml.networks.settings import ClosedFormHead
from ck19ml.plates.folder import find_plate
from ck19ml.tracking import registry
from ck19ml.workflows.classifier import classifier_command
from ck19ml.workflows.prepare import prepare
from tests.plates import test_metadata as made
from tests.plates.made_plates import grey
from tests.plates.test_zarr_plates import converted

pytestmark = pytest.mark.slow

WELLS = tuple((row, column) for row in (1, 2) for column in range(1, 13))
"""Row and column, from 1: those of odd columns are `apart`, the others `together`."""

SIDE, PATCH = 104, 48


def plane(row: int, column: int, field: int, channel: int, z: int = 1) -> np.ndarray:
    """Squares as cells; in even columns they are dimmer, and both channels' in one place."""
    if column % 2:
        return grey(100 * row + 2 * column + channel, (SIDE, SIDE))
    return grey(100 * row + 2 * column, (SIDE, SIDE)) // np.uint16(2)


def ome_zarr(folder: Path) -> None:
    images = {
        f"{made.letters(row)}/{column}": np.stack([plane(row, column, 1, c) for c in (1, 2)])
        for row, column in WELLS
    }
    converted(folder, "0.5", images=images)


CONTAINERS: dict[str, Callable[[Path], None]] = {**made.WRITERS, "ome-zarr": ome_zarr}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_folder_without_plate_yaml_becomes_a_model(
    name: str, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "WELLS", WELLS)
    monkeypatch.setattr(made, "FIELDS", (1,))
    monkeypatch.setattr(made, "plane", plane)
    folder = tmp_path / "scan"
    folder.mkdir()
    CONTAINERS[name](folder)
    wells = {well_name(made.letters(row), column): column for row, column in WELLS}
    kinds = ["together" if column % 2 == 0 else "apart" for column in wells.values()]
    layout = pd.DataFrame({"well": list(wells), "stimulation": kinds})
    layout.to_csv(folder / "layout.csv", index=False)

    dataset = prepare(
        find_plate(folder), tmp_path / "d.zarr", PrepareConfig(mask="otsu", patch_size=PATCH)
    )
    assert set(dataset.wells["well"]) == set(wells)
    overlap = dataset.table.groupby("stimulation")["overlap"].mean()
    assert overlap["together"] > 0.5 > overlap["apart"]
    assert dataset.info["pixel_size_um"] == (0.5 if name == "ome-zarr" else pytest.approx(0.65))

    head = ClosedFormHead(kind="lda")
    config = ClassifierConfig(dataset=dataset.path, encoder=None, source="measurements", head=head)
    trained = classifier_command(config).data
    assert trained["test/well_accuracy"] == 1.0
    assert registry.load_model(trained["model"]).card.classes == ["apart", "together"]
