"""Two models scored on two plates: MLflow's own search finds the better one on each."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient

from ck19ml.config import SplitConfig
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.folder import find_plate
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.plates.layouts.reading import choose_wells, read_layout
from ck19ml.plates.simulation import simulate_plate
from ck19ml.tracking import registry, runs
from ck19ml.workflows.evaluate import evaluate_command
from ck19ml.workflows.predict import predict_command
from ck19ml.workflows.reporting.gather import report
from ck19ml.workflows.reporting.scores import MOST_METRICS, from_rows
from ck19ml.workflows.steps.split import split_dataset
from tests.made_models import save_model, untrained_classifier
from tests.plates.prepared import prepare_dataset

pytestmark = pytest.mark.slow

LOSS = "test/log_loss"


@pytest.fixture(scope="module")
def plates(tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[Dataset]:
    """The tiny plate, and another of other wells."""
    folder = tmp_path_factory.mktemp("plates") / "second"
    layout = choose_wells(builtin_layout("ck19"), 9)
    plate = find_plate(simulate_plate(folder, layout, size=384, seed=5))
    second = prepare_dataset(
        plate, read_layout(folder / "layout.csv"),
        tmp_path_factory.mktemp("datasets") / "second.zarr", mask="instrument", patch_size=192,
    )  # fmt: skip
    return [tiny_dataset, second]


@pytest.fixture(scope="module")
def scored(plates: list[Dataset], store: Path) -> list[tuple[Dataset, str, dict[str, Any]]]:
    """The dataset, the model's id and the outcome of four evaluations."""
    split = split_dataset(plates[0], SplitConfig())
    found = []
    for number in (1, 2):
        scorer = untrained_classifier(split)
        # The second is as sure of the opposite.
        scorer.network.set_weights([(3 - 2 * number) * w for w in scorer.network.get_weights()])
        with runs.start(f"model {number}", "classifier", {}) as run:
            model = registry.log_model(run, scorer, "ck19-classifier", {}, "untrained")
        for dataset in plates:
            outcome = evaluate_command(model.uri, dataset.path, None, overwrite=False)
            assert model.model_id is not None
            found.append((dataset, model.model_id, outcome.data))
    return found


def test_the_search_finds_the_better_model_on_each_plate(
    plates: list[Dataset], scored: list[tuple[Dataset, str, dict[str, Any]]]
) -> None:
    for dataset in plates:
        losses = {model: data[LOSS] for made, model, data in scored if made is dataset}
        assert len(set(losses.values())) == 2
        where = {"dataset_name": dataset.name, "dataset_digest": dataset.content_hash}
        found = mlflow.search_logged_models(
            experiment_ids=["0"],
            filter_string=f"metrics.`{LOSS}` > 0",
            datasets=[where],
            order_by=[{"field_name": f"metrics.{LOSS}", "ascending": True, **where}],
            output_format="list",
        )
        assert [model.model_id for model in found] == sorted(losses, key=losses.__getitem__)
        (logged,) = [
            metric for metric in found[0].metrics
            if metric.key == LOSS and metric.dataset_digest == dataset.content_hash
        ]  # fmt: skip
        assert logged.value == pytest.approx(min(losses.values()))
        assert logged.dataset_name == dataset.name


def test_a_run_names_what_it_tested_and_on_what(
    scored: list[tuple[Dataset, str, dict[str, Any]]],
) -> None:
    for dataset, model, data in scored:
        inputs = MlflowClient().get_run(data["run"]).inputs
        (given,) = inputs.dataset_inputs
        assert (given.dataset.name, given.dataset.digest) == (dataset.name, dataset.content_hash)
        assert {tag.key: tag.value for tag in given.tags} == {"mlflow.data.context": "testing"}
        assert [each.model_id for each in inputs.model_inputs] == [model]


def test_few_numbers_are_metrics_and_all_are_in_the_table_and_the_report(
    scored: list[tuple[Dataset, str, dict[str, Any]]],
) -> None:
    _, _, data = scored[0]
    found = MlflowClient().get_run(data["run"])
    metrics = {k: v for k, v in found.data.metrics.items() if not k.startswith("system/")}
    assert {"test/well_accuracy", "test/well_accuracy_low", "test/accuracy"} <= set(metrics)
    assert len(metrics) <= MOST_METRICS
    whole = {key: value for key, value in data.items() if key.startswith("test/")}
    assert len(whole) > 2 * MOST_METRICS
    table = pd.read_csv(runs.Run(data["run"]).download("scores.csv"))
    assert from_rows(table) == pytest.approx(whole)
    assert metrics == pytest.approx({key: whole[key] for key in metrics})
    assert "test/baseline_overlap_well_accuracy_low" in report(data["run"])


@pytest.fixture(scope="module")
def predicted(
    plates: list[Dataset], scored: list[tuple[Dataset, str, dict[str, Any]]]
) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Of the second plate's folder: model, its id, outcome, and that of its evaluation."""
    folder = Path(plates[1].info["source"])
    found = []
    for dataset, model, evaluated in scored:
        if dataset is plates[1]:
            uri = evaluated["model"]
            out = Path(f"{model}.csv")
            outcome = predict_command(uri, folder, out, patches=None, overwrite=False)
            found.append((uri, model, outcome.data, evaluated))
    return found


def test_a_prediction_scores_the_wells_as_an_evaluation_does(
    predicted: list[tuple[str, str, dict[str, Any], dict[str, Any]]],
) -> None:
    assert len(predicted) == 2
    for _, _, data, evaluated in predicted:
        for name in ("test/well_accuracy", "test/well_accuracy_low", "test/well_log_loss"):
            assert data[name] == pytest.approx(evaluated[name], abs=1e-5), name


def test_a_prediction_is_of_its_model_and_its_plate(
    predicted: list[tuple[str, str, dict[str, Any], dict[str, Any]]],
) -> None:
    digests = set()
    for uri, model, data, _ in predicted:
        run = MlflowClient().get_run(data["run"])
        (given,) = run.inputs.dataset_inputs
        digests.add(given.dataset.digest)
        assert given.dataset.name == "CK19"
        assert {tag.key: tag.value for tag in given.tags} == {"mlflow.data.context": "testing"}
        assert [each.model_id for each in run.inputs.model_inputs] == [model]
        metrics = {k: v for k, v in run.data.metrics.items() if not k.startswith("system/")}
        assert metrics["predict/wells"] == 9
        assert metrics["test/well_accuracy"] == data["test/well_accuracy"]
        assert f"scores of 9 wells of CK19 by {uri}" in run.data.tags["mlflow.note.content"]
        logged = {
            each.key: each.value
            for each in MlflowClient().get_logged_model(model).metrics
            if each.dataset_digest == given.dataset.digest
        }
        assert logged == pytest.approx(metrics)
    assert len(digests) == 1


def test_a_model_s_folder_needs_no_store(
    predicted: list[tuple[str, str, dict[str, Any], dict[str, Any]]], tmp_path: Path
) -> None:
    uri, _, data, _ = predicted[0]
    save_model(registry.load_model(uri), tmp_path / "model")
    before = len(MlflowClient().search_runs(["0"]))
    folder = Path(MlflowClient().get_run(data["run"]).data.params["plate"])
    alone = predict_command(
        str(tmp_path / "model"), folder, tmp_path / "scores.csv", patches=None, overwrite=False
    )
    assert "run" not in alone.data
    assert alone.data["test/well_accuracy"] == data["test/well_accuracy"]
    assert len(MlflowClient().search_runs(["0"])) == before
