"""Sampling of trials, and pruning of hopeless ones."""

import warnings
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning

from ck19ml.core.settings import Range
from ck19ml.tuning.types import Parameters, Space, When

STARTUP_TRIALS = 5
"""Trials before the sampler models and the pruner compares."""

WARMUP_EPOCHS = 2
"""Epochs before a trial can be pruned."""


def pruner_of(name: str) -> optuna.pruners.BasePruner:
    """Make the pruner of this name: median, hyperband or none."""
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=WARMUP_EPOCHS)
    if name == "none":
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(STARTUP_TRIALS, WARMUP_EPOCHS)


def sampler_of(seed: int) -> optuna.samplers.TPESampler:
    """Make the sampler of one trial."""
    # The constant liar counts trials at work as bad ones, so that several processes do not
    # all try the same; where there are none it changes nothing.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, group=True,
            constant_liar=True,
        )  # fmt: skip


def draw(trial: optuna.Trial, space: Space, when: When) -> Parameters:
    """Draw the parameters of a trial, one after the other."""
    parameters: Parameters = {}
    for name, choice in space.items():
        if applies(name, parameters, when):
            parameters[name] = suggest(trial, name, choice)
    return parameters


def applies(name: str, parameters: Parameters, when: When) -> bool:
    """Return whether a trial with these parameters has the parameter of this name."""
    other, values = when.get(name, ("", (None,)))
    return parameters.get(other) in values


def suggest(trial: optuna.Trial, name: str, choice: list[Any] | Range) -> Any:
    """Draw a parameter of a trial."""
    if isinstance(choice, list):
        return trial.suggest_categorical(name, choice)
    if isinstance(choice.low, int) and isinstance(choice.high, int):
        return trial.suggest_int(name, choice.low, choice.high, log=choice.log)
    return trial.suggest_float(name, choice.low, choice.high, log=choice.log)
