"""Commands that use trained models."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ck19ml.cli.options import Debug, Model, Overwrite
from ck19ml.workflows.outcome import Outcome

LEAST_SSMD = 2.0
"""Smallest SSMD of a strong effect (Zhang, J. Biomol. Screen. 12 (2007) 497)."""


def evaluate(
    model: Model,
    dataset: Annotated[Path, typer.Argument(help="Prepared dataset.")],
    figures: Annotated[str, typer.Option(help="Folder to write the figures to as well.")] = "",
    umap: Annotated[
        bool, typer.Option("--umap", help="Map the patches by UMAP (slower) instead of PCA.")
    ] = False,
    explain: Annotated[
        str,
        typer.Option(
            help="Remove cells from these wells and ask a classifier again: B03,C05; or so many "
            "wells, the surest."
        ),
    ] = "",
    overwrite: Overwrite = False,
) -> Outcome:
    """Evaluate a model on the wells of a dataset that it was not trained on."""
    from ck19ml.workflows import evaluate as workflow

    folder = Path(figures) if figures else None
    return workflow.evaluate_command(
        model, dataset, folder, overwrite=overwrite, umap=umap, explain=explain
    )


def predict(
    model: Model,
    plate: Annotated[Path, typer.Argument(help="Plate folder.")],
    out: Annotated[Path, typer.Option(help="CSV file to write: one row a well.")],
    patches: Annotated[str, typer.Option(help="CSV file to write as well: one row a patch.")] = "",
    overwrite: Overwrite = False,
) -> Outcome:
    """Score the wells of a plate folder with a model."""
    from ck19ml.workflows.predict import predict_command

    each = Path(patches) if patches else None
    return predict_command(model, plate, out, patches=each, overwrite=overwrite)


def screen(
    model: Model,
    dataset: Annotated[Path, typer.Argument(help="Prepared dataset.")],
    out: Annotated[str, typer.Option(help="Folder to write tables and figures to as well.")] = "",
    target: Annotated[
        str, typer.Option(help="Stimulation whose probability is a classifier's score.")
    ] = "",
    reference: Annotated[
        str, typer.Option(help="Stimulation without interaction, where its name does not say so.")
    ] = "",
    fdr: Annotated[float, typer.Option(help="False discovery rate of the hit list.")] = 0.05,
    ssmd: Annotated[float, typer.Option(help="Smallest absolute SSMD of a hit.")] = LEAST_SSMD,
    masks: Annotated[
        str,
        typer.Option(
            help="Mask methods and folders of label images, by commas: mark hits that hold in all."
        ),
    ] = "",
    overwrite: Overwrite = False,
) -> Outcome:
    """Rank a plate's compounds by how they change the interaction."""
    from ck19ml.workflows import screen as workflow

    folder = Path(out) if out else None
    return workflow.screen_command(
        model,
        dataset,
        folder,
        target=target,
        reference=reference,
        fdr=fdr,
        least_ssmd=ssmd,
        masks=masks,
        overwrite=overwrite,
    )


def features(
    model: Model,
    dataset: Annotated[Path, typer.Argument(help="Prepared dataset.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write: one row a well.")],
    patches: Annotated[
        bool, typer.Option("--patches", help="Write one row a patch instead.")
    ] = False,
    normalise: Annotated[
        Literal["none", "vehicle", "spherize"],
        typer.Option(help="Normalise by pycytominer, against the plate's vehicle wells."),
    ] = "none",
    overwrite: Overwrite = False,
) -> Outcome:
    """Write an encoder's features as profiles for pycytominer."""
    from ck19ml.workflows import tables as workflow

    return workflow.features_command(
        model, dataset, out, patches=patches, normalise=normalise, overwrite=overwrite
    )


def cells(
    dataset: Annotated[Path, typer.Argument(help="Prepared dataset.")],
    out: Annotated[Path, typer.Option(help="CSV file to write: one row a cell.")],
    wells: Annotated[str, typer.Option(help="CSV file to write as well: one row a well.")] = "",
    figure: Annotated[
        str, typer.Option(help="File to draw a patch with its contacts to: .png, .svg or .pdf.")
    ] = "",
    overwrite: Overwrite = False,
) -> Outcome:
    """Write the cells of a dataset and which of them touch."""
    from ck19ml.workflows import tables as workflow

    table, picture = (Path(name) if name else None for name in (wells, figure))
    return workflow.cells_command(dataset, out, table, picture, overwrite=overwrite)


def report(
    run: Annotated[str, typer.Argument(help="Id of the run.")],
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("report.html"),
    overwrite: Overwrite = False,
) -> Outcome:
    """Write a self-contained HTML page about a run."""
    from ck19ml.workflows import report as workflow

    return workflow.report_command(run, out, overwrite=overwrite)


def dashboard(
    study: Annotated[
        str, typer.Argument(help="Optuna's journal file, or postgresql://HOST/NAME.")
    ] = "data/plate.study/optuna.journal",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 8080,
    debug: Debug = False,
) -> None:
    """Serve Optuna's dashboard on the study of `tune` until it is interrupted."""
    from ck19ml.tuning.dashboard import serve_dashboard

    raise SystemExit(serve_dashboard(study, port))


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 5000,
    debug: Debug = False,
) -> None:
    """Serve the MLflow UI on the project's own store until it is interrupted."""
    from ck19ml.tracking.ui import serve_ui

    # Not returned: 130 is how it ends, and not an interrupted command that can resume.
    raise SystemExit(serve_ui(port))
