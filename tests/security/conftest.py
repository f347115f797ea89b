"""A marker that no test may find, and a model to plant things in."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    """A file that the payload of a planted file would make; it is not there in the end."""
    path = tmp_path / "executed"
    yield path
    assert not path.exists(), "what came with the data was executed"


class Payload:
    """What pickle would run when it loads this."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


@pytest.fixture(scope="session")
def whole_model(tiny_dataset: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained classifier, as MLflow logs it; for reading only."""
    from ck19ml.config import SplitConfig
    from ck19ml.workflows.steps.split import split_dataset
    from tests.made_models import save_model, untrained_classifier

    folder = tmp_path_factory.mktemp("model") / "classifier"
    save_model(untrained_classifier(split_dataset(tiny_dataset, SplitConfig())), folder)
    return folder


@pytest.fixture
def model(whole_model: Path, tmp_path: Path) -> Path:
    """A copy of the model, to plant things in."""
    return Path(shutil.copytree(whole_model, tmp_path / "classifier"))
