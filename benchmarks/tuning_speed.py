"""Trials of ours against trials of the loop that everybody writes, in one run.

The plain loop is Optuna + Keras with the encoder inside every trial's network: the same patches,
the same search space of softmax heads, the same sampler and seed, at most as many epochs a trial.
Both start from the same trained encoder. Ours trains a head on stored features, prunes, and where
the encoder is trained too does so for few epochs, after the head: that is what is compared. Ours
scores heads on five inner folds, the plain loop on one set of validation wells.

    python benchmarks/tuning_speed.py            30 against 30 trials; hours
    python benchmarks/tuning_speed.py --short    a small plate, 3 against 1 trial, to see that it
                                                 works; the ratio grows with the plate
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PARAMETERS = {"epochs": 30, "fine_tune_epochs": 2}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wells", type=int, default=120)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--plain-trials", type=int)
    parser.add_argument("--frozen", action="store_true", help="leave fine_tune out of the space")
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    if options.short:
        options.wells, options.size, options.trials = 12, 448, 3
        options.plain_trials, options.frozen = options.plain_trials or 1, True
    plain = options.plain_trials or options.trials
    with tempfile.TemporaryDirectory(prefix="ck19ml-speed-") as place:
        os.chdir(place)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{place}/mlflow.db"
        print(json.dumps(compare(options, plain)))


def compare(options: argparse.Namespace, plain_trials: int) -> dict[str, Any]:
    """Run both on the same data."""
    from ck19ml.config import SimulateConfig, SpaceConfig, TuneConfig
    from ck19ml.networks.settings import AutoencoderSettings, FitSettings
    from ck19ml.tracking import runs
    from ck19ml.workflows.autoencoder import autoencoder_step
    from ck19ml.workflows.prepare import find_plates, prepare
    from ck19ml.workflows.steps.split import split_dataset

    trials = options.trials
    config = TuneConfig(
        space=SpaceConfig(head=["softmax"], fine_tune=[False] if options.frozen else [False, True]),
        autoencoder=AutoencoderSettings(fit=FitSettings(epochs=3, batch_size=32)),
        trials=trials,
        **PARAMETERS,
    )
    plate = SimulateConfig(wells=options.wells, size=options.size)
    config = config.model_copy(update={"simulate": plate})
    dataset = prepare(find_plates(config), config.dataset, config.prepare)
    split = split_dataset(dataset, config.split)
    with runs.start("speed", "tune", {}) as parent:
        encoder_run, _ = autoencoder_step(config.autoencoder, split, config.seed)
        ours = run_ours(config, split, parent, encoder_run)
    theirs = run_plain(replace_trials(config, plain_trials), split, encoder_run)
    ratios = {
        name: (theirs[key] / plain_trials) / (ours[key] / trials)
        for name, key in (("ratio", "seconds"), ("processor_ratio", "processor_seconds"))
    }
    patches = {role: len(split.rows(role)) for role in ("train", "validation")}
    return {
        "patches": patches,
        "ours": ours | {"trials": trials},
        "plain": theirs | {"trials": plain_trials},
        "extrapolated": plain_trials != trials,
        **ratios,
        "rows": [
            {
                "subject": f"trial of a tuning, of {trials}",
                "unit": "s",
                "ours": ours["seconds"] / trials,
                "peer": theirs["seconds"] / plain_trials,
            }
        ],
    }


def replace_trials(config: Any, trials: int) -> Any:
    """Return the config with another budget."""
    return config.model_copy(update={"trials": trials})


class Clock:
    """Sums the seconds of calls, but not of calls within calls."""

    def __init__(self) -> None:
        self.seconds, self.depth = 0.0, 0

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed."""

        def timed(*arguments: Any, **named: Any) -> Any:
            self.depth += 1
            started = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self.depth -= 1
                if not self.depth:
                    self.seconds += time.perf_counter() - started

        return timed


