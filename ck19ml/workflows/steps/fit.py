"""Steps that classifier and regressor share: encoder, patches, checkpoint, end of a run."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from ck19ml.config import ClassifierConfig, RegressorConfig
from ck19ml.errors import ConfigError
from ck19ml.networks import architectures
from ck19ml.networks.batches import load_patches
from ck19ml.networks.checkpoint import Checkpoint
from ck19ml.networks.evaluation import evaluate
from ck19ml.networks.heads import Part
from ck19ml.networks.scorer import Scorer
from ck19ml.networks.settings import OnEncoder
from ck19ml.networks.training import Fit, seed_everything
from ck19ml.tracking import registry
from ck19ml.tracking.assays import classes_of, dataset_assay
from ck19ml.tracking.runs import Run
from ck19ml.workflows.progress import bar
from ck19ml.workflows.steps.attention import with_attention
from ck19ml.workflows.steps.figures import (
    classifier_figures,
    curve_of,
    learning_figure,
    regressor_figures,
)
from ck19ml.workflows.steps.finish import Trained, finish, log_fit
from ck19ml.workflows.steps.gate import champion_for
from ck19ml.workflows.steps.maps import map_figure
from ck19ml.workflows.steps.resume import checkpoint_of, weights_mark
from ck19ml.workflows.steps.split import SAME_WELLS, Split


def fit_with_bar(
    train: Callable[..., tuple[Any, Fit]],
    what: str,
    encoder: Any,
    parts: tuple[Part, Part | None],
    settings: OnEncoder,
    **arguments: Any,
) -> tuple[Any, Fit]:
    """Train on training and validation patches, with a progress bar of the epochs.

    Parameters
    ----------
    train : callable
        `heads.train_classifier` or `heads.train_regressor`; receives the remaining arguments.
    """
    with bar(what) as progress:
        return train(
            encoder,
            *parts,
            settings,
            report=lambda epoch, _: progress(epoch, settings.fit.epochs),
            **arguments,
        )


def training_checkpoint(
    what: str, config: ClassifierConfig | RegressorConfig, split: Split, encoder: Any
) -> Checkpoint:
    """Name the checkpoint from which a training with this config, split and encoder resumes."""
    settings = config.model_dump(mode="json", exclude={"dataset", "encoder"})
    held_out = int(split.held_out.sum())
    wells = split.fingerprints()
    mark = "" if encoder is None else weights_mark(encoder)
    return checkpoint_of(what, split.dataset, settings, wells, held_out, mark)


def finish_supervised(
    run: Run,
    scorer: Scorer,
    split: Split,
    result: Fit | None,
    *,
    epochs: int,
    seed: int,
    refit: bool = False,
    losses: dict[str, float] | None = None,
    always: bool = False,
) -> Trained:
    """Log the fit, score each role of the split, draw the test wells and register the model.

    Parameters
    ----------
    result : Fit, optional
        None for a closed form, which is not trained step by step.
    epochs : int
        Number planned.
    refit : bool
        Whether the model was trained on the validation wells and those of the gate too.
    losses, always
        See `finish.finish`.
    """
    if result is not None:
        log_fit(run, result, epochs)
    roles = {"train": split.fitted, "test": ("test",)}
    if not refit:
        roles = {role: (role,) for role in split.roles}
    if split.audited:
        roles[SAME_WELLS] = (SAME_WELLS,)
    evaluations = {
        name: evaluate(scorer, split.dataset, split.rows(*of, faulty=split.faulty_class))
        for name, of in roles.items()
    }
    if scorer.card.kind == "classifier" and scorer.has_encoder and not refit:
        evaluations["test"] = with_attention(scorer, split, evaluations["test"], seed)
    test = evaluations["test"]
    if scorer.card.kind == "regressor":
        run.table("interaction_curve", pd.DataFrame(curve_of(test)))
        figures = regressor_figures(test)
    else:
        figures = classifier_figures(test, split.classes)
    if result is not None:
        figures |= learning_figure(result)
    figures |= map_figure(scorer, split.dataset, split.rows("test"), seed)
    return finish(run, scorer, split, evaluations, figures, losses=losses, always=always)


def find_encoder(config: ClassifierConfig | RegressorConfig, split: Split) -> Any:
    """Load the encoder that a config names, or build a new one.

    Raises
    ------
    ConfigError
        If the encoder does not suit the patches, or has seen a test well of this split.
    """
    if config.encoder is None:
        seed_everything(config.seed)
        size, channels = split.dataset.parameters["patch_size"], len(split.dataset.panel.names)
        return architectures.build_encoder(config.architecture, size, channels)
    uri, scorer, _ = named_encoder(config, split)
    leaked = scorer.card.seen & set(split.hashes("test"))
    if leaked:
        raise ConfigError(
            f"encoder: {uri} has seen {len(leaked)} of the {len(split.hashes('test'))} "
            "test wells; use the split it was trained with"
        )
    return scorer.encoder


def named_encoder(
    config: ClassifierConfig | RegressorConfig, split: Split
) -> tuple[str, Scorer, str | None]:
    """Load the model whose encoder a config names; returns its URI, and MLflow's id of it, too.

    Raises
    ------
    ConfigError
        If the encoder does not suit the patches.
    """
    size = split.dataset.parameters["patch_size"]
    wanted = dataset_assay(split.dataset) | classes_of(split.classes)
    uri = champion_for(str(config.encoder), wanted | {"masked": str(config.masked).lower()})
    scorer, model = registry.open_model(uri)
    known = scorer.card
    if not scorer.has_encoder:
        raise ConfigError(
            f"encoder: {uri} is a {known.kind} without an encoder; give an autoencoder"
        )
    if (known.patch_size, known.masked) != (size, config.masked):
        raise ConfigError(
            f"encoder: {uri} takes {'masked ' if known.masked else ''}patches of "
            f"{known.patch_size} pixels, and not {'masked ' if config.masked else ''}patches of "
            f"{size}; train an autoencoder on this dataset{', masked' * config.masked}"
        )
    return uri, scorer, model


def part_of(
    split: Split, role: str, config: ClassifierConfig | RegressorConfig, *, labels: bool
) -> Part:
    """Return a role's patches with their classes (`labels`) or their overlaps, fractions."""
    rows = split.rows(role, faulty=split.faulty_class)
    patches = load_patches(
        split.dataset, rows, masked=config.masked, memory_gb=config.fit.memory_gb
    )
    return Part(patches, split.labels(rows) if labels else split.overlap(rows))
