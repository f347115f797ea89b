"""Train a regressor of the overlap in a tracked run."""

from dataclasses import replace
from typing import Any

import numpy as np

from ck19ml.config import RegressorConfig
from ck19ml.core.scores.interaction import SLIDES_THRESHOLD, best_call
from ck19ml.errors import ConfigError, PlateError
from ck19ml.networks.evaluation import evaluate
from ck19ml.networks.heads import train_regressor
from ck19ml.networks.scorer import Scorer, mask_network_of
from ck19ml.plates.dataset.store import open_dataset
from ck19ml.plates.dataset.truth import OF_MASKS, with_truth
from ck19ml.plates.dataset.unraised import unraised
from ck19ml.tracking import runs
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import say
from ck19ml.workflows.steps.finish import Trained, card, outcome
from ck19ml.workflows.steps.fit import (
    find_encoder,
    finish_supervised,
    fit_with_bar,
    part_of,
    training_checkpoint,
)
from ck19ml.workflows.steps.resume import repair_runs
from ck19ml.workflows.steps.split import Split, split_dataset


def regressor_command(config: RegressorConfig) -> Outcome:
    """Train a regressor of the overlap, judge it by the truth where it is known, register it.

    Raises
    ------
    ConfigError
        If it is to learn a truth that is not known.
    """
    opened = open_dataset(config.dataset)
    opened.require_pair("a regressor")
    dataset = opened.with_target(config.target)
    if config.learn != "masks":
        dataset = with_truth(opened, config.target)
        known = OF_MASKS in dataset.table
        if config.learn == "truth" and not known:
            raise ConfigError(
                f"learn: the true {config.target} of {config.dataset} is not known (the plate was "
                "not simulated, or is not beside it any more); use 'learn: masks'"
            )
        config = config.changed(learn="truth" if known else "masks")
    split = split_dataset(dataset, config.split)
    encoder = find_encoder(config, split) if config.has_encoder else None
    repair_runs()
    return outcome(_train(config, split, encoder))


def _train(config: RegressorConfig, split: Split, encoder: Any) -> Trained:
    """Train on an encoder, None for the head ``masks``, in its own run."""
    kind = "fine-tuned" if config.fine_tune else "frozen"
    kind = kind if config.has_encoder else "masks"
    kind += "" if config.target == "overlap" else f", {config.target}"
    kind += f", learns the {config.learn}"
    with runs.start(f"regressor {kind}", "regressor", config.model_dump(mode="json")) as run:
        pixels = split if config.has_encoder else _unraised(split)
        train, held_out = (
            part_of(pixels, role, config, labels=False) for role in ("train", "validation")
        )
        what = "regressor" if pixels is split else "regressor on unraised pixels"
        kept = training_checkpoint(what, config, split, encoder)
        network, result = fit_with_bar(
            train_regressor,
            "regressor",
            encoder,
            (train, held_out),
            config,
            seed=config.seed,
            target=config.target,
            checkpoint=kept,
        )
        known = card(
            "regressor",
            split,
            masked=config.masked,
            seed=config.seed,
            threshold=_threshold(config),
            target=config.target,
        ).changed(raised=pixels is split)
        scorer = with_call(Scorer(network, known, mask_network_of(split.dataset)), split, config)
        trained = finish_supervised(
            run, scorer, split, result, epochs=config.fit.epochs, seed=config.seed
        )
        kept.remove()
        return trained


def _unraised(split: Split) -> Split:
    """Return the split with patches that are not raised to the background, if there are any.

    Raised pixels have lost the rims of cells. An encoder was trained on raised ones.
    """
    try:
        return replace(split, dataset=unraised(split.dataset))
    except PlateError as error:
        say(f"note: the regressor sees pixels that are raised to the background: {error}")
        return split


def with_call(scorer: Scorer, split: Split, config: RegressorConfig) -> Scorer:
    """Set the predicted overlap at or above which a regressor calls an interaction."""
    if config.interaction_threshold != "validation":
        return scorer
    found = evaluate(scorer, split.dataset, split.rows("validation")).patches
    call = best_call(
        found["overlap"].to_numpy(np.float64), found["predicted_overlap"].to_numpy(np.float64)
    )
    known = scorer.card.changed(interaction_call=call)
    return Scorer(scorer.network, known, scorer.mask_network)


def _threshold(config: RegressorConfig) -> float:
    chosen = config.interaction_threshold
    return SLIDES_THRESHOLD if chosen == "validation" else float(chosen)
