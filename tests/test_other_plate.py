"""A plate of another laboratory, from its files to scores: 96 wells, 8-bit stacks, own names."""

from functools import partial
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml

from ck19ml.plates.dataset.store import open_dataset
from tests.command import told

SIDE = 270
TREATMENTS = ("vehicle", "blocker", "trigger")
PER_TREATMENT = 8

pytestmark = pytest.mark.slow


def stack(cells: int, together: float, rng: np.random.Generator) -> np.ndarray:
    """Round cells of both channels, (2, SIDE, SIDE), uint8; some lie on one another."""
    y, x = np.mgrid[:SIDE, :SIDE]
    planes = np.full((2, SIDE, SIDE), 3, np.uint8)
    for _ in range(cells):
        centre = rng.uniform(8, SIDE - 8, 2)
        for plane in planes:
            at = centre if rng.random() < together else rng.uniform(8, SIDE - 8, 2)
            disc = (y - at[0]) ** 2 + (x - at[1]) ** 2 < rng.uniform(4, 8) ** 2
            plane[disc] = rng.integers(60, 255)
    return planes


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("laboratory")
    plate = folder / "P7"
    plate.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for index in range(len(TREATMENTS) * PER_TREATMENT):
        name = f"{index % 12 + 1:02d}{'ABCDEFGH'[index // 12]}"
        kind = index % len(TREATMENTS)
        tifffile.imwrite(plate / f"{name}.tif", stack(20 + 10 * kind, 0.3 * kind, rng))
        rows.append({"colrow": name, "treatment": TREATMENTS[kind], "drug": f"D{index}"})
    pd.DataFrame(rows).to_csv(plate / "sheet.csv", index=False)
    description = {
        "name": "P7",
        "files": r"(?P<column>\d\d)(?P<row>[A-H])\.tif",
        "channels": {"dc": 0, "tcell": 1},
        "channel_axis": 0,
        "bit_depth": 8,
        "layout": "sheet.csv",
        "layout_columns": {"well": "colrow", "stimulation": "treatment", "compound": "drug"},
    }
    (plate / "plate.yaml").write_text(yaml.safe_dump(description))
    config = {
        "plate": "P7",
        "dataset": "P7.zarr",
        "prepare": {"patch_size": 128},
        "autoencoder": {"fit": {"epochs": 1, "batch_size": 16, "least_steps": 1}},
        "trials": 2,
        "epochs": 3,
        "space": {"fine_tune": [False]},
    }
    (folder / "tune.yaml").write_text(yaml.safe_dump(config))
    return folder


def test_from_files_to_scores(laboratory, workplace, monkeypatch, capsys):
    monkeypatch.chdir(laboratory)
    run = partial(told, capsys)
    run("prepare", "P7", "P7.zarr", "--patch-size", "128")
    dataset = open_dataset(Path("P7.zarr"))
    assert dataset.read(np.arange(2)).shape == (2, 128, 128, 2)
    assert dataset.read(np.arange(2)).dtype == np.uint8
    assert set(dataset.table["stimulation"]) == set(TREATMENTS)
    assert set(dataset.table["plate"]) == {"P7"}
    assert {"A01", "B12"} <= set(dataset.table["well"])

    autoencoder = {
        "dataset": "P7.zarr",
        "fit": {"epochs": 1, "batch_size": 16, "least_steps": 1},
        "seed": 5,
    }
    Path("autoencoder.yaml").write_text(yaml.safe_dump(autoencoder))
    assert run("autoencoder", "-c", "autoencoder.yaml")["test/bce"] > 0

    tuned = run("tune", "-c", "tune.yaml")
    assert tuned["trials"] == 2

    champion = "models:/ck19-classifier@champion"
    evaluated = run("evaluate", champion, "P7.zarr", "--figures", "figures")
    assert evaluated["test/well_accuracy"] == pytest.approx(tuned["test/well_accuracy"], abs=1e-6)
    assert (Path("figures") / "confusion.png").stat().st_size > 10_000

    run("predict", champion, "P7", "--out", "scores.csv")
    scores = pd.read_csv("scores.csv")
    assert len(scores) == len(TREATMENTS) * PER_TREATMENT
    assert {f"probability_{name}" for name in TREATMENTS} <= set(scores.columns)
    assert set(scores["stimulation"]) <= set(TREATMENTS)

    run_of = mlflow.get_run(str(tuned["run"]))
    wells = mlflow.artifacts.load_text(f"runs:/{run_of.info.run_id}/test_wells.csv")
    assert all(name in wells for name in TREATMENTS)
