"""The same for datasets and models, which takes Keras."""

from pathlib import Path

import pytest

from tests.badinput import datasets, models
from tests.badinput.case import Case, check

CASES: dict[str, Case] = datasets.CASES | models.CASES


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str, work_with_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(CASES[name], work_with_models, capsys)
