"""Commands that train."""

from pathlib import Path
from typing import Annotated

import typer

from ck19ml.cli.options import Audit, Config, Debug, Json, Set, overrides, show


def autoencoder(
    config: Config = Path("experiments/autoencoder.yaml"),
    set_: Set = None,
    audit_leakage: Audit = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Train an autoencoder on a dataset and register it."""
    from ck19ml.config import AutoencoderConfig, load_config

    loaded = load_config(AutoencoderConfig, config, overrides(set_, audit_leakage))
    from ck19ml.workflows import autoencoder as workflow

    show(json, workflow.autoencoder_command(loaded))


def classifier(
    config: Config = Path("experiments/classifier.yaml"),
    set_: Set = None,
    audit_leakage: Audit = False,
    folds: Annotated[
        int | None,
        typer.Option(help="Cross-validate: each well is tested once.", show_default=False),
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Train a classifier of the stimulation on an encoder and register it."""
    from ck19ml.config import ClassifierConfig, load_config

    changes = overrides(set_, audit_leakage) + ([] if folds is None else [f"split.folds={folds}"])
    loaded = load_config(ClassifierConfig, config, changes)
    if loaded.split.folds is not None and loaded.split.fold is None:
        from ck19ml.workflows import cross_validation as cross_validation

        show(json, cross_validation.folds_command(loaded))
        return
    from ck19ml.workflows.classifier import classifier_command

    show(json, classifier_command(loaded))


def regressor(
    config: Config = Path("experiments/regressor.yaml"),
    set_: Set = None,
    audit_leakage: Audit = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Train a regressor of the overlap on an encoder and register it."""
    from ck19ml.config import RegressorConfig, load_config

    loaded = load_config(RegressorConfig, config, overrides(set_, audit_leakage))
    from ck19ml.workflows.regressor import regressor_command

    show(json, regressor_command(loaded))


def tune(
    config: Config = Path("experiments/tune.yaml"),
    trials: Annotated[
        int | None, typer.Option(help="Trials that the study has when it ends.", show_default=False)
    ] = None,
    storage: Annotated[
        str,
        typer.Option(
            help="Optuna's journal file, by default beside the dataset; or postgresql://HOST/NAME."
        ),
    ] = "",
    workers: Annotated[int, typer.Option(help="Processes that run trials on this machine.")] = 1,
    scheduler: Annotated[
        str, typer.Option(help="Dask cluster that runs the trials instead, tcp://...")
    ] = "",
    timeout: Annotated[
        float, typer.Option(help="Seconds after which no trial is started; 0 is no limit.")
    ] = 0,
    set_: Set = None,
    audit_leakage: Audit = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Run the main job: plate to tuned, registered, evaluated champion."""
    from ck19ml.config import TuneConfig, load_config

    changes = overrides(set_, audit_leakage) + ([] if trials is None else [f"trials={trials}"])
    changes += [f"workers={workers}"] if workers != 1 else []
    changes += [f"scheduler={scheduler}"] if scheduler else []
    changes += [f"timeout={timeout}"] if timeout else []
    loaded = load_config(TuneConfig, config, changes)
    from ck19ml.workflows import tune as workflow

    show(json, workflow.tune_command(loaded, storage or None))


def pretraining(
    config: Config = Path("experiments/pretraining.yaml"),
    set_: Set = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what the autoencoder brings: frozen, fine-tuned and fresh encoders."""
    from ck19ml.config import PretrainingConfig, load_config

    loaded = load_config(PretrainingConfig, config, overrides(set_))
    from ck19ml.workflows import pretraining as workflow

    show(json, workflow.pretraining_command(loaded))
