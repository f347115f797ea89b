"""Measure the benefit of the autoencoder: frozen, fine-tuned and new encoders, equal budgets."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ck19ml import plots
from ck19ml.config import ClassifierConfig, PretrainingConfig
from ck19ml.networks import architectures
from ck19ml.networks.evaluation import Evaluation, evaluate
from ck19ml.networks.settings import AutoencoderSettings
from ck19ml.networks.training import seed_everything
from ck19ml.plates.dataset.store import open_dataset
from ck19ml.tracking import registry, runs
from ck19ml.workflows.autoencoder import autoencoder_step
from ck19ml.workflows.classifier import classifier_of
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import say
from ck19ml.workflows.steps.split import Split, split_dataset

ARMS = ("frozen", "fine-tuned", "from scratch")
RULES = {"overlap": "thresholds on overlap", "logistic": "logistic regression"}
UNLABELLED = "unlabelled"
"""Role of training wells whose stimulation is withheld from a classifier."""


def pretraining_command(config: PretrainingConfig) -> Outcome:
    """Train all arms on all shares of labelled wells, in one tracked run."""
    split = split_dataset(open_dataset(config.dataset), config.split, fewest=2)
    settings = AutoencoderSettings(
        architecture=config.architecture, masked=config.masked, fit=config.autoencoder_fit
    )
    with runs.start("pretraining", "pretraining", config.model_dump(mode="json")) as run:
        step, _ = autoencoder_step(settings, split, config.seed)
        encoder = registry.load_model(registry.model_uri(step)).encoder
        rows: list[dict[str, Any]] = []
        for share in sorted(set(config.shares)):
            for repeat in range(config.repeats if share < 1 else 1):
                part = labelled(split, share, config.seed + repeat)
                for arm in ARMS:
                    say(f"{arm}, {share:.0%} of the training wells labelled, repeat {repeat + 1}")
                    found = _train(config, part, encoder, arm, config.seed + repeat)
                    rows += scores_of(found, arm, share, repeat, part)
        table = pd.DataFrame(rows).drop_duplicates(["arm", "share", "repeat", "level"])
        dataset = split.dataset
        run.dataset(dataset)
        run.table("pretraining", table)
        run.metrics(_metrics(table))
        run.figure("pretraining", plots.pretraining(table))
        lines = _lines(table, split)
        run.describe("\n".join(lines))
    return Outcome([*lines, f"run {run.id}"], {"run": run.id, **_metrics(table)})


def labelled(split: Split, share: float, seed: int) -> Split:
    """Keep the labels of a share of the training wells, at least one well per stimulation."""
    wells = split.wells.copy()
    rng = np.random.default_rng(seed)
    for _, own in wells[wells["role"] == "train"].groupby("stimulation", sort=True):
        kept = max(1, round(share * len(own)))
        wells.loc[rng.permutation(own.index.to_numpy())[kept:], "role"] = UNLABELLED
    return replace(split, wells=wells)


def _train(
    config: PretrainingConfig, split: Split, encoder: Any, arm: str, seed: int
) -> Evaluation:
    fresh = arm == "from scratch"
    settings = ClassifierConfig(
        dataset=config.dataset,
        encoder=None if fresh else "the autoencoder of this run",
        architecture=config.architecture,
        masked=config.masked,
        fine_tune=arm != "frozen",
        head=config.head,
        head_fit=config.fit if arm == "fine-tuned" else None,
        fit=config.fit,
        split=config.split,
        seed=seed,
    )
    if fresh:
        seed_everything(seed)
        encoder = architectures.build_encoder(
            config.architecture,
            split.dataset.parameters["patch_size"],
            len(split.dataset.panel.names),
        )
    scorer, _ = classifier_of(settings, split, encoder)
    return evaluate(scorer, split.dataset, split.rows("test"))


def scores_of(
    found: Evaluation, arm: str, share: float, repeat: int, split: Split
) -> list[dict[str, Any]]:
    """Return accuracies of patches and wells, for the model and for rules fitted on its wells."""
    wells = int((split.wells["role"] == "train").sum())
    named = {arm: ""} | {name: f"baseline_{rule}_" for rule, name in RULES.items()}
    rows = []
    for name, prefix in named.items():
        for level, key in (("patch", "accuracy"), ("well", "well_accuracy")):
            score = found.scores.get(prefix + key)
            if score is None:
                continue
            rows.append(
                {
                    "arm": name,
                    "share": share,
                    "repeat": repeat,
                    "level": level,
                    "labelled_wells": wells,
                    "value": score.value,
                    "low": score.low,
                    "high": score.high,
                }
            )
    return rows


def _metrics(table: pd.DataFrame) -> dict[str, float]:
    means = table.groupby(["level", "arm", "share"])["value"].mean()
    return {
        f"{level}_accuracy/{arm.replace(' ', '_')}_{share:g}": float(value)
        for (level, arm, share), value in means.items()
    }


def _lines(table: pd.DataFrame, split: Split) -> list[str]:
    tested = int((split.wells["role"] == "test").sum())
    lines = [f"benefit of the autoencoder, on {tested} held-out wells:"]
    for (share, wells), part in table.groupby(["share", "labelled_wells"]):
        means = part.groupby(["level", "arm"])["value"].mean()
        each = ", ".join(
            f"{arm} {means['patch', arm]:.3f} / {means['well', arm]:.3f}" for arm in ARMS
        )
        lines.append(f"- {wells} wells labelled ({share:.0%}), accuracy patch / well: {each}")
    return lines
