"""One stained channel beside brightfield, from a plate folder to a champion and its scores."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from ck19ml.errors import PlateError
from ck19ml.networks.card import Card
from ck19ml.plates.dataset.store import open_dataset
from ck19ml.tracking import registry
from tests.command import told
from tests.plates.made_plates import grey, write_image

pytestmark = pytest.mark.slow

SIDE, PATCH, WELLS = 72, 32, 12


@pytest.fixture
def laboratory(tmp_path: Path) -> Path:
    """Wells of two treatments, of which one makes the cells of the green channel dimmer."""
    plate, rows = tmp_path / "P", []
    plate.mkdir()
    for index in range(2 * WELLS):
        row, column = "ABCD"[index % 4], index // 4 + 1
        for seed, wave in enumerate(("GFP", "BF")):
            plane = grey(10 * index + seed, (SIDE, SIDE))
            plane = plane // np.uint16(2) if column % 2 and wave == "GFP" else plane
            write_image(plate / f"P - {row} - {column}(fld 1 wv {wave} - {wave}).tif", plane)
        rows.append({"well": f"{row}{column:02d}", "stimulation": ["bright", "dim"][column % 2]})
    pd.DataFrame(rows).to_csv(plate / "layout.csv", index=False)
    told = {"channels": {"light": "BF", "green": "GFP"}, "stained": ["green"]}
    (plate / "plate.yaml").write_text(yaml.safe_dump(told, sort_keys=False))
    config = {
        "plate": "P",
        "dataset": "P.zarr",
        "prepare": {"patch_size": PATCH},
        "autoencoder": {"fit": {"epochs": 1, "batch_size": 16, "least_steps": 1}},
        "trials": 2,
        "epochs": 2,
        "space": {"fine_tune": [False]},
    }
    (tmp_path / "tune.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def test_from_files_to_scores(laboratory, workplace, monkeypatch, capsys):
    monkeypatch.chdir(laboratory)
    run = partial(told, capsys)
    tuned = run("tune", "-c", "tune.yaml")
    assert tuned["test/well_accuracy"] == 1.0
    assert not [name for name in tuned if "overlap" in name]
    assert open_dataset(Path("P.zarr")).panel.names == ("light", "green")
    champion = "models:/ck19-classifier@champion"
    assert registry.load_model(champion).card.panel.stained == ("green",)
    evaluated = run("evaluate", champion, "P.zarr", "--figures", "figures")
    assert evaluated["test/well_accuracy"] == tuned["test/well_accuracy"]
    assert not list(Path("figures").glob("overlap*"))
    run("predict", champion, "P", "--out", "scores.csv")
    scores = pd.read_csv("scores.csv")
    assert len(scores) == 2 * WELLS
    assert "overlap" not in scores
    served = registry.load_model(champion)
    fields = np.stack([grey(seed, (SIDE, SIDE)) for seed in (1, 2)], axis=-1)[None]
    assert served.predict(fields)["patches"].tolist() == [4]
    assert Card.model_validate(served.card.model_dump(mode="json")) == served.card

    # A plate of other channels is not scored by it.
    known = {"channels": {"dc": "BF", "tcell": "GFP"}}
    (laboratory / "P" / "plate.yaml").write_text(yaml.safe_dump(known))
    with pytest.raises(PlateError, match="but the model was trained on light, green"):
        run("predict", champion, "P", "--out", "more.csv")
