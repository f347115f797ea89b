"""Classifiers computed in one go: their tracked runs, registered models and folds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import tifffile
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from scipy.special import softmax

from ck19ml.config import ClassifierConfig, SplitConfig
from ck19ml.core.scores.calibration import tempered
from ck19ml.core.wells import well_index
from ck19ml.errors import ConfigError
from ck19ml.networks import architectures
from ck19ml.networks.settings import AutoencoderSettings, ClosedFormHead, FitSettings, Source
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.folder import find_plate, read_field
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.plates.layouts.reading import read_layout
from ck19ml.plates.simulation import simulate_plate
from ck19ml.tracking import registry, runs
from ck19ml.workflows import cross_validation
from ck19ml.workflows.classifier import classifier_command
from ck19ml.workflows.cross_validation import folds_command
from ck19ml.workflows.screening.score import patch_scores, score_meaning
from ck19ml.workflows.steps.predict import predict_plate
from ck19ml.workflows.steps.split import split_dataset
from tests.conftest import tracking_store
from tests.made_models import untrained_autoencoder
from tests.plates.prepared import prepare_dataset

pytestmark = pytest.mark.slow

LDA = ClosedFormHead(kind="lda")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with tracking_store(tmp_path_factory.mktemp("closed")) as folder:
        yield folder


def config_of(dataset: Dataset, source: Source, **changes: Any) -> ClassifierConfig:
    return ClassifierConfig(
        **({"dataset": dataset.path, "encoder": None, "source": source, "head": LDA} | changes)
    )


@pytest.fixture(scope="module")
def measured(place: Path, tiny_dataset: Dataset) -> dict[str, Any]:
    """A head on general measurements."""
    return classifier_command(config_of(tiny_dataset, "measurements")).data


@pytest.fixture(scope="module")
def averaged(measured: dict[str, Any], tiny_dataset: Dataset) -> dict[str, Any]:
    """Heads on measurements and on an untrained encoder, averaged."""
    return classifier_command(config_of(tiny_dataset, "both")).data


@pytest.fixture(scope="module")
def cells(averaged: dict[str, Any], tiny_dataset: Dataset) -> dict[str, Any]:
    """A head on the measurements of cells alone."""
    return classifier_command(config_of(tiny_dataset, "cells")).data


def table(run: str, name: str) -> pd.DataFrame:
    folder = Path(download_artifacts(run_id=run))
    return pd.read_csv(next(folder.rglob(f"{name}.csv")))


def vehicle_plate(folder: Path, wells: int, seed: int) -> Path:
    """Simulate a plate of vehicle wells, so many of each stimulation."""
    layout = builtin_layout("ck19")
    some = layout[layout["control"] == "vehicle"].groupby("stimulation").head(wells)
    return simulate_plate(folder, some, size=384, seed=seed)


@pytest.fixture(scope="module")
def of_vehicles(place: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that was trained on vehicle wells."""
    folder = vehicle_plate(tmp_path_factory.mktemp("vehicles") / "plate", 6, 2211)
    layout = read_layout(folder / "layout.csv")
    data_folder = folder.with_name("vehicles.zarr")
    data = prepare_dataset(
        find_plate(folder), layout, data_folder, mask="instrument", patch_size=192
    )
    return str(classifier_command(config_of(data, "measurements")).data["model"])


@pytest.mark.parametrize(
    ("gain", "background", "warned"),
    [(1.0, 0, False), (1.6, 0, True), (1.0, 120, True)],
    ids=["another plate", "another gain", "another background"],
)
def test_a_plate_that_looks_different_is_warned_of(
    of_vehicles: str, tmp_path: Path, gain: float, background: int, warned: bool
) -> None:
    folder = vehicle_plate(tmp_path / "other", 3, 77)
    for path in folder.glob("*.tif"):
        image = np.minimum(gain * tifffile.imread(path) + background, 4095)
        tifffile.imwrite(path, image.astype(np.uint16))
    told = predict_plate(of_vehicles, find_plate(folder), tmp_path / "wells.csv", None)
    (line,) = (line for line in told.lines if "vehicle wells" in line)
    assert line.startswith("warning: this plate looks different") == warned, line
    low, high = (told.data[f"predict/drift_{end}"] for end in ("low", "high"))
    assert low < told.data["predict/drift"] < high
    assert (low > 2 or high < -2) == warned
    logged = MlflowClient().get_run(told.data["run"]).data.metrics
    assert logged["predict/drift"] == told.data["predict/drift"]
    (folder / "layout.csv").unlink()
    told = predict_plate(of_vehicles, find_plate(folder), tmp_path / "again.csv", None)
    assert any(line.endswith("without a layout no vehicle wells are known") for line in told.lines)


@pytest.mark.parametrize("which", ["measured", "cells", "averaged"])
def test_raw_fields_are_answered_as_the_dataset_s_wells_were(
    which: str, request: pytest.FixtureRequest, tiny_plate: Path, tmp_path: Path
) -> None:
    data = request.getfixturevalue(which)
    known = table(data["run"], "test_wells").set_index("well")
    model = mlflow.pyfunc.load_model(data["model"])
    plate = find_plate(tiny_plate)
    fields = [field for field in plate.fields if field.well in known.index]
    images = np.stack([read_field(field, plate.description) for field in fields])
    found = model.predict(images).set_index(pd.Index([field.well for field in fields]))
    columns = [name for name in known if name.startswith("probability_")]
    np.testing.assert_allclose(found[columns], known.loc[found.index, columns], atol=1e-4)
    predict_plate(data["model"], plate, tmp_path / "wells.csv", tmp_path / "patches.csv")
    wells = pd.read_csv(tmp_path / "wells.csv").set_index("well").loc[found.index]
    np.testing.assert_allclose(wells[columns], found[columns], atol=1e-4)
    patches = pd.read_csv(tmp_path / "patches.csv")
    np.testing.assert_allclose(patches[columns].sum(axis=1), 1, atol=1e-4)


