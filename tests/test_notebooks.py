"""The notebooks: pairs of one content, without outputs, that run on a tiny plate."""

import shutil
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

from docs import notebook_pages
from tests.places import ROOT

NAMES = ("plate_to_champion", "look_at_a_well")
"""In this order: the second opens what the first has made."""
FOLDER = ROOT / "notebooks"


def test_each_notebook_is_a_pair() -> None:
    assert sorted(path.name for path in FOLDER.glob("*.*")) == sorted(
        f"{name}{ending}" for name in NAMES for ending in (".ipynb", ".py")
    )


@pytest.mark.parametrize("name", NAMES)
def test_pairs_are_in_sync_and_without_outputs(name: str) -> None:
    script, notebook = (jupytext.read(FOLDER / f"{name}{ending}") for ending in (".py", ".ipynb"))
    nbformat.validate(notebook)
    shown = [[(cell.cell_type, cell.source) for cell in each.cells] for each in (script, notebook)]
    assert shown[0] == shown[1], f"jupytext --sync notebooks/{name}.py puts them in sync"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.source for cell in code if cell.outputs or cell.execution_count] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_page_of_the_site(name: str) -> None:
    script = FOLDER / f"{name}.py"
    page = notebook_pages.page(script)
    assert f"notebooks/{name}.md" in (ROOT / "mkdocs.yml").read_text()
    assert page.startswith("# ")
    assert page.count("```python\n") == script.read_text().count("\n# %%\n")
    assert ".ipynb" not in page
    assert {other for other in NAMES if f"({other}.md)" in page} == {*NAMES} - {name}


@pytest.mark.slow
def test_they_run(tmp_path: Path) -> None:
    for name in NAMES:
        shutil.copy(FOLDER / f"{name}.ipynb", tmp_path)
    notebooks = [f"{name}.ipynb" for name in NAMES]
    command = [sys.executable, "-m", "pytest", "--nbmake", "--nbmake-timeout=300", "-p",
               "no:cacheprovider", *notebooks]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout[-3000:] + done.stderr[-1000:]
