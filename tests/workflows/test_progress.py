import re
import time
from io import StringIO

import pytest
from rich.console import Console

from ck19ml.workflows import progress


def shown(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> str:
    """What a bar of three steps prints."""
    out = StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, color_system=None)
    monkeypatch.setattr(progress, "CONSOLE", console)
    with progress.bar("plate [A03]") as step:
        for done in range(1, 4):
            time.sleep(0.02)
            step(done, 5)
    return out.getvalue()


def test_a_bar_says_how_much_is_done_and_how_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = shown(monkeypatch, terminal=True)
    assert "plate [A03]" in text  # names are no markup
    assert "3/5" in text
    elapsed, remaining = re.findall(r"-?\d:\d\d:\d\d", text)[-2:]
    assert elapsed.startswith("0:00:0")
    assert remaining.startswith("0:00:0")


def test_elsewhere_than_on_a_terminal_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, terminal=False) == ""
