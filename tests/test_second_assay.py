"""Two assays in one store: each command finds the champion made for its own plate."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient

from ck19ml import cli
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking import registry
from tests.conftest import tracking_store
from tests.plates.made_plates import write_image
from tests.test_other_plate import stack

pytestmark = pytest.mark.slow

CLASSES = ("medium", "primed")
PATCH = 64
FIT: dict[str, Any] = {"epochs": 1, "batch_size": 16, "least_steps": 1}
KINDS = ("autoencoder", "classifier", "regressor")

Run = Callable[..., dict[str, Any]]


def other_plate(folder: Path) -> Path:
    """24 wells with other classes, channel names, grey values and pixels than the simulator's."""
    folder.mkdir()
    rng = np.random.default_rng(3)
    rows = []
    for index in range(24):
        well = f"{'ABCD'[index // 6]}{index % 6 + 1}"
        planes = stack(30 + 10 * (index % 2), 0.6 * (index % 2), rng)[:, :200, :200]
        for dye, plane in zip(("Cy5", "GFP"), planes, strict=True):
            write_image(folder / f"{well}_{dye}.tif", plane)
        drug = "" if index < 8 else f"D{index // 2}"
        rows.append({"well": well, "stimulation": CLASSES[index % 2], "compound": drug})
    pd.DataFrame(rows).to_csv(folder / "layout.csv", index=False)
    description = {
        "files": r"(?P<row>[A-D])(?P<column>\d)_(?P<channel>\w+)\.tif",
        "channels": {"dc": "Cy5", "tcell": "GFP"},
        "bit_depth": 8,
        "pixel_size_um": 0.65,
    }
    (folder / "plate.yaml").write_text(yaml.safe_dump(description))
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with tracking_store(tmp_path_factory.mktemp("assays")) as folder:
        yield folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Call a command; returns its JSON and, as ``said``, what it told on stderr."""

    def called(*arguments: object) -> dict[str, Any]:
        cli.app([*map(str, arguments), "--json"], standalone_mode=False)
        out, err = capsys.readouterr()
        return json.loads(out.splitlines()[-1]) | {"said": err}

    return called


def train(run: Run, kind: str, dataset: Path, **settings: Any) -> dict[str, Any]:
    config = Path(f"{kind}.yaml")
    config.write_text(yaml.safe_dump({"dataset": str(dataset), **settings}))
    return run(kind, "-c", config)


def train_all(run: Run, dataset: Path) -> dict[str, dict[str, Any]]:
    """Train one model of each kind; the regressor's encoder is the default: the champion."""
    lda = {"source": "measurements", "head": {"kind": "lda"}, "encoder": None}
    return {
        "autoencoder": train(run, "autoencoder", dataset, fit=FIT),
        "classifier": train(run, "classifier", dataset, **lda),
        "regressor": train(run, "regressor", dataset, fit=FIT),
    }


def use_all(run: Run, dataset: Path, plate: Path, classes: set[str], out: Path) -> str:
    """Run each command on a plate with the plain champions; returns what they told."""
    classifier = "models:/ck19-classifier@champion"
    said = [run("evaluate", classifier, dataset)["said"]]
    found = run("predict", classifier, plate, "--out", out / "wells.csv")
    assert set(found["predicted"]) <= classes
    said.append(found["said"])
    found = run("screen", classifier, dataset, "--reference", min(classes, key=str.casefold))
    said.append(found["said"])
    encoder = "models:/ck19-autoencoder@champion"
    said.append(run("features", encoder, dataset, "--out", out / "profiles.parquet")["said"])
    return "\n".join(said)


def test_commands_work_after_a_second_assay(
    place: Path, run: Run, tiny_plate: Path, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    first = train_all(run, tiny_dataset.path)
    for kind in ("classifier", "regressor"):
        assert first[kind]["model"] == f"models:/ck19-{kind}/1"
    before = {kind: registry.champion(f"ck19-{kind}") for kind in KINDS}

    plate = other_plate(tmp_path / "Q1")
    dataset = tmp_path / "q.zarr"
    run("prepare", plate, dataset, "--patch-size", PATCH)
    second = train_all(run, dataset)
    tune = {
        "plate": str(plate),
        "dataset": str(dataset),
        "prepare": {"patch_size": PATCH},
        "autoencoder": {"fit": FIT},
        "trials": 1,
    }
    Path("tune.yaml").write_text(yaml.safe_dump(tune))
    tuned = run("tune", "-c", "tune.yaml")

    # The second assay's models have names of their own, which are told; nobody was replaced.
    names = {m.name for m in MlflowClient().search_registered_models()}
    assert len(names) == 2 * len(KINDS)
    for kind in ("classifier", "regressor"):
        name = second[kind]["model"].split("/")[1]
        assert name in names - {f"ck19-{kind}"}
        assert f"made for the classes medium, primed, patches of {PATCH} pixels, 8 bits" in (
            said := second[kind]["said"]
        )
        assert f"is registered as {name}" in said
    assert tuned["model"].split("/")[1] == second["classifier"]["model"].split("/")[1]
    assert {kind: registry.champion(f"ck19-{kind}") for kind in KINDS} == before

    (tmp_path / "out").mkdir()
    said = use_all(run, dataset, plate, set(CLASSES), tmp_path / "out")
    assert said.count("was made for another assay; using models:/ck19-") == 4
    stimulations = set(tiny_dataset.table["stimulation"])
    (tmp_path / "again").mkdir()
    said = use_all(run, tiny_dataset.path, tiny_plate, stimulations, tmp_path / "again")
    assert "another assay" not in said
    again = train(run, "regressor", tiny_dataset.path, fit=FIT, seed=1)
    assert again["model"] == "models:/ck19-regressor/2"
