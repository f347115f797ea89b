"""Each kind of bad input ends in one line that names what to change, and changes nothing."""

from pathlib import Path

import pytest

from tests.badinput import configs, layouts, plates
from tests.badinput.case import Case, check

CASES: dict[str, Case] = plates.CASES | layouts.CASES | configs.CASES


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(CASES[name], work, capsys)
