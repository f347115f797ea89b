"""The command line: parses, calls one workflow, turns errors into one line and an exit code."""

import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ck19ml import __version__
from ck19ml.cli import masks, networks, plates, results
from ck19ml.errors import Ck19Error, cannot_write, is_full

app = typer.Typer(
    name="ck19ml",
    help="Experiments on two-channel fluorescence plates of T cells and dendritic cells.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

COMMANDS = (
    plates.simulate,
    plates.layout,
    plates.prepare,
    plates.check,
    plates.export,
    networks.autoencoder,
    networks.classifier,
    networks.regressor,
    networks.tune,
    networks.pretraining,
    masks.unet,
    masks.masks,
    masks.masking,
    masks.contact,
    results.evaluate,
    results.predict,
    results.screen,
    results.features,
    results.report,
    results.ui,
)
"""In the order of ``ck19ml --help``."""

for command in COMMANDS:
    app.command()(command)


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
    """Run the command line and leave with the documented exit code."""
    _quiet()
    sys.exit(_guard(lambda: app(standalone_mode=False), "--debug" in sys.argv))


def _quiet() -> None:
    # Set before TensorFlow and MLflow are imported; what the user has set stays.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def _guard(call: Callable[[], Any], debug: bool) -> int:
    try:
        result = call()
        return result if isinstance(result, int) else 0
    except Exception as error:
        if debug:
            raise
        if hasattr(error, "format_message"):  # a usage error; Typer carries its own click
            print(f"error: {error.format_message()}", file=sys.stderr)
            return 2
        text = " ".join(str(error).split())
        if isinstance(error, OSError) and is_full(error):
            text = str(cannot_write(error.filename or "what the command makes", error))
        elif not isinstance(error, Ck19Error):
            text = f"unexpected {type(error).__name__}: {text}; add --debug for the traceback"
        print(f"error: {text}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    except KeyboardInterrupt:
        print("error: interrupted; run the same command again to go on", file=sys.stderr)
        return 1
