"""The examples in docstrings give what they say."""

import doctest
import importlib

import pytest

from tests.places import ROOT

WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "ck19ml").rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8") and path != ROOT / "ck19ml/__init__.py"
)
"""Those of the public functions need a plate: `tests/test_api.py`."""


def test_there_are_examples() -> None:
    assert len(WITH_EXAMPLES) > 20


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_hold(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried
    assert not failed, capsys.readouterr().out
