"""The public interface: what it offers, what its objects say, and that its examples run."""

import inspect
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

import ck19ml
from ck19ml.config import SplitConfig
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.folder import find_plate
from ck19ml.workflows.steps.split import split_dataset
from tests.made_models import untrained_classifier
from tests.places import ROOT

PUBLIC = [name for name in ck19ml.__all__ if not name.startswith("_")]
FUNCTIONS = [
    "simulate", "open_plate", "read_layout", "prepare", "open_dataset", "load_model", "evaluate",
    "explain", "screen",
]  # fmt: skip
"""In the order in which an example needs what earlier ones made."""

EXAMPLES = f"""
import doctest, sys
import ck19ml
names = {{"ck19ml": ck19ml}}
runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
for name in {FUNCTIONS!r}:
    for test in doctest.DocTestFinder().find(getattr(ck19ml, name), name):
        test.globs = names
        assert test.examples, name
        runner.run(test, clear_globs=False)
print("examples", runner.tries, "failed", runner.failures)
print("mlflow" in sys.modules, "sqlalchemy" in sys.modules, "optuna" in sys.modules)
"""


def test_each_public_name_is_there_and_documented() -> None:
    assert sorted(ck19ml.__all__) == ck19ml.__all__
    assert set(FUNCTIONS) <= set(PUBLIC)
    assert set(PUBLIC) <= set(dir(ck19ml))
    for name in PUBLIC:
        told = inspect.getdoc(getattr(ck19ml, name)) or ""
        assert name in FUNCTIONS or name == "Ck19Error" or "Attributes\n---" in told, name
        assert name not in FUNCTIONS or ">>> " in told, name


def test_functions_are_typed_and_return_public_objects() -> None:
    for name in FUNCTIONS:
        found = inspect.signature(getattr(ck19ml, name))
        assert all(each.annotation is not each.empty for each in found.parameters.values()), name
        assert found.return_annotation in {*PUBLIC, "pd.DataFrame"}, name


def test_what_is_not_exported_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'find_plate'"):
        _ = ck19ml.find_plate  # type: ignore[attr-defined]


def test_importing_it_loads_nothing() -> None:
    code = "import sys, ck19ml; print([m for m in sys.modules if m.startswith('ck19ml.')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_reference_has_each_public_name(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "python.md"
    page.parent.mkdir()
    shutil.copy(ROOT / "docs" / "reference" / "python.md", page)
    build(
        load_config(
            str(ROOT / "mkdocs.yml"), docs_dir=str(page.parent), site_dir=str(tmp_path / "site"),
            nav=["python.md"], hooks=[], extra_css=[],
        )
    )  # fmt: skip
    html = (tmp_path / "site" / "python" / "index.html").read_text(encoding="utf-8")
    assert [name for name in PUBLIC if f'<h2 id="ck19ml.{name}"' not in html] == []
    assert 'id="ck19ml.Plate.wells"' in html
    text = " ".join(re.sub(r"<[^>]+>", "", html).split())
    assert "simulate( folder: str | Path" in text
    assert "Names of the wells that have images, sorted." in text
    assert "Whether files that are wrong, such as a channel" in text


def test_a_dataset_shows_itself(tiny_dataset: Dataset) -> None:
    assert repr(tiny_dataset) == (
        "Dataset('tiny', 30 wells, 120 patches of 192 pixels, mask instrument)"
    )
    html = tiny_dataset._repr_html_()
    assert "<td>ConA</td>\n      <td>10</td>\n      <td>40</td>" in html
    table = tiny_dataset.table.assign(stimulation="<b>")
    assert "<b>" not in replace(tiny_dataset, table=table)._repr_html_()


def test_a_plate_shows_itself(tiny_plate: Path) -> None:
    plate = find_plate(tiny_plate)
    assert repr(plate) == "Plate('CK19', 30 wells, 30 fields, 12 bits, 1.34 um a pixel)"
    html = replace(plate, notes=("<script>",))._repr_html_()
    assert html.count("<tr>") == 16
    assert html.count("&#9679;") == 30
    assert html.count("&middot;") == 16 * 24 - 30
    assert "<script>" not in html
    cells = html.split("<tr>")[1].split("<td>")
    shown = {column for column, cell in enumerate(cells[1:], 1) if cell.startswith("&#9679;")}
    assert shown == {int(well[1:]) for well in plate.wells if well[0] == "A"}


@pytest.mark.slow
def test_the_examples_run_without_mlflow(tiny_dataset: Dataset, tmp_path: Path) -> None:
    untrained_classifier(split_dataset(tiny_dataset, SplitConfig())).save(tmp_path / "model")
    found = subprocess.run(
        [sys.executable, "-c", EXAMPLES], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr
    *_, examples, loaded = found.stdout.splitlines()
    assert examples.endswith("failed 0"), found.stdout
    assert loaded == "False False False"
