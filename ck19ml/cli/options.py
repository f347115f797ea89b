"""Options that commands share, and how commands are built and their outcome printed."""

import functools
import inspect
import json as json_text
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from ck19ml.errors import printable
from ck19ml.workflows.outcome import Outcome

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")
]
Vector = Annotated[bool, typer.Option("--vector", help="Also save figures as SVG, for print.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Overwrite existing output.")]
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
        help="Also hold out patches of the training wells, to show what a split by patch "
        "would claim.",
    ),
]
Model = Annotated[str, typer.Argument(help="MLflow model URI: models:/ck19-classifier@champion.")]


def reporting(command: Callable[..., Outcome], *, draws: bool = False) -> Callable[..., None]:
    """Add ``--json`` and ``--debug``, or ``--vector`` too, to a command; print its outcome."""

    @functools.wraps(command)
    def run(*, json: bool, debug: bool, vector: bool = False, **values: Any) -> None:
        if vector:
            os.environ["CK19ML_VECTOR"] = "1"  # `plots.style.VECTOR`, which takes long to import
        show(json, command(**values))

    shared = {"json": Json, "debug": Debug} | ({"vector": Vector} if draws else {})
    signature = inspect.signature(command)
    kind = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, kind, default=False, annotation=annotation)
        for name, annotation in shared.items()
    ]
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *added]
    )
    run.__annotations__ = {**command.__annotations__, **shared}
    return run


def experiment(
    name: str, summary: str, model: str, workflow: str, *, audit: bool = False
) -> Callable[..., Outcome]:
    """Build a command that runs an experiment file.

    Parameters
    ----------
    name : str
        Of the command, its file in ``experiments/``, and its function ``NAME_command``.
    summary : str
        First line of the help text.
    model : str
        Name of the config's class in `ck19ml.config`.
    workflow : str
        Module of `ck19ml.workflows` that holds the function.
    audit : bool
        Whether the command has ``--audit-leakage``.
    """
    default = Path(f"experiments/{name}.yaml")

    def run(config: Path, changes: list[str]) -> Outcome:
        from ck19ml import config as configs

        loaded = configs.load_config(getattr(configs, model), config, changes)
        function = getattr(import_module(f"ck19ml.workflows.{workflow}"), f"{name}_command")
        outcome: Outcome = function(loaded)
        return outcome

    def plain(config: Config = default, set_: Set = None) -> Outcome:
        return run(config, overrides(set_))

    def audited(
        config: Config = default, set_: Set = None, audit_leakage: Audit = False
    ) -> Outcome:
        return run(config, overrides(set_, audit_leakage))

    command = audited if audit else plain
    command.__name__, command.__doc__ = name, summary
    return command


def show(as_json: bool, outcome: Outcome) -> None:
    """Print an outcome: lines for people, or with ``--json`` one object on stdout.

    Raises
    ------
    Ck19Error
        If the outcome carries an error.
    """
    for line in outcome.lines:
        print(printable(line), file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json_text.dumps(outcome.data))
    if outcome.error is not None:
        raise outcome.error


AUDITED = 0.1
"""Share of the training wells' patches that ``--audit-leakage`` holds out."""


def overrides(values: list[str] | None, audit: bool = False) -> list[str]:
    """Split overrides at semicolons: MLproject passes them all as one parameter."""
    given = [part.strip() for value in values or [] for part in value.split(";") if part.strip()]
    return [f"split.audit={AUDITED}"] * audit + given
