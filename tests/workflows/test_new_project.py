"""`ck19ml new`: a folder from which the main job starts."""

from pathlib import Path

import pytest
import yaml

import ck19ml
from ck19ml import config
from tests.command import ck19ml as command
from tests.command import in_one_line
from tests.places import ROOT

KINDS = {
    kind.__doc__.split("``")[1]: kind
    for kind in vars(config).values()
    if isinstance(kind, type) and "the command ``" in (kind.__doc__ or "").lower()
}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    ended = command("new", tmp_path / "screen 7")
    assert ended.code == 0, ended.err
    return tmp_path / "screen 7"


def test_it_holds_the_files_of_a_project(made: Path) -> None:
    names = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    experiments = {f"experiments/{path.name}" for path in (ROOT / "experiments").glob("*.yaml")}
    others = {"README.md", "MLproject", "python_env.yaml", "conda.yaml", ".gitignore"}
    assert names == experiments | others
    readme = (made / "README.md").read_text().splitlines()
    assert readme[0] == "# screen 7"
    assert len(readme) == 10


def test_what_the_repository_has_is_not_changed(made: Path) -> None:
    for path in (ROOT / "experiments").glob("*.yaml"):
        assert (made / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    mine, theirs = (yaml.safe_load((place / "MLproject").read_text()) for place in (made, ROOT))
    assert mine == theirs | {"name": "screen 7"}  # the name of its experiment in MLflow


def test_its_experiments_are_configs_of_their_commands(made: Path) -> None:
    for path in sorted((made / "experiments").glob("*.yaml")):
        config.load_config(KINDS[path.read_text().split()[2]], path)


def test_its_environments_ask_for_this_version(made: Path) -> None:
    wanted = f"ck19ml=={ck19ml.__version__}"
    assert yaml.safe_load((made / "python_env.yaml").read_text())["dependencies"] == [wanted]
    assert yaml.safe_load((made / "conda.yaml").read_text())["dependencies"][-1] == {
        "pip": [wanted]
    }


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    ended = command("new", tmp_path / "mine")
    assert ended.code == 2
    in_one_line(ended, "mine already exists", "name a new one")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert command("new", tmp_path / "empty").code == 0
    assert (tmp_path / "empty" / "MLproject").is_file()
