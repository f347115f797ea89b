"""Command that starts a project."""

from pathlib import Path
from typing import Annotated

import typer

from ck19ml.workflows.outcome import Outcome


def new(
    folder: Annotated[Path, typer.Argument(help="Folder to write; new or empty.")],
) -> Outcome:
    """Start a project: experiments, MLproject, environments and a README."""
    from ck19ml.workflows.new_project import new_command

    return new_command(folder)
