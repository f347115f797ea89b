"""What no file of the package may do with data, beyond what ruff's S rules refuse.

Ruff refuses `eval`, `exec`, `yaml.load`, `pickle.load` and `torch.load`, see `pyproject.toml`.
"""

import ast

import pytest

from tests.places import ROOT

FILES = sorted([*(ROOT / "ck19ml").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")])
LIBRARIES = {"pickle", "cPickle", "joblib", "dill", "cloudpickle", "marshal", "shelve"}
SWITCHES = {("allow_pickle", True), ("safe_mode", False), ("trust_remote_code", True)}
CALLS = {
    "read_pickle",
    "to_pickle",
    "enable_unsafe_deserialization",
    "extractall",
    "unpack_archive",
}


def offences(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found += [each.name for each in names if each.name.split(".")[0] in LIBRARIES]
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in LIBRARIES:
                found.append(module)
            case ast.keyword(arg=str(name), value=ast.Constant(value=value)):
                found += [f"{name}={value}"] * ((name, value) in SWITCHES)
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in CALLS:
                found.append(name)
    return found


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from joblib import load", "np.load(f, allow_pickle=True)",
     "load_model(f, safe_mode=False)", "pd.read_pickle(f)", "archive.extractall()"],
)  # fmt: skip
def test_each_is_found(source: str) -> None:
    assert len(offences(source)) == 1


def test_no_file_does_it() -> None:
    assert len(FILES) > 150  # the check looks where the code is
    found = {str(path.relative_to(ROOT)): offences(path.read_text("utf-8")) for path in FILES}
    assert {name: what for name, what in found.items() if what} == {}


def test_ruff_looks_for_the_rest() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"S"' in text.partition("select = [")[2].partition("]")[0]
