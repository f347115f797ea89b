"""Messages and progress bars for the person who waits, on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ck19ml.errors import printable

CONSOLE = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Print a line on standard error."""
    CONSOLE.print(printable(text), markup=False)


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar; yields a function of (done, total).

    The bar shows the steps done, the time elapsed and the time remaining. Nothing is printed
    where standard error is not a terminal.
    """
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=CONSOLE,
        disable=not CONSOLE.is_terminal,
    ) as shown:
        task = shown.add_task(printable(what), total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
