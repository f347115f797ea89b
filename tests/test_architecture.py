"""What the layers of the project may load, and what must stand beside what."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from ck19ml import cli
from tests.places import ROOT

PACKAGE = ROOT / "ck19ml"
MLPROJECT = ROOT / "MLproject"
HEAVY = ("keras", "tensorflow", "torch", "jax", "mlflow", "optuna", "dask", "distributed")


def modules(folder: Path) -> list[str]:
    """Dotted names of all modules below a folder of the package."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in sorted(folder.rglob("*.py")))
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]


def loaded_by(names: list[str]) -> list[str]:
    """Which heavy libraries importing these modules loads, in a process of its own."""
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stderr
    return list(ast.literal_eval(found.stdout.splitlines()[-1]))


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    question = re.compile(r'^\s*"""(What|Tell|How|Which|Whether)\b', re.MULTILINE)
    found = [path for path in PACKAGE.rglob("*.py") if question.search(path.read_text("utf-8"))]
    assert found == []


def test_no_name_stands_for_five_files() -> None:
    names = [path.name for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]
    assert {name for name in names if names.count(name) >= 5} == set()


@pytest.mark.parametrize("layer", ["core", "plates", "plots"])
def test_a_lower_layer_loads_neither_networks_nor_tracking_nor_tuning(layer: str) -> None:
    names = modules(PACKAGE / layer)
    assert len(names) > 5  # the check looks where the code is
    assert loaded_by(names) == []


def test_the_command_line_and_the_configs_load_nothing_heavy() -> None:
    assert loaded_by(["ck19ml", "ck19ml.cli", "ck19ml.config", "ck19ml.errors"]) == []


def imported(path: Path) -> set[str]:
    """Top-level names of all imports of a file, wherever in it they stand."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_core_knows_numbers_only() -> None:
    numeric = {"numpy", "scipy", "pandas", "sklearn", "skimage", "cv2", "ck19ml"}
    # Settings state their ranges for pydantic; copairs, an extra, ranks rows of numbers.
    allowed = numeric | {"pydantic", "copairs"} | sys.stdlib_module_names
    for path in (PACKAGE / "core").rglob("*.py"):
        assert imported(path) <= allowed, path.name


def test_every_file_of_core_has_its_twin() -> None:
    files = [path.relative_to(PACKAGE) for path in sorted((PACKAGE / "core").rglob("*.py"))]
    assert len(files) > 30  # the check looks where the code is
    lacking = [
        str(path)
        for path in files
        if path.name != "__init__.py"
        and not (ROOT / "tests" / path.parent / f"test_{path.name}").is_file()
    ]
    assert lacking == []


def test_imports_go_down_the_list() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    if not lint.exists():
        pytest.skip(f"import-linter is not installed beside {sys.executable}")
    found = subprocess.run([lint, "--no-cache"], capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stdout


needs_mlproject = pytest.mark.skipif(
    not MLPROJECT.is_file(), reason=f"there is no MLproject at {MLPROJECT}"
)


def entry_points() -> dict[str, dict[str, object]]:
    content = yaml.safe_load(MLPROJECT.read_text(encoding="utf-8"))
    return dict(content["entry_points"])


def commands() -> dict[str, set[str]]:
    """Each command's options, as they are written."""
    known = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
    return {
        name: {option for parameter in command.params for option in parameter.opts}
        for name, command in known.items()
    }


@needs_mlproject
def test_mlproject_s_entry_points_are_the_commands() -> None:
    assert set(entry_points()) - {"main"} == set(commands())


@needs_mlproject
def test_a_bare_run_is_the_main_job() -> None:
    assert entry_points()["main"] == entry_points()["tune"]


@needs_mlproject
@pytest.mark.parametrize("name", sorted(entry_points()) if MLPROJECT.is_file() else [])
def test_an_entry_point_calls_its_command_with_options_that_it_has(name: str) -> None:
    entry = entry_points()[name]
    line = str(entry["command"])
    match = re.match(r"python -m ck19ml (\w+)", line)
    assert match is not None, line
    assert match[1] == name.replace("main", "tune")
    used = set(re.findall(r"(?<!\S)--[a-z-]+", line))
    assert used <= commands()[match[1]]
    parameters = entry["parameters"]
    assert isinstance(parameters, dict)
    assert set(re.findall(r"\{(\w+)\}", line)) == set(parameters)


@needs_mlproject
def test_config_files_of_mlproject_exist() -> None:
    for name, entry in entry_points().items():
        parameters = entry["parameters"]
        assert isinstance(parameters, dict)
        if "config" in parameters:
            assert (ROOT / parameters["config"]["default"]).is_file(), name
