"""Train an autoencoder as a tracked run."""

from dataclasses import replace

import numpy as np

from ck19ml.config import AutoencoderConfig
from ck19ml.networks import architectures
from ck19ml.networks.architectures import Network
from ck19ml.networks.batches import Batches, load_patches
from ck19ml.networks.checkpoint import Checkpoint
from ck19ml.networks.evaluation import evaluate
from ck19ml.networks.scorer import Scorer, mask_network_of
from ck19ml.networks.settings import AutoencoderSettings
from ck19ml.networks.training import PREDICT_BATCH, Fit, constant_loss, fit, seed_everything
from ck19ml.plates.dataset.store import open_dataset
from ck19ml.tracking import runs
from ck19ml.tracking.runs import Run
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar
from ck19ml.workflows.steps.figures import learning_figure, reconstruction_figure
from ck19ml.workflows.steps.finish import Trained, card, finish, log_fit
from ck19ml.workflows.steps.resume import checkpoint_of, find_autoencoder, repair_runs
from ck19ml.workflows.steps.split import Split, split_dataset


def autoencoder_command(config: AutoencoderConfig) -> Outcome:
    """Train an autoencoder, unless a finished run already has."""
    dataset = open_dataset(config.dataset)
    split = split_dataset(dataset, config.split)
    repair_runs()
    run, reused = autoencoder_step(config, split, config.seed)
    how = "already trained by" if reused else "trained in"
    return Outcome([f"autoencoder: {how} run {run.id}"], {"run": run.id, **run.logged})


def autoencoder_step(config: AutoencoderSettings, split: Split, seed: int) -> tuple[Run, bool]:
    """Find a finished run of this autoencoder on this data, or train it.

    Returns
    -------
    run : Run
    reused : bool
        Whether the run existed before.
    """
    mark, found = find_autoencoder(config, split, seed)
    if found is not None:
        return found, True
    name = f"autoencoder {config.architecture}{' masked' if config.masked else ''}"
    with runs.start(
        name, "autoencoder", config.model_dump(mode="json") | {"seed": seed}, fingerprint=mark
    ) as run:
        kept = checkpoint_of("autoencoder", split.dataset, mark)
        _train_autoencoder(config, split, seed, run, kept)
        kept.remove()
    return run, False


def _train_autoencoder(
    config: AutoencoderSettings, split: Split, seed: int, run: Run, kept: Checkpoint
) -> Trained:
    dataset = split.dataset
    network, result = fit_autoencoder(config, split, seed, kept)
    known = card("autoencoder", split, masked=config.masked, seed=seed)
    scorer = Scorer(network, known, mask_network_of(dataset))
    log_fit(run, result, config.fit.epochs)
    evaluations = {r: evaluate(scorer, dataset, split.rows(r)) for r in split.roles}
    figures = reconstruction_figure(scorer, dataset, split.rows("test"))
    figures |= learning_figure(result)
    return finish(run, scorer, split, evaluations, figures)


def fit_autoencoder(
    config: AutoencoderSettings, split: Split, seed: int, checkpoint: Checkpoint | None = None
) -> tuple[Network, Fit]:
    """Train an autoencoder on the training wells, without logging or registering it."""
    dataset = split.dataset
    seed_everything(seed)
    network = architectures.build_autoencoder(
        config.architecture, dataset.parameters["patch_size"], len(dataset.panel.names)
    )
    parts = {
        role: load_patches(
            split.dataset, split.rows(role), masked=config.masked, memory_gb=config.fit.memory_gb
        )
        for role in ("train", "validation")
    }
    size = config.fit.batch_size
    rng = np.random.default_rng(seed)
    changed = seed if config.fit.augment else None
    with bar("autoencoder") as progress:
        result = fit(
            network,
            Batches(parts["train"], None, size, rng, augmentation=changed),
            Batches(parts["validation"], None, size),
            config.fit,
            loss="binary_crossentropy",
            report=lambda epoch, _: progress(epoch, config.fit.epochs),
            checkpoint=checkpoint,
        )
    seen = [part.batch(slice(0, PREDICT_BATCH)) for part in (parts["train"], parts["validation"])]
    return network, replace(result, constant_loss=constant_loss("binary_crossentropy", *seen))
