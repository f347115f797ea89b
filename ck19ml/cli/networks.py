"""Commands that train."""

from pathlib import Path
from typing import Annotated

import typer

from ck19ml.cli.options import Audit, Config, Set, experiment, overrides
from ck19ml.workflows.outcome import Outcome

autoencoder = experiment(
    "autoencoder",
    "Train an autoencoder on a dataset and register it.",
    "AutoencoderConfig",
    "autoencoder",
    audit=True,
)
regressor = experiment(
    "regressor",
    "Train a regressor of the overlap on an encoder and register it.",
    "RegressorConfig",
    "regressor",
    audit=True,
)
pretraining = experiment(
    "pretraining",
    "Compare frozen, fine-tuned and randomly initialised encoders.",
    "PretrainingConfig",
    "pretraining",
)


def classifier(
    config: Config = Path("experiments/classifier.yaml"),
    set_: Set = None,
    audit_leakage: Audit = False,
    folds: Annotated[
        int | None,
        typer.Option(
            help="Cross-validate with so many folds; each well is tested once.", show_default=False
        ),
    ] = None,
) -> Outcome:
    """Train a classifier of the stimulation on an encoder and register it."""
    from ck19ml.config import ClassifierConfig, load_config

    changes = overrides(set_, audit_leakage) + ([] if folds is None else [f"split.folds={folds}"])
    loaded = load_config(ClassifierConfig, config, changes)
    if loaded.split.folds is not None and loaded.split.fold is None:
        from ck19ml.workflows.cross_validation import folds_command

        return folds_command(loaded)
    from ck19ml.workflows.classifier import classifier_command

    return classifier_command(loaded)


def tune(
    config: Config = Path("experiments/tune.yaml"),
    trials: Annotated[
        int | None, typer.Option(help="Total number of trials of the study.", show_default=False)
    ] = None,
    storage: Annotated[
        str,
        typer.Option(
            help="Optuna's journal file (default: beside the dataset), or postgresql://HOST/NAME."
        ),
    ] = "",
    workers: Annotated[
        int, typer.Option(help="Number of processes that run trials on this machine.")
    ] = 1,
    scheduler: Annotated[
        str, typer.Option(help="Dask scheduler whose workers run the trials: tcp://...")
    ] = "",
    timeout: Annotated[
        float, typer.Option(help="Seconds after which no trial starts; 0 means no limit.")
    ] = 0,
    set_: Set = None,
    audit_leakage: Audit = False,
) -> Outcome:
    """Run the main job: from a plate to a tuned, registered and evaluated champion."""
    from ck19ml.config import TuneConfig, load_config

    changes = overrides(set_, audit_leakage) + ([] if trials is None else [f"trials={trials}"])
    changes += [f"workers={workers}"] if workers != 1 else []
    changes += [f"scheduler={scheduler}"] if scheduler else []
    changes += [f"timeout={timeout}"] if timeout else []
    loaded = load_config(TuneConfig, config, changes)
    from ck19ml.workflows.tune import tune_command

    return tune_command(loaded, storage or None)
