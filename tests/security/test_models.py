"""A model folder runs nothing that came with it."""

import csv
import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

from tests.command import Ended, ck19ml, in_one_line
from tests.security.conftest import Payload

PY = "import pathlib; pathlib.Path({!r}).touch()\n"


@pytest.fixture(autouse=True)
def at_store(store: Path) -> None:
    """Commands look for models in a store of their own."""


def predict(model: Path, plate: Path) -> Ended:
    return ck19ml("predict", model, plate, "--out", model.parent / "scores.csv")


def scorer(model: Path) -> Path:
    return model / "data" / "scorer"


def rewrite_network(model: Path, change: object) -> None:
    """Change the network's description inside its archive."""
    path = scorer(model) / "network.keras"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    content = json.loads(parts["config.json"])
    change(content)  # type: ignore[operator]
    parts["config.json"] = json.dumps(content).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)


def edit_mlmodel(model: Path, **changes: str) -> None:
    path = model / "MLmodel"
    content = yaml.safe_load(path.read_text())
    content["flavors"]["python_function"] |= changes
    path.write_text(yaml.safe_dump(content))


def test_the_model_itself_is_taken(model: Path, tiny_plate: Path) -> None:
    assert predict(model, tiny_plate).code == 0  # so what is refused below is what was planted


def test_code_in_a_lambda_layer(model: Path, tiny_plate: Path, marker: Path) -> None:
    code = f"__import__('pathlib').Path({str(marker)!r}).touch() or x"
    inputs = keras.Input((192, 192, 2))
    outputs = keras.layers.Lambda(eval(f"lambda x: {code}"), output_shape=(3,))(inputs)  # noqa: S307
    keras.Model(inputs, outputs).save(scorer(model) / "network.keras")
    marker.unlink(missing_ok=True)  # building it may run it
    ended = predict(model, tiny_plate)
    assert ended.code == 1
    in_one_line(ended, "train it again")


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "eval"), ("keras.utils", "get_file"),
     ("keras.config", "enable_unsafe_deserialization"), ("planted", "Layer")],
)  # fmt: skip
def test_a_layer_that_names_another_function(
    model: Path, tiny_plate: Path, marker: Path, module: str, name: str,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    (tmp_path / "planted.py").write_text(PY.format(str(marker)))
    monkeypatch.syspath_prepend(tmp_path)

    def change(content: dict) -> None:
        content["config"]["layers"][1] |= {
            "module": module, "class_name": name, "registered_name": None,
            "config": {"command": f"touch {marker}", "fname": str(marker), "origin": "file:///"},
        }  # fmt: skip

    rewrite_network(model, change)
    ended = predict(model, tiny_plate)
    assert ended.code == 1
    in_one_line(ended, "train it again")
    assert keras.src.saving.serialization_lib.in_safe_mode() is not False


def test_a_weights_file_that_leads_out_of_the_archive(model: Path, tiny_plate: Path) -> None:
    path = scorer(model) / "network.keras"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../../planted.txt", "x")
        archive.writestr("assets/../../../planted.txt", "x")
    predict(model, tiny_plate)
    assert list(model.parent.rglob("planted.txt")) == []


def test_a_loader_that_is_not_ours(model: Path, tiny_plate: Path, marker: Path) -> None:
    (model / "code").mkdir()
    (model / "code" / "planted_loader.py").write_text(
        PY.format(str(marker)) + "def _load_pyfunc(path):\n    " + PY.format(str(marker))
    )
    edit_mlmodel(model, loader_module="planted_loader", code="code")
    ended = predict(model, tiny_plate)
    assert ended.code == 1
    in_one_line(ended, "planted_loader")


def test_code_that_came_with_a_model_of_ours(model: Path, tiny_plate: Path, marker: Path) -> None:
    """The registry's copy of the package is for others; our commands take their own."""
    for name in ("__init__", "scoring"):
        path = model / "code" / "ck19ml" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PY.format(str(marker)))
    edit_mlmodel(model, code="code")
    assert predict(model, tiny_plate).code == 0


@pytest.mark.parametrize("place", ["../elsewhere", "/etc", "data/scorer/../../../elsewhere"])
def test_files_outside_the_model(model: Path, tiny_plate: Path, marker: Path, place: str) -> None:
    scorer(model).rename(model.parent / "elsewhere")
    edit_mlmodel(model, data=place)
    ended = predict(model, tiny_plate)
    assert ended.code == 1
    in_one_line(ended, "outside its own folder")


def test_yaml_that_calls_a_function(model: Path, tiny_plate: Path, marker: Path) -> None:
    path = model / "MLmodel"
    path.write_text(path.read_text() + f"\nx: !!python/object/apply:os.system ['touch {marker}']\n")
    ended = predict(model, tiny_plate)
    assert ended.code == 1
    in_one_line(ended, str(model))


def test_class_names_that_are_paths_and_formulas(model: Path, tiny_plate: Path) -> None:
    card = scorer(model) / "card.json"
    content = json.loads(card.read_text())
    content["classes"] = ["../../../etc/passwd", "=1+1", "<b>"]
    card.write_text(json.dumps(content))
    before = set(model.parent.rglob("*"))
    assert predict(model, tiny_plate).code == 0
    assert {path.name for path in set(model.parent.rglob("*")) - before} == {"scores.csv"}
    with (model.parent / "scores.csv").open(newline="") as file:
        stated = {row["stimulation"] for row in csv.DictReader(file)}
    assert stated <= {"../../../etc/passwd", "'=1+1", "<b>"}


@pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")
def test_arrays_with_objects_are_no_weights(model: Path, tiny_plate: Path, marker: Path) -> None:
    path = scorer(model) / "network.keras"
    with zipfile.ZipFile(path) as archive:
        parts = {
            name: archive.read(name) for name in archive.namelist() if not name.endswith(".h5")
        }
    arrays = model.parent / "weights.npz"
    np.savez(arrays, planted=np.array([Payload(marker)], dtype=object))
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
        archive.write(arrays, "model.weights.npz")
    ended = predict(model, tiny_plate)
    assert ended.code == 1
    in_one_line(ended, "train it again")
