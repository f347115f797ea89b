"""The example at the end of each command's help runs, in a new project, smaller where it trains."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ck19ml import cli
from tests.command import ck19ml
from tests.conftest import tracking_store

EXAMPLES = {
    command.__name__: example
    for group in cli.COMMANDS.values()
    for command, example in group.items()
}
EPOCH = "-s fit.epochs=1"
SMALLER = {
    "simulate": "--size 448",
    "tune": "--trials 1 -s autoencoder.fit.epochs=1 -s epochs=1",
    "autoencoder": EPOCH,
    "classifier": EPOCH,
    "regressor": EPOCH,
    "unet": f"-s wells=3 -s validation_wells=3 {EPOCH}",
    "masks": "-s wells=2 -s size=192 -s methods=[threshold,unet]",
    "masking": (
        "-s simulate.wells=30 -s simulate.size=448 -s autoencoder.fit.epochs=1 "
        "-s classifier.fit.epochs=1 -s regressor.fit.epochs=1"
    ),
    "contact": "-s controls=2 -s graded=3 -s size=384",
    "pretraining": f"-s shares=[1.0] -s autoencoder_fit.epochs=1 {EPOCH}",
    "ui": "--help",  # tests/test_ui.py serves it
    "dashboard": "--help",  # tests/tuning/test_dashboard.py serves it
}
"""What is added to an example; a later value replaces an earlier one."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A new project, and the ids of runs by command: each example uses what earlier ones made."""
    with tracking_store(tmp_path_factory.mktemp("examples")) as folder:
        assert ck19ml(*EXAMPLES["new"].split()).code == 0
        os.chdir(folder / EXAMPLES["new"].split()[-1])
        yield {}


def test_each_command_has_an_example_at_the_end_of_its_help() -> None:
    for name, example in EXAMPLES.items():
        assert example.split()[0] == name
        said = CliRunner().invoke(cli.app, [name, "-h"], env={"COLUMNS": "200"})
        assert said.exit_code == 0
        assert said.stdout.strip().splitlines()[-1].strip() == f"Example: ck19ml {example}"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "new"])
def test_the_example_runs(name: str, project: dict[str, str]) -> None:
    example = EXAMPLES[name].replace("RUN_ID", project.get("screen", ""))
    arguments = [*example.split(), *SMALLER.get(name, "").split()]
    serves = name in ("ui", "dashboard")
    ended = ck19ml(*arguments, *([] if serves else ["--json"]))
    assert ended.code == 0, ended.err
    if not serves:
        project[name] = json.loads(ended.out.splitlines()[-1]).get("run", "")


@pytest.mark.slow
def test_the_examples_wrote_what_they_name(project: dict[str, str]) -> None:
    if "report" not in project:
        pytest.skip("the examples were not run")
    for name in ("layout.png", "scores.csv", "profiles.parquet", "report.html", "screen/hits.csv"):
        assert Path(name).is_file(), name
