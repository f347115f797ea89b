"""The command that starts a project."""

from pathlib import Path
from typing import Annotated

import typer

from ck19ml.cli.options import Debug, Json, show


def new(
    folder: Annotated[Path, typer.Argument(help="Folder to write; new or empty.")],
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Start a project: experiments, MLproject, environments and a README."""
    from ck19ml.workflows import new_project

    show(json, new_project.new_command(folder))
