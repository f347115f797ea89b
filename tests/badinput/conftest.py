"""What each case spoils: plates, datasets, models, configs and outputs of earlier work."""

import shutil
from pathlib import Path

import mlflow
import pytest

from ck19ml.config import SplitConfig
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.folder import find_plate
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.plates.layouts.reading import choose_wells, read_layout, write_layout
from ck19ml.plates.simulation import simulate_plate
from ck19ml.workflows.steps.split import split_dataset
from tests.badinput.spoiling import WELLS
from tests.made_models import (
    save_model,
    untrained_autoencoder,
    untrained_classifier,
    untrained_masks,
    untrained_regressor,
)
from tests.plates.made_plates import labels, write_well
from tests.plates.prepared import prepare_dataset

SIMULATED = 18
"""Wells of the plate that the models are of; 9 patches of 64 pixels each."""


@pytest.fixture(scope="session")
def spoilable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plate of three wells, its dataset, configs and outputs of earlier work."""
    folder = tmp_path_factory.mktemp("bad") / "work"
    folder.mkdir()
    for well in WELLS:
        write_well(folder / "plate", well[0], int(well[1:]))
    write_layout(labels(WELLS), folder / "plate" / "layout.csv")
    _prepare(folder / "plate", folder / "d.zarr", 16)
    (folder / "c.yaml").write_text("dataset: d.zarr\nfit: {epochs: 1}\n")
    (folder / "t.yaml").write_text("plate: plate\ndataset: d.zarr\nprepare: {patch_size: 16}\n")
    (folder / "scores.csv").write_text("earlier work\n")
    (folder / "empty").mkdir()
    return folder


@pytest.fixture(scope="session")
def with_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated plate, its dataset, and untrained models of each kind that are of it."""
    folder = tmp_path_factory.mktemp("models") / "work"
    wells = choose_wells(builtin_layout("ck19"), SIMULATED)
    simulate_plate(folder / "wells", wells, size=192, seed=2211)
    dataset = _prepare(folder / "wells", folder / "wells.zarr", 64)
    split = split_dataset(dataset, SplitConfig())
    save_model(untrained_classifier(split), folder / "models" / "classifier")
    save_model(untrained_autoencoder(split), folder / "models" / "autoencoder")
    save_model(untrained_regressor(split), folder / "models" / "regressor")
    save_model(untrained_masks(), folder / "models" / "masks")
    return folder


def _prepare(plate: Path, target: Path, patch_size: int) -> Dataset:
    layout = read_layout(plate / "layout.csv")
    return prepare_dataset(
        find_plate(plate), layout, target, mask="instrument", patch_size=patch_size
    )


@pytest.fixture(scope="module")
def made_store(store: Path) -> Path:
    """A store that is there already: artifacts go to its folder, wherever a case stands."""
    mlflow.MlflowClient().search_experiments()
    return store


@pytest.fixture
def work(
    spoilable: Path, made_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A copy of what is to be spoiled, as the current directory; the MLflow store is elsewhere."""
    folder = tmp_path / "work"
    shutil.copytree(spoilable, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def work_with_models(work: Path, with_models: Path) -> Path:
    """The same, with models and what they are of."""
    shutil.copytree(with_models, work, dirs_exist_ok=True)
    return work
