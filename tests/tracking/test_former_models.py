"""Models that ck19ml 0.1.0 registered: their folders name modules that are no longer there."""

import json
import sys
from pathlib import Path

import keras
import mlflow
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from ck19ml.errors import PlateError
from ck19ml.networks import architectures, training
from ck19ml.networks.unet import build_unet
from ck19ml.tracking import registry

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("store")]

SIZE = 32
CLASSES = ["Unstimulated", "OVA", "ConA"]
RULE = {"cuts": [0.35, 0.7], "classes": [0, 1, 2]}
LOGISTIC = {
    "mean": [0.5], "scale": [0.25], "weights": [[-1.0], [0.0], [1.0]], "biases": [0.0, 0.0, 0.0],
    "classes": [0, 1, 2],
}  # fmt: skip
CARD = {
    "kind": "classifier", "classes": CLASSES, "patch_size": SIZE, "background": 255,
    "bit_depth": 12, "mask": "otsu", "masked": True, "interaction_threshold": 0.2,
    "wells": {"train": ["a", "b"], "validation": ["c"], "test": ["d"]},
    "dataset": {"name": "tiny", "content_hash": "0123"}, "seed": 7, "software": "ck19ml 0.1.0",
    "illumination": False, "mask_network": "", "target": "overlap", "interaction_call": None,
    "baselines": {
        "majority": 0, "mean_overlap": 0.5, "class_overlap": [0.15, 0.55, 0.85],
        "patch_rule": RULE, "well_rule": RULE, "logistic": LOGISTIC,
    },
    "temperature": 1.5, "well_temperature": 1.0, "format": 1,
}  # fmt: skip
MASK_CARD = {
    "architecture": "compact", "target": "truth", "patch_size": SIZE, "background": 255,
    "bit_depth": 12, "wells": {"train": ["a"]}, "seed": 6, "software": "ck19ml 0.1.0",
    "scores": {}, "kind": "unet", "format": 1,
}  # fmt: skip
"""``card.json`` as 0.1.0 wrote it."""


def former_folder(folder: Path, loader: str, network: keras.Model, card: dict[str, object]) -> Path:
    """Write a model folder as 0.1.0 did; the package's code in it must not be needed."""
    data = folder / "data" / "scorer"
    data.mkdir(parents=True)
    network.save(data / "network.keras")
    (data / "card.json").write_text(json.dumps(card))
    code = folder / "code" / "ck19ml" / "__init__.py"
    code.parent.mkdir(parents=True)
    code.write_text("raise AssertionError('the code in the folder ran')\n")
    flavor = {"loader_module": loader, "data": "data/scorer", "code": "code", "env": {}}
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": {"python_function": flavor}}))
    (folder / "requirements.txt").touch()
    return folder


def raw_fields() -> NDArray[np.uint16]:
    values = np.random.default_rng(4).integers(100, 4096, (2, 70, 100, 2))
    return values.astype(np.uint16)


@pytest.fixture(autouse=True)
def import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow puts the folder's code in front of it."""
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_a_former_classifier_loads(tmp_path: Path) -> None:
    training.seed_everything(3)
    encoder = architectures.build_encoder("compact", SIZE)
    head = architectures.build_classifier_head(
        architectures.feature_shape(encoder), classes=3, units=8, depth=1, dropout=0.0,
        normalise=True, pooled=True,
    )  # fmt: skip
    network = architectures.join(encoder, head)
    folder = former_folder(tmp_path / "model", "ck19ml.scoring", network, CARD)
    ours = registry.load_model(str(folder))
    assert (ours.card.software, ours.card.temperature) == ("ck19ml 0.1.0", 1.5)
    assert ours.card.seen == {"a", "b", "c"}
    table = mlflow.pyfunc.load_model(str(folder)).predict(raw_fields())
    assert table.equals(ours.predict(raw_fields()))
    probabilities = table[[f"probability_{name}" for name in CLASSES]]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_a_former_mask_network_is_refused_in_one_line(tmp_path: Path) -> None:
    network = build_unet("compact", filters=2)
    folder = former_folder(tmp_path / "model", "ck19ml.mask_network", network, MASK_CARD)
    place = tmp_path / "fetched"
    place.mkdir()
    expected = (
        r"of an earlier ck19ml, which saw patches raised.*; train it again with 'ck19ml unet'"
    )
    with pytest.raises(PlateError, match=expected):
        _ = registry.fetch_masks(str(folder), place).loaded
    with pytest.raises(PlateError, match=expected):
        mlflow.pyfunc.load_model(str(folder))


def test_a_former_network_is_taken_for_what_it_is(tmp_path: Path) -> None:
    network = build_unet("compact", filters=2)
    folder = former_folder(tmp_path / "model", "ck19ml.mask_network", network, MASK_CARD)
    with pytest.raises(registry.TrackingError, match=r"loaded by ck19ml\.mask_network"):
        registry.load_model(str(folder))
