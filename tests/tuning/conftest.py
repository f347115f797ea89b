from pathlib import Path

import pytest

from tests.tuning.stored import Stored


@pytest.fixture
def study(tmp_path: Path) -> Stored:
    return Stored(tmp_path)