def run_ours(config: Any, split: Any, parent: Any, encoder_run: Any) -> dict[str, float]:
    """Run trials as `tune` does, features and tracking included."""
    from ck19ml import tuning
    from ck19ml.config.tune import WHEN
    from ck19ml.tracking.server import client
    from ck19ml.workflows.tuning.features import load_material
    from ck19ml.workflows.tuning.trials import Trials

    clock, known = Clock(), client()
    for name in ("create_run", "log_batch", "get_run", "set_terminated"):
        setattr(known, name, clock.timed(getattr(known, name)))
    started, worked = time.perf_counter(), time.process_time()
    material = load_material(config, split, encoder_run, Path("study"))
    encoded = time.perf_counter() - started
    clock.seconds = 0.0
    with tuning.open_study(Path("study/journal"), "ours", seed=config.seed, first={}) as study:
        trials = Trials(config, material, parent)
        study.run(
            config.trials, trials.objective, dict(config.space), trials, failures=0, when=WHEN
        )
        best = min(trial.value for trial in study.complete)
        pruned = int((study.table()["state"] == "pruned").sum())
    seconds, worked = time.perf_counter() - started, time.process_time() - worked
    return {
        "seconds": seconds,
        "processor_seconds": worked,
        "encoding_seconds": encoded,
        "best": best,
        "pruned": pruned,
        "mlflow_seconds": clock.seconds,
        "mlflow_share": clock.seconds / seconds,
    }


def run_plain(config: Any, split: Any, encoder_run: Any) -> dict[str, float]:
    """Run the plain loop: a network with the encoder in it, fitted on patches."""
    import keras
    import optuna

    from ck19ml.config.tune import WHEN
    from ck19ml.networks import architectures, training
    from ck19ml.networks.batches import load_patches
    from ck19ml.tracking import registry
    from ck19ml.tuning.sampling import draw
    from ck19ml.workflows.tuning.candidates import settings_of

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    encoder = registry.load_model(registry.model_uri(encoder_run)).encoder
    data = {}
    for role in ("train", "validation"):
        rows = split.rows(role)
        patches = load_patches(split.dataset, rows, masked=False)
        data[role] = patches.batch(np.arange(len(rows))), split.labels(rows)

    def objective(trial: optuna.Trial) -> float:
        drawn = draw(trial, dict(config.space), WHEN)
        settings = settings_of(config, drawn)
        # One stage of all epochs: who writes the plain loop does not train the head first.
        fit = settings.fit.changed(epochs=config.epochs, learning_rate=drawn["learning_rate"])
        training.seed_everything(config.seed)
        head = architectures.build_classifier_head(
            architectures.feature_shape(encoder),
            classes=len(split.classes),
            **settings.head.model_dump(exclude={"kind"}),
        )
        body = architectures.copy(encoder)
        body.trainable = settings.fine_tune
        network = architectures.join(body, head)
        rate = fit.learning_rate / (10 if settings.fine_tune else 1)
        network.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy")
        counts = np.bincount(data["train"][1], minlength=len(split.classes))
        weights = {i: len(data["train"][1]) / (len(counts) * n) for i, n in enumerate(counts)}
        history = network.fit(
            *data["train"],
            validation_data=data["validation"],
            epochs=fit.epochs,
            batch_size=fit.batch_size,
            class_weight=weights if settings.class_weights else None,
            callbacks=[
                keras.callbacks.EarlyStopping(patience=fit.patience, restore_best_weights=True)
            ],
            verbose=0,
        )
        return float(min(history.history["val_loss"]))

    sampler = optuna.samplers.TPESampler(seed=config.seed)
    study = optuna.create_study(sampler=sampler)
    started, worked = time.perf_counter(), time.process_time()
    study.optimize(objective, n_trials=config.trials)
    seconds, worked = time.perf_counter() - started, time.process_time() - worked
    return {"seconds": seconds, "processor_seconds": worked, "best": study.best_value}


if __name__ == "__main__":
    main()
