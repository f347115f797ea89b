"""Commands, options, files and modules that the README and the docs name are there."""

import re
from pathlib import Path

import pytest
import typer

from ck19ml import cli
from docs import command_pages, config_pages
from tests.places import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.yaml"))
EXAMPLE = "experiments/NAME.yaml"


def read(path: Path) -> str:
    """A page with its continued lines joined."""
    return path.read_text(encoding="utf-8").replace("\\\n", " ")


def options() -> dict[str, set[str]]:
    """Options of each command, as they are written."""
    commands = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
    return {
        name: {text for each in command.params for text in (*each.opts, *each.secondary_opts)}
        for name, command in commands.items()
    }


@pytest.mark.parametrize("page", [*PAGES, *EXPERIMENTS], ids=lambda page: page.name)
def test_commands_have_the_options_that_are_given_them(page: Path) -> None:
    known = options()
    lines = re.findall(r"ck19ml ([a-z]+(?:\\?\|[a-z]+)*)((?: [^\n`#;]*)?)", read(page))
    for names, rest in lines:
        for name in re.split(r"\\?\|", names):
            assert name in known, f"ck19ml {name}"
            given = set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest))
            assert given <= known[name], f"ck19ml {name} {rest}"


def test_the_check_of_commands_finds_them() -> None:
    found = re.findall(r"ck19ml [a-z]+ [^\n`]*--[a-z]", "".join(map(read, PAGES)))
    assert len(found) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_are_there(page: Path) -> None:
    folders = "benchmarks|ck19ml|docs|experiments|tests"
    named = set(re.findall(rf"\b((?:{folders})/[\w/.-]+\.(?:md|py|yaml))", read(page)))
    assert [name for name in sorted(named - {EXAMPLE}) if not (ROOT / name).is_file()] == []


def test_the_readme_is_read_in_a_few_minutes_and_names_the_two_commands() -> None:
    text = read(ROOT / "README.md")
    assert len(text.splitlines()) <= 150
    assert {"make tune", "make test"} <= set(re.findall(r"^make \w+", text, re.M))


def test_each_room_stands_in_the_tree_of_the_architecture() -> None:
    text = read(ROOT / "docs" / "architecture.md")
    package = ROOT / "ck19ml"
    rooms = {path.parent.name for path in package.rglob("*.py")} - {"ck19ml"}
    rooms |= {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}
    assert {name for name in rooms if not re.search(rf"^ *{name}(\.py|/) ", text, re.M)} == set()


def test_the_reference_has_each_command_with_its_options() -> None:
    sections = re.split(r"^## `ck19ml (\w+)`", command_pages.page(), flags=re.M)[1:]
    texts = dict(zip(sections[::2], sections[1::2], strict=True))
    assert set(texts) == set(options())
    for name, known in options().items():
        shown = {text for text in known if text.startswith("-")}
        assert {text for text in shown if text not in texts[name]} == set(), f"ck19ml {name}"


def test_the_reference_has_each_config_that_a_command_takes() -> None:
    kinds = {kind.__name__ for kind in config_pages.config_kinds()}
    text = config_pages.pages()["configs.md"]
    assert {"TuneConfig", "ClassifierConfig", "FitSettings", "SplitConfig"} <= kinds
    for path in EXPERIMENTS:
        command = path.read_text().split()[2]
        assert f"ettings of the command `{command}`" in text, path.name


def test_the_reference_says_values_defaults_and_meanings() -> None:
    text = config_pages.pages()["configs.md"]
    assert "| `trials` | whole number ≥ 1 | `20` | " in text
    assert "| `fit` | [FitSettings](#fitsettings) | `{batch_size: 64}` |" in text
    assert "| `pixel_size_um` | " in config_pages.pages()["plate-yaml.md"]


def test_each_key_of_a_config_has_a_meaning() -> None:
    for page, text in config_pages.pages().items():
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        assert rows, page
        assert [row for row in rows if row.endswith("|  |")] == [], page
