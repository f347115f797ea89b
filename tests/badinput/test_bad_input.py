"""Each kind of bad input ends in one line that names what to change, and changes nothing."""

from pathlib import Path

import pytest
import typer

from ck19ml import cli
from tests.badinput import configs, datasets, fine, images, layouts, models, places, plates
from tests.badinput.case import Case, check, check_fine

SMALL = (plates, images, layouts, configs, places)
CASES: dict[str, Case] = {name: case for part in SMALL for name, case in part.CASES.items()}
OF_MODELS: dict[str, Case] = datasets.CASES | models.CASES


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(CASES[name], work, capsys)


@pytest.mark.parametrize("name", OF_MODELS)
def test_bad_datasets_and_models(
    name: str, work_with_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(OF_MODELS[name], work_with_models, capsys)


@pytest.mark.parametrize(
    "name",
    # A dataset that is prepared is drawn in 24 figures.
    [
        pytest.param(name, marks=[pytest.mark.slow] * (case.command == "prepare"))
        for name, case in fine.CASES.items()
    ],
)
def test_odd_input_works(name: str, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_fine(fine.CASES[name], work, capsys)


@pytest.mark.parametrize("name", fine.OF_MODELS)
def test_odd_input_works_with_models(
    name: str, work_with_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_fine(fine.OF_MODELS[name], work_with_models, capsys)


def test_no_case_hides_another() -> None:
    assert len(CASES) == sum(len(part.CASES) for part in SMALL)
    assert len(OF_MODELS) == len(datasets.CASES) + len(models.CASES)
    assert len(CASES) + len(OF_MODELS) >= 150


def test_every_command_has_bad_input() -> None:
    commands = set(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]
    assert commands <= {case.command for case in (CASES | OF_MODELS).values()}
