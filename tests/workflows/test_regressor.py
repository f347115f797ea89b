"""A regressor of a tiny plate: its run, its call, and what its model says of raw fields."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.artifacts import download_artifacts

from ck19ml.config import RegressorConfig
from ck19ml.core.scores.interaction import THRESHOLDS
from ck19ml.networks.settings import FitSettings
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.folder import find_plate, read_field
from ck19ml.tracking import registry
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.regressor import regressor_command
from ck19ml.workflows.steps.predict import predict_plate
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


def test_it_sees_unraised_pixels_of_fields_and_of_datasets(
    outcome: Outcome, tiny_dataset: Dataset
) -> None:
    scorer = registry.load_model(outcome.data["model"])
    assert not scorer.card.raised
    plate = find_plate(Path(tiny_dataset.info["source"]))
    of_field = scorer.cut(read_field(plate.fields[0], plate.description))
    assert of_field.raw.min() < 255
    assert (
        scorer.faulty(of_field).tolist() == tiny_dataset.table["faulty"][: len(of_field)].tolist()
    )
    read = scorer.read(tiny_dataset, np.arange(len(of_field)))
    np.testing.assert_array_equal(read.raw, of_field.raw)


def test_a_plate_is_scored_from_raw_images_and_its_seen_wells_are_known(
    outcome: Outcome, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    plate = find_plate(Path(tiny_dataset.info["source"]))
    told = predict_plate(outcome.data["model"], plate, tmp_path / "wells.csv", None)
    assert 0 < told.data["seen"] < told.data["wells"]


def test_the_run_holds_the_curve_and_no_map_of_features(outcome: Outcome) -> None:
    folder = Path(download_artifacts(run_id=outcome.data["run"]))
    curve = pd.read_csv(next(folder.rglob("interaction_curve.csv")))
    assert len(curve) == THRESHOLDS.size
    names = {path.stem for path in folder.rglob("*.png")}
    assert {"interaction_curve", "predicted_against_true", "field_sums"} <= names
    assert "pca" not in names
