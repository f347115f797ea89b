"""A regressor of a tiny plate: its run, its call, and what its model says of raw fields."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from mlflow.artifacts import download_artifacts

from ck19ml.config import RegressorConfig
from ck19ml.core.scores.interaction import THRESHOLDS
from ck19ml.networks.settings import FitSettings
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking import registry
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.regressor import regressor_command
from tests.conftest import tracking_store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with tracking_store(tmp_path_factory.mktemp("regressor")) as folder:
        yield folder


@pytest.fixture(scope="module")
def outcome(place: Path, tiny_dataset: Dataset) -> Outcome:
    config = RegressorConfig(
        dataset=tiny_dataset.path,
        fit=FitSettings(epochs=2, batch_size=16, least_steps=1, learning_rate=0.01),
        interaction_threshold="validation",
    )
    return regressor_command(config)


def test_the_first_line_is_the_verdict_and_the_scores_are_of_all_levels(outcome: Outcome) -> None:
    assert " the masks by 'instrument': MSE of the true overlap " in outcome.lines[0]
    levels = ("overlap_r2", "field_overlap_r2", "overlap_rmse_ConA", "masks_overlap_r2_low")
    assert {f"test/{name}" for name in levels} <= set(outcome.data)


def test_the_call_comes_from_the_validation_wells_and_travels_with_the_model(
    outcome: Outcome,
) -> None:
    card = registry.load_model(outcome.data["model"]).card
    assert card.interaction_threshold == 0.2
    assert card.interaction_call == outcome.data["test/interaction_call"]


def test_the_run_holds_the_curve_and_no_map_of_features(outcome: Outcome) -> None:
    folder = Path(download_artifacts(run_id=outcome.data["run"]))
    curve = pd.read_csv(next(folder.rglob("interaction_curve.csv")))
    assert len(curve) == THRESHOLDS.size
    names = {path.stem for path in folder.rglob("*.png")}
    assert {"interaction_curve", "predicted_against_true", "field_sums"} <= names
    assert "pca" not in names
