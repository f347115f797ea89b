"""Classifiers of a tiny plate: one with an audit, one in folds, and with few labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from ck19ml.config import ClassifierConfig, PretrainingConfig, SplitConfig
from ck19ml.networks.settings import FitSettings, HeadSettings
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking import registry
from ck19ml.workflows.classifier import classifier_command
from ck19ml.workflows.cross_validation import folds_command
from ck19ml.workflows.pretraining import labelled, pretraining_command
from ck19ml.workflows.steps.split import split_dataset
from tests.conftest import tracking_store

pytestmark = pytest.mark.slow

ONE_EPOCH = FitSettings(epochs=1, batch_size=32, least_steps=1)
HEAD = HeadSettings(units=16, pooled=True, normalise=True)


def config_of(dataset: Dataset, split: SplitConfig) -> ClassifierConfig:
    return ClassifierConfig(
        dataset=dataset.path, encoder=None, fine_tune=True, head=HEAD, fit=ONE_EPOCH, split=split
    )


@dataclass
class Made:
    """A run's outcome, and its tables and files."""

    lines: list[str]
    data: dict[str, Any]
    folder: Path

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_csv(next(self.folder.rglob(f"{name}.csv")))


def made(outcome: Any) -> Made:
    folder = download_artifacts(run_id=outcome.data["run"])
    return Made(outcome.lines, outcome.data, Path(folder))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with tracking_store(tmp_path_factory.mktemp("classifiers")) as folder:
        yield folder


@pytest.fixture(scope="module")
def audited(place: Path, tiny_dataset: Dataset) -> Made:
    return made(classifier_command(config_of(tiny_dataset, SplitConfig(audit=0.25))))


@pytest.fixture(scope="module")
def folds(audited: Made, tiny_dataset: Dataset) -> Made:
    return made(folds_command(config_of(tiny_dataset, SplitConfig(folds=2))))


def test_an_audit_sets_the_same_model_s_three_scores_side_by_side(audited: Made) -> None:
    table = audited.table("leakage_audit")
    patch = table[table["level"] == "patch"].set_index("name")
    assert list(patch.index) == [
        "patches trained on", "other patches of the same wells", "patches of unseen wells",
    ]  # fmt: skip
    # The one patch held out of a well may be faulty.
    assert patch["wells"].tolist() in ([18, wells, 6] for wells in (16, 17, 18))
    assert patch.loc["patches of unseen wells", "value"] == pytest.approx(
        audited.data["test/accuracy"]
    )
    assert any(line.startswith("Leakage audit, the same model: accuracy") for line in audited.lines)
    assert (audited.folder / "figures" / "leakage_audit.png").is_file()


def test_a_classifier_stands_beside_all_its_baselines_and_its_calibration(audited: Made) -> None:
    for name in (
        "well_accuracy", "attention_well_accuracy", "baseline_majority_well_accuracy",
        "baseline_overlap_well_accuracy", "baseline_logistic_well_accuracy", "accuracy",
        "calibration_error", "well_calibration_error", "attention_well_calibration_error",
    ):  # fmt: skip
        assert 0 <= audited.data[f"test/{name}"] <= 1, name
        assert audited.data[f"test/{name}_low"] <= audited.data[f"test/{name}_high"]


def test_the_registered_model_carries_the_temperatures_of_the_validation_wells(
    audited: Made,
) -> None:
    known = registry.load_model(audited.data["model"]).card
    assert known.temperature > 0
    assert known.well_temperature > 0
    assert (known.temperature, known.well_temperature) != (1.0, 1.0)


def test_over_the_folds_each_well_is_answered_once(folds: Made, tiny_dataset: Dataset) -> None:
    wells = folds.table("out_of_fold_wells")
    usable = tiny_dataset.table.groupby("well")["faulty"].min()
    assert sorted(wells["well"]) == sorted(usable[~usable].index)
    assert set(wells["fold"]) == {0, 1}
    own = (wells["predicted"] == wells["stimulation"]).mean()
    assert folds.data["test/well_accuracy"] == pytest.approx(own)


def test_the_models_of_folds_are_not_registered(folds: Made) -> None:
    client = MlflowClient()
    found = client.search_model_versions("name = 'ck19-classifier'")
    assert [int(v.version) for v in found] == [1]
    kinds = [run.data.tags.get("ck19ml.kind") for run in client.search_runs(["0"])]
    assert kinds.count("fold") == 2


def test_labels_are_left_to_a_share_of_each_stimulation(tiny_dataset: Dataset) -> None:
    split = split_dataset(tiny_dataset, SplitConfig())
    part = labelled(split, 0.5, seed=3)
    own = part.wells[part.wells["role"] == "train"]
    assert own["stimulation"].value_counts().tolist() == [3, 3, 3]
    np.testing.assert_array_equal(part.rows("test"), split.rows("test"))


def test_what_the_autoencoder_brings_is_one_table_and_one_figure(
    audited: Made, tiny_dataset: Dataset
) -> None:
    found = made(
        pretraining_command(
            PretrainingConfig(
                dataset=tiny_dataset.path, shares=[0.34, 1.0], repeats=1, head=HEAD,
                autoencoder_fit=ONE_EPOCH, fit=ONE_EPOCH,
            )
        )
    )  # fmt: skip
    table = found.table("pretraining")
    assert set(table["arm"]) >= {"frozen", "fine-tuned", "from scratch"}
    assert sorted(set(table["labelled_wells"])) == [6, 18]
    assert (found.folder / "figures" / "pretraining.png").is_file()
    assert len(found.lines) == 4
