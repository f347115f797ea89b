"""Commands on plates and datasets."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ck19ml.cli.options import Overwrite, overrides
from ck19ml.errors import ConfigError
from ck19ml.workflows.outcome import Outcome

MaskName = Literal[
    "instrument",
    "otsu",
    "kmeans",
    "threshold",
    "otsu-field",
    "kmeans-field",
    "threshold-field",
    "unet",
]
"""As `core.mask_methods.NAMES`, which takes longer to import than the help may."""


def simulate(
    out: Annotated[Path, typer.Argument(help="Folder of the plate to write.")],
    layout: Annotated[str, typer.Option(help="ck19, ck21, ck22, or a layout file.")] = "ck19",
    wells: Annotated[str, typer.Option(help="Number of wells, or 'all'.")] = "all",
    size: Annotated[int, typer.Option(help="Side of a field in pixels.")] = 2048,
    seed: Annotated[
        int, typer.Option(help="Random seed; the same seed gives the same bytes.")
    ] = 2211,
    brightfield: Annotated[
        bool, typer.Option(help="Also write a brightfield image a well.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            help="Set a parameter of the simulator: camera.gain=1.2, diameter=2.",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> Outcome:
    """Simulate a plate: write TIFFs, layout and truth."""
    from ck19ml.config import simulate_config
    from ck19ml.workflows.simulate import simulate as simulate_plate

    content: dict[str, Any] = {"layout": layout, "size": size, "seed": seed}
    content |= {"brightfield": brightfield, "wells": None if wells == "all" else wells}
    config = simulate_config(content, overrides(settings))
    return simulate_plate(out, config, overwrite=overwrite)


def layout(
    file: Annotated[Path, typer.Argument(help="Plate folder, or layout (.xlsx, .csv, .toml).")],
    out: Annotated[str, typer.Option(help="CSV file to write the layout to.")] = "",
    figure: Annotated[
        str, typer.Option(help="File to draw the plate to: .png, .svg or .pdf.")
    ] = "",
    write: Annotated[str, typer.Option(help="File to write a proposed plate.yaml to.")] = "",
    columns: Annotated[
        str, typer.Option(help="The file's own columns, as in '{well: colrow}'.")
    ] = "",
    overwrite: Overwrite = False,
) -> Outcome:
    """Show what a layout or a plate folder says, to confirm or to correct it."""
    from ck19ml.workflows import layout as workflow

    table, picture, proposed = (Path(name) if name else None for name in (out, figure, write))
    names = workflow.column_names(columns) if columns else None
    return workflow.layout_command(file, table, picture, overwrite, proposed, names)


def prepare(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PLATE [PLATE ...] DATASET",
            help="Plate folders (TIFFs and a layout each), then the dataset to write, NAME.zarr.",
        ),
    ],
    layout: Annotated[
        str, typer.Option(help="Layout file to use instead of the folder's own.")
    ] = "",
    mask: Annotated[MaskName, typer.Option(help="Mask method.")] = "instrument",
    labels: Annotated[
        str, typer.Option(help="Folder of another program's label images to use as masks.")
    ] = "",
    mask_model: Annotated[
        str,
        typer.Option(help="Network for --mask unet: an MLflow URI, or the package's own: shipped."),
    ] = "shipped",
    patch_size: Annotated[int, typer.Option(help="Side of a patch in pixels.")] = 192,
    illumination: Annotated[
        bool, typer.Option("--illumination", help="Correct uneven illumination.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Skip fields with problems.")
    ] = False,
    keep_empty: Annotated[
        bool, typer.Option("--keep-empty", help="Keep empty fields and flag them as faulty.")
    ] = False,
    chance: Annotated[
        bool, typer.Option("--chance", help="Add z-scores of the overlap against chance.")
    ] = False,
    contact_um: Annotated[
        float, typer.Option(help="Distance in um up to which a T cell and a DC touch.")
    ] = 1.34,
    saturated_limit: Annotated[
        float, typer.Option(help="Share of saturated pixels above which a field is a problem.")
    ] = 0.05,
    quality: Annotated[
        str, typer.Option(help="Thresholds of the quality flags: {focus: 0.3, faulty: 0.5}.")
    ] = "",
    workers: Annotated[int, typer.Option(help="Number of fields to process at a time.")] = 1,
    scheduler: Annotated[
        str, typer.Option(help="Dask scheduler whose workers do the work: tcp://...")
    ] = "",
    overwrite: Overwrite = False,
) -> Outcome:
    """Turn plate folders into one dataset of patches, masks and overlap."""
    from ck19ml.config import prepare_config
    from ck19ml.workflows.prepare import prepare_command

    plates, dataset = _plates_and_dataset(paths)
    config = prepare_config(
        {
            "mask": mask,
            "mask_model": mask_model,
            "patch_size": patch_size,
            "layout": layout or None,
            "labels": labels or None,
            "illumination": illumination,
            "skip_bad": skip_bad,
            "keep_empty": keep_empty,
            "chance": chance,
            "contact_um": contact_um,
            "saturated_limit": saturated_limit,
            "workers": workers,
            "scheduler": scheduler or None,
        },
        quality,
    )
    return prepare_command(plates, dataset, config, overwrite)


def _plates_and_dataset(paths: list[str]) -> tuple[list[Path], Path]:
    if len(paths) < 2:
        raise ConfigError(
            f"only one path is given, {paths[0]!r}; give one or more plate folders and then the "
            "dataset to write"
        )
    # MLproject passes several folders as one parameter, separated by spaces.
    each = [[name] if Path(name).exists() else name.split() for name in paths[:-1]]
    return [Path(name) for names in each for name in names], Path(paths[-1])


def check(
    dataset: Annotated[Path, typer.Argument(help="Prepared dataset.")],
) -> Outcome:
    """Verify a dataset against its hashes and list damaged wells."""
    from ck19ml.workflows import check as workflow

    return workflow.check_command(dataset)


def export(
    plate: Annotated[Path, typer.Argument(help="Plate folder.")],
    out: Annotated[Path, typer.Argument(help="Folder to write, NAME.ome.zarr.")],
    no_labels: Annotated[
        bool, typer.Option("--no-labels", help="Omit the label images of the cells.")
    ] = False,
    overwrite: Overwrite = False,
) -> Outcome:
    """Export a plate as OME-Zarr, for napari and other viewers."""
    from ck19ml.workflows import export as workflow

    return workflow.export_command(plate, out, not no_labels, overwrite)
