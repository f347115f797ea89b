"""The command line: parses, calls one workflow, turns errors into one line and an exit code."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ck19ml import __version__
from ck19ml.errors import Ck19Error, ConfigError

app = typer.Typer(
    name="ck19ml",
    help="Experiments on two-channel fluorescence plates of T cells and dendritic cells.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

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
Model = Annotated[str, typer.Argument(help="MLflow model URI, models:/ck19-classifier@champion.")]


def _show(as_json: bool, outcome: Any) -> None:
    """Print an outcome: lines for people, or with --json one object on stdout."""
    for line in outcome.lines:
        print(line, file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(outcome.data))


def _overrides(values: list[str] | None) -> list[str]:
    """Split overrides at semicolons: MLproject passes them all as one parameter."""
    return [part.strip() for value in values or [] for part in value.split(";") if part.strip()]


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="Folder of the new plate.")],
    layout: Annotated[str, typer.Option(help="ck19, ck21, ck22 or a layout file.")] = "ck19",
    wells: Annotated[str, typer.Option(help="Number of wells, or all.")] = "all",
    size: Annotated[int, typer.Option(help="Side of a field in pixels.")] = 2048,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 2211,
    brightfield: Annotated[bool, typer.Option(help="Write a brightfield image too.")] = False,
    overwrite: Overwrite = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a simulated plate: TIFFs, layout and truth."""
    from ck19ml.config import SimulateConfig, build_config
    from ck19ml.workflows import data

    content: dict[str, Any] = {"layout": layout, "size": size, "seed": seed}
    content |= {"brightfield": brightfield, "wells": None if wells == "all" else wells}
    config = build_config(SimulateConfig, content, "simulate")
    _show(json, data.simulate(out, config, overwrite=overwrite))


@app.command()
def layout(
    file: Annotated[Path, typer.Argument(help="Layout: .xlsx, .csv or wellmap .toml.")],
    out: Annotated[str, typer.Option(help="Write the layout as a CSV table.")] = "",
    figure: Annotated[str, typer.Option(help="Draw the plate: .png, .svg or .pdf.")] = "",
    overwrite: Overwrite = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what a plate layout says, to confirm or to correct it."""
    from ck19ml.workflows import layout as workflow

    table, picture = (Path(name) if name else None for name in (out, figure))
    _show(json, workflow.layout_command(file, table, picture, overwrite))


@app.command()
def prepare(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PLATE [PLATE ...] DATASET",
            help="Plate folders (TIFFs and a layout each), then the dataset to write, NAME.zarr.",
        ),
    ],
    layout: Annotated[str, typer.Option(help="Layout file, instead of the folder's own.")] = "",
    mask: Annotated[str, typer.Option(help="Mask method.")] = "otsu",
    patch_size: Annotated[int, typer.Option(help="Side of a patch in pixels.")] = 192,
    illumination: Annotated[
        bool, typer.Option("--illumination", help="Correct uneven illumination.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Go on without the fields that have problems.")
    ] = False,
    keep_empty: Annotated[
        bool, typer.Option("--keep-empty", help="Keep fields that show nothing, as faulty.")
    ] = False,
    saturated_limit: Annotated[
        float, typer.Option(help="Share of saturated pixels that makes a field a problem.")
    ] = 0.05,
    quality: Annotated[
        str, typer.Option(help="Thresholds of the flags, as in {focus: 0.3, faulty: 0.5}.")
    ] = "",
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
    scheduler: Annotated[str, typer.Option(help="Dask cluster that works instead, tcp://...")] = "",
    overwrite: Overwrite = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Turn plate folders into one dataset of patches, masks and overlap."""
    from ck19ml.config import prepare_config
    from ck19ml.workflows import data

    plates, dataset = _plates_and_dataset(paths)
    config = prepare_config(
        {
            "mask": mask,
            "patch_size": patch_size,
            "layout": layout or None,
            "illumination": illumination,
            "skip_bad": skip_bad,
            "keep_empty": keep_empty,
            "saturated_limit": saturated_limit,
            "workers": workers,
            "scheduler": scheduler or None,
        },
        quality,
    )
    _show(json, data.prepare_command(plates, dataset, config, overwrite))


def _plates_and_dataset(paths: list[str]) -> tuple[list[Path], Path]:
    if len(paths) < 2:
        raise ConfigError(
            f"expected one plate folder or more and then the dataset, found {paths[0]!r} only; "
            "add the dataset's name"
        )
    # MLproject passes several folders as one parameter, separated by spaces.
    each = [[name] if Path(name).exists() else name.split() for name in paths[:-1]]
    return [Path(name) for names in each for name in names], Path(paths[-1])


@app.command()
def autoencoder(
    config: Config = Path("experiments/autoencoder.yaml"),
    set_: Set = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Train an autoencoder on a dataset and register it."""
    from ck19ml.config import AutoencoderConfig, load_config

    loaded = load_config(AutoencoderConfig, config, _overrides(set_))
    from ck19ml.workflows import train

    _show(json, train.autoencoder_command(loaded))


@app.command()
def classifier(
    config: Config = Path("experiments/classifier.yaml"),
    set_: Set = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Train a classifier of the stimulation on an encoder and register it."""
    from ck19ml.config import ClassifierConfig, load_config

    loaded = load_config(ClassifierConfig, config, _overrides(set_))
    from ck19ml.workflows import train

    _show(json, train.classifier_command(loaded))


@app.command()
def regressor(
    config: Config = Path("experiments/regressor.yaml"),
    set_: Set = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Train a regressor of the overlap on an encoder and register it."""
    from ck19ml.config import RegressorConfig, load_config

    loaded = load_config(RegressorConfig, config, _overrides(set_))
    from ck19ml.workflows import train

    _show(json, train.regressor_command(loaded))


@app.command()
def tune(
    config: Config = Path("experiments/tune.yaml"),
    trials: Annotated[
        int | None, typer.Option(help="Trials that the study has when it ends.", show_default=False)
    ] = None,
    storage: Annotated[
        str, typer.Option(help="Optuna's journal file; by default beside the dataset.")
    ] = "",
    set_: Set = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Run the main job: plate to tuned, registered, evaluated champion."""
    from ck19ml.config import TuneConfig, load_config

    overrides = _overrides(set_) + ([] if trials is None else [f"trials={trials}"])
    loaded = load_config(TuneConfig, config, overrides)
    from ck19ml.workflows import tune as workflow

    _show(json, workflow.tune_command(loaded, Path(storage) if storage else None))


@app.command()
def evaluate(
    model: Model,
    dataset: Annotated[Path, typer.Argument(help="Prepared dataset.")],
    figures: Annotated[str, typer.Option(help="Also write the figures into this folder.")] = "",
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Evaluate a model on the wells of a dataset that it has not seen."""
    from ck19ml.workflows import evaluate as workflow

    _show(json, workflow.evaluate_command(model, dataset, Path(figures) if figures else None))


@app.command()
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
    from ck19ml.workflows import evaluate as workflow

    each = Path(patches) if patches else None
    _show(json, workflow.predict_command(model, plate, out, patches=each, overwrite=overwrite))


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 5000,
    debug: Debug = False,
) -> None:
    """Open the MLflow UI on the project's own store."""
    from ck19ml.tracking.server import serve_ui

    serve_ui(port)


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
        if not isinstance(error, Ck19Error):
            text = f"unexpected {type(error).__name__}: {text}; add --debug for the traceback"
        print(f"error: {text}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    except KeyboardInterrupt:
        print("error: interrupted; run the same command again to go on", file=sys.stderr)
        return 1
