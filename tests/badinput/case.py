"""One bad input, and the one checker that all of them pass."""

import resource
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import pytest

from ck19ml import cli
from tests.badinput.spoiling import nothing, one_line, without_override
from tests.plates.made_plates import contents

MOST_SECONDS = 60
"""No bad input may keep a user waiting; far above what any takes, for the machine may be busy."""

SECONDS_OF_WORK = 300
"""Of input that works: a dataset is prepared and drawn in 24 figures."""

MOST_BYTES = 2**30
"""By which the peak of the process' memory may grow, whatever a file claims to hold."""


@dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes
    ----------
    arguments : str
        Of the command line, quoted as in a shell.
    says : tuple of str
        What the line must hold: the file or the key that is to be changed, and why.
    code : int
        The exit code: 2 where the command or a config must be changed, 1 where files must.
    spoil : callable
        Makes the input bad; takes the folder.
    as_user : bool
        Whether the permissions of files count for root too.
    """

    arguments: str
    says: tuple[str, ...]
    code: int = 1
    spoil: Callable[[Path], object] = nothing
    as_user: bool = False

    @property
    def command(self) -> str:
        """The command's name."""
        return self.arguments.split()[0]


@dataclass(frozen=True)
class Fine:
    """One odd input that works all the same.

    Attributes
    ----------
    arguments, spoil
        As in `Case`; `spoil` makes it odd.
    makes : tuple of str
        What the command writes; nothing else changes.
    says : tuple of str
        What the output must hold.
    """

    arguments: str
    makes: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    spoil: Callable[[Path], object] = nothing

    @property
    def command(self) -> str:
        """The command's name."""
        return self.arguments.split()[0]


def check(case: Case, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Hold a case to everything that is promised of bad input."""
    case.spoil(work)
    before, memory = contents(work), _peak()
    with without_override() if case.as_user else nullcontext(), _in_time(), _temporary() as left:
        code = run(case.arguments)
    out, err = capsys.readouterr()
    one_line(err, case.says)
    assert (code, out) == (case.code, "")
    assert contents(work) == before
    assert left() == {}
    assert _peak() - memory < MOST_BYTES


def check_fine(case: Fine, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Hold an odd input to what is promised of any."""
    case.spoil(work)
    before = contents(work)
    with _in_time(SECONDS_OF_WORK), _temporary() as left:
        code = run(case.arguments)
    out, err = capsys.readouterr()
    assert code == 0, err
    for words in case.says:
        assert words in out
    after = contents(work)
    assert {name: after.get(name) for name in before} == before
    assert {name.split("/")[0] for name in set(after) - set(before)} == set(case.makes)
    assert left() == {}


def run(arguments: str) -> int:
    """Run the command line in this process; returns its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ck19ml", *shlex.split(arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
    return int(end.value.code or 0)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def _in_time(seconds: int = MOST_SECONDS) -> Iterator[None]:
    def end(_number: int, _frame: FrameType | None) -> None:
        pytest.fail(f"still at work after {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _temporary() -> Iterator[Callable[[], dict[str, str]]]:
    """Give temporary files a place of their own; yields what tells of those that are left."""
    place = Path(tempfile.mkdtemp())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(place))
        try:
            yield lambda: found
        finally:
            found = contents(place)
            shutil.rmtree(place)
