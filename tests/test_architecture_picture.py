"""The picture of the architecture says what the code does: docs/pictures/architecture.py."""

import ast
import re
from pathlib import Path

import grimp
import numpy as np
import pytest

from ck19ml import masking, models, training
from ck19ml.batches import Patches
from ck19ml.core.overlap import score
from ck19ml.core.patches import cut
from ck19ml.plates.folder import find_plate, read_field
from docs.pictures import architecture
from tests.plates.made_plates import grey, write_image

DRAW = "draw it again by: python docs/pictures/architecture.py"
SIDE = 2048


@pytest.fixture(scope="module")
def drawn() -> str:
    return architecture.PICTURE.read_text(encoding="utf-8")


def ids(drawn: str, kind: str) -> list[str]:
    return re.findall(rf'id="{kind}:([^"]+)"', drawn)


def test_every_module_stands_in_a_layer_and_in_the_picture(drawn: str) -> None:
    package = architecture.PACKAGE
    children = grimp.build_graph(package, cache_dir=None).find_children(package)
    modules = {name.removeprefix(f"{package}.") for name in children} - {"__main__"}
    layers = [name for layer in architecture.layers() for name in layer]
    assert sorted(layers) == sorted(modules), "each module has its layer in pyproject.toml"
    assert ids(drawn, "module") == layers, DRAW


def test_the_imports_that_are_drawn_are_those_of_the_code(drawn: str) -> None:
    pairs = sorted(architecture.imports())
    assert len(pairs) > 50  # the check looks where the code is
    assert ids(drawn, "import") == [f"{one}:{other}" for one, other in pairs], DRAW


def test_the_way_is_drawn_as_it_is_written(drawn: str) -> None:
    assert ids(drawn, "step") == [step.function for step in architecture.WAY], DRAW
    assert f"<dc:description>{architecture.described()}</dc:description>" in drawn, DRAW


def defined(path: Path) -> set[str]:
    """Functions of a file, and methods of its classes as CLASS.METHOD."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    functions = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    return functions | {
        f"{node.name}.{inner.name}"
        for node in body
        if isinstance(node, ast.ClassDef)
        for inner in node.body
        if isinstance(inner, ast.FunctionDef)
    }


def test_each_station_is_a_function_of_the_code() -> None:
    for step in architecture.WAY:
        parts = step.function.split(".")
        files = [
            (Path(architecture.ROOT, architecture.PACKAGE, *parts[:end]).with_suffix(".py"), end)
            for end in range(1, len(parts))
        ]
        ((path, end),) = [(path, end) for path, end in files if path.is_file()]
        assert ".".join(parts[end:]) in defined(path), step.function


def test_what_goes_on_from_a_station_has_the_shape_that_is_drawn(tmp_path: Path) -> None:
    for name in ("A - 03(fld 1 wv FITC - FITC).tif", "A - 03(fld 1 wv TexasRed - TexasRed).tif"):
        write_image(tmp_path / name, grey(len(name), (SIDE, SIDE)))
    plate = find_plate(tmp_path)
    field = read_field(plate.fields[0], plate.description)
    patches = cut(field)
    masks = masking.method("otsu")(patches, plate.description.level)
    encoder = models.build_encoder("compact", 192)
    head = models.build_classifier_head(
        models.feature_shape(encoder), classes=3, units=8, depth=1, dropout=0.0,
        normalise=True, pooled=True,
    )  # fmt: skip
    batch = Patches(patches[:64])
    made = {
        "plates.folder.read_field": field,
        "core.patches.cut": patches,
        "masking.method": masks,
        "core.overlap.score": score(masks).overlap,
        "batches.Patches.batch": batch.batch(slice(None)),
        "models.build_encoder": training.predict(encoder, batch),
        "classifier.train_classifier": training.predict(models.join(encoder, head), batch),
    }
    said = {step.function: step.gives for step in architecture.WAY if " (" in step.gives}
    assert set(said) == set(made)
    for function, values in made.items():
        assert f" {np.shape(values)} {values.dtype}" in said[function], function
