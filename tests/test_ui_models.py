"""Models in the MLflow UI: their scores on each plate, and the champion's own page."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest

from ck19ml.config import ClassifierConfig
from ck19ml.networks.settings import ClosedFormHead, Source
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.folder import find_plate
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.plates.layouts.reading import choose_wells, read_layout
from ck19ml.plates.simulation import simulate_plate
from ck19ml.workflows.classifier import classifier_command
from ck19ml.workflows.evaluate import evaluate_command
from tests.browser import NEEDS_BROWSER, Page, Served, serve
from tests.conftest import tracking_store
from tests.plates.prepared import prepare_dataset

pytestmark = [pytest.mark.slow, NEEDS_BROWSER]

SHOWN = ("test/well_accuracy", "test/well_accuracy_low", "test/well_accuracy_high", "test/log_loss")
SOURCES: tuple[Source, ...] = ("measurements", "cells")

MATRIX = """
const cells = {};
for (const row of document.querySelectorAll('[role=row][row-id]'))
  for (const cell of row.querySelectorAll('[role=gridcell]'))
    (cells[row.getAttribute('row-id')] ??= {})[cell.getAttribute('col-id')] = cell.innerText;
const heads = {};
for (const head of document.querySelectorAll('[role=columnheader]'))
  heads[head.getAttribute('col-id')] = head.innerText;
return {cells, heads};
"""
"""Texts of the table of models: by id of the model and of the column, and above each column."""


@dataclass(frozen=True)
class Scores:
    """Two datasets, and by the model's run: its URI, and its scores on each dataset."""

    datasets: list[Dataset]
    models: dict[str, tuple[str, list[dict[str, Any]]]]


@pytest.fixture(scope="module")
def made(tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scores]:
    """Two classifiers that are computed in one go, tested on their own plate and another."""
    folder = tmp_path_factory.mktemp("plates") / "second"
    simulate_plate(folder, choose_wells(builtin_layout("ck19"), 9), size=384, seed=5)
    second = prepare_dataset(
        find_plate(folder), read_layout(folder / "layout.csv"), folder.with_name("second.zarr"),
        mask="instrument", patch_size=192,
    )  # fmt: skip
    models = {}
    with tracking_store(tmp_path_factory.mktemp("ui")):
        for source in SOURCES:
            config = ClassifierConfig(
                dataset=tiny_dataset.path, encoder=None, source=source,
                head=ClosedFormHead(kind="lda"),
            )  # fmt: skip
            first = classifier_command(config).data
            other = evaluate_command(first["model"], second.path, None, overwrite=False).data
            models[first["run"]] = (first["model"], [first, other])
        yield Scores([tiny_dataset, second], models)


@pytest.fixture(scope="module")
def served(made: Scores) -> Iterator[Served]:
    with serve(Path.cwd()) as found:
        yield found


def logged_models() -> dict[str, str]:
    """Ids of the models that take fields, by their runs."""
    found = mlflow.search_logged_models(experiment_ids=["0"], output_format="list")
    return {each.source_run_id: each.model_id for each in found if each.name == "model"}


def test_the_models_page_is_a_matrix_of_models_and_plates(
    page: Page, served: Served, made: Scores
) -> None:
    page.driver.set_window_size(9000, 900)  # the table draws only the columns that are in sight
    page.open(f"{served.base}/#/experiments/0/models?workflowType=machine_learning")
    ids = logged_models()
    assert set(ids) == set(made.models)
    names = [
        [f'metrics.{{"metricKey":"{name}","datasetName":"{each.name}","datasetDigest":"'
         f'{each.content_hash}"}}' for name in SHOWN]
        for each in made.datasets
    ]  # fmt: skip
    wanted = {name for columns in names for name in columns}

    def table() -> Any:
        found = page.driver.execute_script(MATRIX)
        return found if wanted <= set(found["heads"]) else None

    found = page.until(table, "the columns of both plates")
    page.dismiss()
    page.picture("mlflow-models")
    above = [head for head in found["heads"].values() if head.startswith("Dataset:")]
    assert sorted(above) == sorted(
        f"Dataset:\n{each.name} (#{each.content_hash})" for each in made.datasets
    )
    for run, (uri, scores) in made.models.items():
        row = {key.replace("&quot;", '"'): text for key, text in found["cells"][ids[run]].items()}
        name, version = uri.removeprefix("models:/").split("/")
        assert row["registered_models"].split() == [name, f"v{version}"]
        for columns, known in zip(names, scores, strict=True):
            shown = [float(row[column]) for column in columns]
            assert shown == pytest.approx([known[name] for name in SHOWN])


def test_the_champion_s_page_says_its_verdict_its_scores_and_its_tags(
    page: Page, served: Served, made: Scores
) -> None:
    uri, (known, _) = next(iter(made.models.values()))
    name, version = uri.removeprefix("models:/").split("/")
    page.driver.set_window_size(1600, 1400)
    page.open(f"{served.base}/#/models/{name}/versions/{version}")
    table = page.find("//table[.//th[normalize-space(.)='score']]")
    page.until(lambda: "champion" in page.text, "the alias")
    page.picture("mlflow-champion")
    rows = [row.text for row in table.find_elements("xpath", ".//tbody/tr")]
    for label, key in (("well accuracy", "well_accuracy"), ("patch accuracy", "accuracy")):
        value, low, high = (known[f"test/{key}{end}"] for end in ("", "_low", "_high"))
        assert f"{label} {value:.3f} [{low:.3f}, {high:.3f}]" in rows
    for said in (
        f"Well accuracy {known['test/well_accuracy']:.3f} against ", "of the best baseline",
        "Look first at the figures scores.png and confusion.png.",
        "Gate: champion, there was no champion.",
        "recipe\ngeneral measurements; linear discriminant analysis", "gate\npromoted",
        f"dataset\n{made.datasets[0].content_hash}",
    ):  # fmt: skip
        page.until(lambda said=said: said in page.text, said)