def test_a_screen_scores_wells_as_the_model_answers_them(
    measured: dict[str, Any], tiny_dataset: Dataset
) -> None:
    known = table(measured["run"], "test_wells").set_index("well")
    scorer = registry.load_model(measured["model"])
    meaning = score_meaning(scorer.card, "ConA", "Unstimulated")
    assert meaning.of_wells
    scores = pd.Series(patch_scores(scorer, tiny_dataset, meaning)).groupby(
        tiny_dataset.table["well"].to_numpy()
    )
    assert scores.nunique().max() == 1
    of_wells = scores.first().dropna()
    assert of_wells.nunique() == len(of_wells)  # none is rounded to certainty, as answers are
    table_of = tiny_dataset.table[tiny_dataset.table["well"].isin(known.index)]
    usable = table_of[~table_of["faulty"]]
    features = scorer.features(scorer.read(tiny_dataset, usable.index.to_numpy()))
    evidence = scorer.evidence(features, well_index(usable))
    classes, heat = scorer.card.classes, scorer.card.well_temperature
    answers = tempered(softmax(evidence * heat, axis=1), heat)
    own = known[[f"probability_{name}" for name in classes]]
    np.testing.assert_allclose(answers, own, atol=1e-4)
    first, second = classes.index("ConA"), classes.index("Unstimulated")
    np.testing.assert_allclose(of_wells[known.index], evidence[:, first] - evidence[:, second])


def test_the_registry_says_what_a_model_is_made_of(
    measured: dict[str, Any], averaged: dict[str, Any]
) -> None:
    client = MlflowClient()
    versions = [
        client.get_model_version(*data["model"].removeprefix("models:/").split("/"))
        for data in (measured, averaged)
    ]
    for version in versions:  # verdict, key figures, pictures, and what the gate decided
        assert version.description.startswith("Well accuracy "), version.description
        for text in ("of the best baseline", "| patch accuracy | ", "Look first at", "Gate: "):
            assert text in version.description
    assert [version.tags["recipe"] for version in versions] == [
        "general measurements; linear discriminant analysis",
        "general measurements and pooled features of an encoder, averaged; linear discriminant "
        "analysis",
    ]
    card = registry.load_model(averaged["model"]).card
    assert (card.source, card.head) == ("both", "lda")
    assert card.well_temperature > 0


def test_too_many_folds_are_refused_before_the_first(
    tiny_dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_of(tiny_dataset, "measurements", split=SplitConfig(folds=11))
    with pytest.raises(ConfigError, match="take fewer folds"):
        folds_command(config)
    assert "fold 1" not in capsys.readouterr().err


def test_folds_train_autoencoders_with_the_settings_of_the_one_named(
    place: Path, tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    born = architectures.build_autoencoder("compact", 192)
    trained: list[AutoencoderSettings] = []

    def fit(settings: AutoencoderSettings, *_: Any) -> tuple[Any, None]:
        trained.append(settings)
        return born, None

    monkeypatch.setattr(cross_validation, "fit_autoencoder", fit)
    settings = AutoencoderSettings(fit=FitSettings(epochs=7, batch_size=9, learning_rate=0.003))
    scorer = untrained_autoencoder(split_dataset(tiny_dataset, SplitConfig()))
    with runs.start("autoencoder", "autoencoder", settings.model_dump(mode="json")) as run:
        registry.log_model(run, scorer, "folds-autoencoder", {}, "")
    uri = registry.model_uri(run)
    named = {"encoder": uri, "split": SplitConfig(folds=2)}
    found = folds_command(config_of(tiny_dataset, "encoder", **named))
    logged = mlflow.get_run(found.data["run"]).data.params
    assert logged["encoder"] == f"an autoencoder of each fold, with the settings of {uri}"
    assert trained == [settings, settings]
    assert logged["autoencoder.fit.epochs"] == "7"
    told = f"{uri} has seen wells of every fold; each fold trains one with its settings (compact, 7"
    assert told in capsys.readouterr().err
    with runs.start("autoencoder", "autoencoder", {}) as bare:
        registry.log_model(bare, scorer, "folds-autoencoder", {}, "")
    named["encoder"] = registry.model_uri(bare)
    with pytest.raises(ConfigError, match="one whose run in the store holds none; name one made"):
        folds_command(config_of(tiny_dataset, "encoder", **named))


def test_wells_of_a_fold_are_answered_by_a_model_of_the_others(
    measured: dict[str, Any], tiny_dataset: Dataset
) -> None:
    config = config_of(tiny_dataset, "measurements", split=SplitConfig(folds=3))
    found = folds_command(config)
    wells = table(found.data["run"], "out_of_fold_wells")
    assert wells["well"].is_unique
    own = (wells["predicted"] == wells["stimulation"]).mean()
    assert found.data["test/well_accuracy"] == pytest.approx(own)
    assert own > 0.5  # three classes of simulated wells, ten each
