"""Command line: parse, call one workflow, turn errors into one line and an exit code."""

import contextlib
import errno
import io
import os
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Annotated, Any

import typer

from ck19ml import __version__
from ck19ml.cli import masks, networks, plates, project, results
from ck19ml.cli.options import reporting
from ck19ml.errors import Ck19Error, ConfigError, cannot_write, is_full, printable, without_secrets
from ck19ml.files import reading
from ck19ml.files.quiet import quiet

app = typer.Typer(
    name="ck19ml",
    help="Experiments on two-channel fluorescence plates of T cells and dendritic cells.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130
"""Exit code that Typer makes of a Ctrl-C."""

CLASSIFIER = "models:/ck19-classifier@champion"
ENCODER = "models:/ck19-autoencoder@champion"

COMMANDS: dict[str, dict[Callable[..., Any], str]] = {
    "Plates": {
        project.new: "new my-project",
        plates.simulate: "simulate data/plate --wells 30 --size 1024",
        plates.layout: "layout data/plate/layout.csv --figure layout.png",
        plates.prepare: "prepare data/plate data/plate.zarr",
        plates.check: "check data/plate.zarr",
        plates.export: "export data/plate data/plate.ome.zarr",
    },
    "Training": {
        networks.tune: "tune -c experiments/tune.yaml --trials 5",
        networks.autoencoder: "autoencoder -c experiments/autoencoder.yaml -s fit.epochs=3",
        networks.classifier: "classifier -c experiments/classifier.yaml -s head.units=64",
        networks.regressor: "regressor -c experiments/regressor.yaml -s target=tcell_overlap",
        masks.unet: "unet -c experiments/unet.yaml -s wells=30",
    },
    "Comparisons": {
        masks.masks: "masks -c experiments/masks.yaml -s wells=6",
        masks.masking: "masking -c experiments/masking.yaml",
        masks.contact: "contact -c experiments/contact.yaml -s controls=6",
        networks.pretraining: "pretraining -c experiments/pretraining.yaml -s repeats=1",
    },
    "Results": {
        results.evaluate: f"evaluate {CLASSIFIER} data/plate.zarr --figures figures",
        results.predict: f"predict {CLASSIFIER} data/plate --out scores.csv",
        results.screen: f"screen {CLASSIFIER} data/plate.zarr --out screen",
        results.features: f"features {ENCODER} data/plate.zarr --out profiles.parquet",
        results.cells: "cells data/plate.zarr --out cells.csv --figure contacts.png",
        results.report: "report RUN_ID --out report.html",
        results.ui: "ui --port 5001",
        results.dashboard: "dashboard data/plate.study/optuna.journal",
    },
}
"""Groups of commands, each command with an example, in the order of ``ck19ml --help``."""

DRAWING = (plates.prepare, results.evaluate, results.screen)
"""Commands that save figures, beside those that train or compare."""

SERVERS = (results.ui, results.dashboard)
"""Commands without an outcome to print."""

for panel, examples in COMMANDS.items():
    for command, example in examples.items():
        draws = panel in ("Training", "Comparisons") or command in DRAWING
        told = command if command in SERVERS else reporting(command, draws=draws)
        app.command(rich_help_panel=panel, epilog=f"Example: ck19ml {example}")(told)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Experiments on two-channel fluorescence plates of T cells and dendritic cells."""
    if version:
        print(f"ck19ml {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Run the command line and exit with the documented code."""
    quiet()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # File names may hold what the terminal cannot show, or bytes that are no text.
            stream.reconfigure(errors="backslashreplace")
    sys.excepthook = _show_traceback
    sys.exit(_guard(_call, "--debug" in sys.argv))


def _show_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    text = "".join(traceback.format_exception(kind, error, trace))
    print(printable(without_secrets(text)), end="", file=sys.stderr)


def _call() -> Any:
    for argument in sys.argv:
        # Neither the tracking store nor a table can hold other encodings.
        if not reading.is_text(argument):
            raise ConfigError(
                f"argument {os.fsencode(argument)!r} is not UTF-8 text; rename the file"
            )
    try:
        result = app(prog_name="ck19ml", standalone_mode=False)
        if result == INTERRUPTED:
            raise KeyboardInterrupt
        if sys.stdout is not None:  # closed by the shell
            sys.stdout.flush()
    except OSError as error:
        if error.filename is None and error.errno in (errno.EPIPE, errno.ENOSPC):
            _forget_output()
            raise OSError(error.errno, error.strerror, "standard output") from error
        raise
    return result


def _forget_output() -> None:
    """Let the interpreter exit silently: it would report the closed output once more."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _guard(call: Callable[[], Any], debug: bool) -> int:
    try:
        result = call()
        return result if isinstance(result, int) else 0
    except Exception as error:
        if debug:
            raise
        code, text = _explain(error)
        line = printable(without_secrets(" ".join(text.split())))
        print(f"error: {line}", file=sys.stderr)
        return code
    except KeyboardInterrupt:
        print("error: interrupted; rerun the command to resume", file=sys.stderr)
        return 1


def _explain(error: Exception) -> tuple[int, str]:
    """Return the exit code and the line of an error."""
    if isinstance(error, Ck19Error):
        return error.exit_code, str(error)
    if hasattr(error, "format_message"):  # a usage error of Typer's own copy of click
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "ck19ml"
        return 2, f"{error.format_message().rstrip('.')}; see '{command} --help'"
    if isinstance(error, OSError) and is_full(error):
        return 1, str(cannot_write(error.filename or "the output", error))
    if isinstance(error, OSError) and error.filename is not None:
        # Any trouble with a path, such as a name that is too long.
        what = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else error.filename
        reason = error.strerror or type(error).__name__
        return 1, f"cannot use {what}: {reason}; check the path and its permissions"
    if isinstance(error, MemoryError):
        found = f" ({error})" if str(error) else ""
        return 1, f"not enough memory{found}; free some or process less at a time"
    return 1, f"unexpected {type(error).__name__}: {error}; add --debug for the traceback"
