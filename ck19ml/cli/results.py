"""Commands that use trained models."""

from pathlib import Path
from typing import Annotated

import typer

from ck19ml.cli.options import Debug, Json, Model, Overwrite, show


def evaluate(
    model: Model,
    dataset: Annotated[Path, typer.Argument(help="Prepared dataset.")],
    figures: Annotated[str, typer.Option(help="Also write the figures into this folder.")] = "",
    overwrite: Overwrite = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Evaluate a model on the wells of a dataset that it has not seen."""
    from ck19ml.workflows import evaluate as workflow

    folder = Path(figures) if figures else None
    show(json, workflow.evaluate_command(model, dataset, folder, overwrite=overwrite))


def predict(
    model: Model,
    plate: Annotated[Path, typer.Argument(help="Plate folder.")],
    out: Annotated[Path, typer.Option(help="Table to write: one row a well.")],
    patches: Annotated[str, typer.Option(help="Table to write: one row a patch.")] = "",
    overwrite: Overwrite = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Score the wells of a plate folder with a model."""
    from ck19ml.workflows.predict import predict_command

    each = Path(patches) if patches else None
    show(json, predict_command(model, plate, out, patches=each, overwrite=overwrite))


def screen(
    model: Model,
    dataset: Annotated[Path, typer.Argument(help="Prepared dataset.")],
    out: Annotated[str, typer.Option(help="Also write tables and figures into this folder.")] = "",
    target: Annotated[
        str, typer.Option(help="Stimulation that a classifier's score stands for.")
    ] = "",
    fdr: Annotated[float, typer.Option(help="False discovery rate of the hits.")] = 0.05,
    overwrite: Overwrite = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Rank a plate's compounds by how they change the interaction."""
    from ck19ml.workflows import screen as workflow

    folder = Path(out) if out else None
    show(
        json,
        workflow.screen_command(
            model, dataset, folder, target=target, fdr=fdr, overwrite=overwrite
        ),
    )


def features(
    model: Model,
    dataset: Annotated[Path, typer.Argument(help="Prepared dataset.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write: one row a well.")],
    patches: Annotated[bool, typer.Option("--patches", help="One row a patch instead.")] = False,
    overwrite: Overwrite = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write an encoder's features as profiles for pycytominer."""
    from ck19ml.workflows import features as workflow

    show(
        json,
        workflow.features_command(model, dataset, out, patches=patches, overwrite=overwrite),
    )


def report(
    run: Annotated[str, typer.Argument(help="Id of the run.")],
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("report.html"),
    overwrite: Overwrite = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write one self-contained page about a run."""
    from ck19ml.workflows import report as workflow

    show(json, workflow.report_command(run, out, overwrite=overwrite))


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 5000,
    debug: Debug = False,
) -> int:
    """Serve the MLflow UI on the project's own store until it is interrupted."""
    from ck19ml.tracking.ui import serve_ui

    return serve_ui(port)
