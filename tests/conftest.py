"""Fixtures that many tests share: one tiny plate, its dataset, and an empty workplace."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.folder import find_plate
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.plates.layouts.reading import choose_wells, read_layout
from ck19ml.plates.simulation import simulate_plate
from tests.plates.prepared import prepare_dataset

if TYPE_CHECKING:
    from tests.browser import Page

# How long an example takes says something about the machine's other work only.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

WELLS = 30
FIELD_SIZE = 448
"""Two patches of 192 pixels each way, and a margin of 64."""


@pytest.fixture(scope="session")
def tiny_plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated plate, 10 wells a stimulation, 2 x 2 patches a well; for reading only."""
    folder = tmp_path_factory.mktemp("plates") / "tiny"
    layout = choose_wells(builtin_layout("ck19"), WELLS)
    return simulate_plate(folder, layout, size=FIELD_SIZE, seed=2211)


@pytest.fixture(scope="session")
def tiny_dataset(tiny_plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The dataset of the tiny plate; for reading only."""
    return prepare_dataset(
        find_plate(tiny_plate),
        read_layout(tiny_plate / "layout.csv"),
        tmp_path_factory.mktemp("datasets") / "tiny.zarr",
        mask="instrument",
        patch_size=192,
    )


@contextmanager
def tracking_store(folder: Path) -> Iterator[Path]:
    """Make a folder the current directory, with an MLflow store of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
            patch.delenv(name, raising=False)
        # MLflow's first experiment; tests/tracking/test_experiments.py leaves the choice to us.
        patch.setenv("MLFLOW_EXPERIMENT_ID", "0")
        forget_tracking_client()
        yield folder
        forget_tracking_client()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Page"]:
    """A browser for all tests of a file."""
    from tests.browser import Page

    shown = Page(tmp_path_factory.mktemp("profile"))
    try:
        yield shown
    finally:
        shown.driver.quit()


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Path]:
    """An empty current directory with an MLflow store of its own."""
    with tracking_store(tmp_path) as folder:
        yield folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One store for all tests of a file: MLflow takes seconds to make one."""
    with tracking_store(tmp_path_factory.mktemp("store")) as folder:
        yield folder


def forget_tracking_client() -> None:
    """Drop the client that a process keeps; a test that never tracked has none."""
    server = sys.modules.get("ck19ml.tracking.server")
    if server is not None:
        server.client.cache_clear()
