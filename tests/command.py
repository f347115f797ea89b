"""The command line in this process."""

import contextlib
import io
import json
import re
import sys
from dataclasses import dataclass

import pytest

from ck19ml import cli

START_LINES = re.compile("cuda|onednn|absl|tensorflow|cpu_feature_guard", re.IGNORECASE)
"""What TensorFlow says of itself, of CUDA and of the processor while it starts."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def ck19ml(*arguments: object) -> Ended:
    """Run a command as a shell would."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", ["ck19ml", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
    return Ended(int(left.value.code or 0), out.getvalue(), err.getvalue())


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    """Run a command with --json, whose object this returns; its errors are raised."""
    cli.app([*arguments, "--json"], standalone_mode=False)
    return dict(json.loads(capsys.readouterr().out.splitlines()[-1]))


def in_one_line(ended: Ended, *says: str) -> None:
    """Hold a refusal to its form: one line that says these words, and no traceback."""
    lines = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, ended.err
    assert "Traceback" not in ended.err
    assert "unexpected" not in lines[0], lines[0]
    for words in says:
        assert words in lines[0], lines[0]
