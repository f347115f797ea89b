"""Options that commands share, and how their outcome is printed."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ck19ml.errors import printable

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what stands there.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", "-s", help="Override a key of the config: key.path=value.", show_default=False
    ),
]
Config = Annotated[Path, typer.Option("--config", "-c", help="Experiment file.")]
Audit = Annotated[
    bool,
    typer.Option(
        "--audit-leakage",
        help="Hold out patches of the training wells too: what a split by patch would claim.",
    ),
]
Model = Annotated[str, typer.Argument(help="MLflow model URI, models:/ck19-classifier@champion.")]


def show(as_json: bool, outcome: Any) -> None:
    """Print an outcome: lines for people, or with --json one object on stdout.

    Raises
    ------
    Ck19Error
        If the outcome is that something is wrong.
    """
    for line in outcome.lines:
        print(printable(line), file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(outcome.data))
    if outcome.error is not None:
        raise outcome.error


AUDITED = 0.1
"""Share of the training wells' patches that ``--audit-leakage`` holds out."""


def overrides(values: list[str] | None, audit: bool = False) -> list[str]:
    """Split overrides at semicolons: MLproject passes them all as one parameter."""
    given = [part.strip() for value in values or [] for part in value.split(";") if part.strip()]
    return [f"split.audit={AUDITED}"] * audit + given
