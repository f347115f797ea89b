"""A tuning that starts from the default, and whose champion is computed in one go."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

from ck19ml.config import ClassifierConfig, TuneConfig
from ck19ml.config.loading import load_config
from ck19ml.config.tune import FIRST, SpaceConfig
from ck19ml.networks.settings import AutoencoderSettings, FitSettings
from ck19ml.tracking import registry
from ck19ml.tracking.runs import Run
from ck19ml.workflows.classifier import classifier_command
from ck19ml.workflows.tune import tune_command
from ck19ml.workflows.tuning.selection import LOSSES
from tests.conftest import tracking_store
from tests.places import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(tiny_plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Four trials of computed heads, the champion's config used again, and a run of each."""
    folder = tmp_path_factory.mktemp("tune")
    shutil.copytree(tiny_plate, folder / "tiny")
    config = TuneConfig(
        plate=folder / "tiny",
        dataset=folder / "plate.zarr",
        autoencoder=AutoencoderSettings(fit=FitSettings(epochs=1, batch_size=16, least_steps=1)),
        trials=4,
        space=SpaceConfig(head=["lda", "logistic"], encoder=["untrained"]),
    )
    with tracking_store(folder):
        data = tune_command(config, None).data
        parent = Run(data["parent"])
        text = parent.text("champion.yaml")
        assert text is not None
        (folder / "champion.yaml").write_text(text)
        (folder / "tune.json").write_text(config.model_dump_json())
        again = classifier_command(load_config(ClassifierConfig, folder / "champion.yaml", [])).data
        client = MlflowClient()
        query = f"tags.`mlflow.parentRunId` = '{parent.id}' and tags.`ck19ml.kind` = 'trial'"
        found = client.search_runs(["0"], query, order_by=["attributes.start_time ASC"])
        yield data, again, [run.data for run in found], folder


def test_the_first_trial_is_the_default_and_the_others_have_only_what_is_theirs(told: Any) -> None:
    _, _, trials, _ = told
    assert trials[0].params == {name: str(value) for name, value in FIRST.items()}
    for trial in trials:
        assert ("strength" in trial.params) == (trial.params["head"] == "logistic")
        assert ("encoder" in trial.params) == (trial.params["source"] in ("encoder", "both"))
        assert not {"units", "fine_tune", "learning_rate"} & set(trial.params)
        assert {"validation/well_log_loss", "validation/well_accuracy"} <= set(trial.metrics)


def test_the_champion_is_computed_and_says_what_it_is_made_of(told: Any) -> None:
    data, _, trials, _ = told
    version = data["model"].split("/")[-1]
    tags = MlflowClient().get_model_version("ck19-classifier", version).tags
    head = {"lda": "linear discriminant analysis", "logistic": "logistic regression"}
    assert tags["recipe"].endswith(head[trials[data["best_trial"]].params["head"]])
    assert data["promoted"] is True


def test_its_config_makes_the_same_model_again(told: Any) -> None:
    data, again, _, _ = told
    first, second = (registry.load_model(each["model"]) for each in (data, again))
    for mine, theirs in zip(first.network.get_weights(), second.network.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)
    for name, value in data.items():
        if name.startswith("test/well"):
            assert again[name] == pytest.approx(value, abs=1e-6), name


def test_with_nothing_to_do_keras_is_not_loaded(told: Any) -> None:
    data, _, _, folder = told
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ck19ml.config import TuneConfig\n"
        "from ck19ml.workflows.tune import tune_command\n"
        "config = TuneConfig.model_validate_json(Path('tune.json').read_text())\n"
        "data = tune_command(config, None).data\n"
        "print(data['added'], data['model'], 'keras' in sys.modules)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert found.stdout.split("\n")[-2] == f"0 {data['model']} False"


def test_trials_are_kept_with_the_losses_that_chose_among_them(told: Any) -> None:
    from ck19ml import tuning

    data, _, trials, folder = told
    journal = folder / "plate.study" / "optuna.journal"
    name = Run(data["parent"]).tag("ck19ml.study")
    assert name is not None
    with tuning.open_study(journal, name, seed=2211, first={}) as study:
        complete = study.complete
    assert len(complete) == 4
    for trial, run in zip(complete, trials, strict=True):
        losses = trial.notes[LOSSES]
        assert trial.value == pytest.approx(np.mean(list(losses.values())))
        assert trial.value == pytest.approx(run.metrics["validation/well_log_loss"])
