"""Encoders of four kinds at equal cost, under a computed and a trained head.

    ck19ml simulate data/plate --wells 120 --size 576 && ck19ml prepare data/plate data/plate.zarr
    python benchmarks/encoders.py data/plate.zarr [SECONDS]

Two folds: every well is answered by models of the other half. An encoder learns for the same number
of processor seconds, whatever it learns from: the autoencoder from the patches, the supervised
network from the stimulations, VICReg [1] from pairs of augmented views of a patch. `untrained` has
the weights it was born with. Both heads see the frozen encoder.

[1] Bardes, Ponce and LeCun, ICLR (2022); invariance, variance, covariance weighed 25, 25, 1.
"""

import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from keras import layers, ops

from ck19ml.config import ClassifierConfig, SplitConfig
from ck19ml.core.augmentation import augment
from ck19ml.core.scores.intervals import share
from ck19ml.core.scores.verdict import compare
from ck19ml.networks.architectures import build_autoencoder, build_encoder
from ck19ml.networks.batches import Batches, load_patches
from ck19ml.networks.evaluation import evaluate
from ck19ml.networks.settings import ClosedFormHead, FitSettings, HeadSettings
from ck19ml.networks.training import seed_everything
from ck19ml.plates.dataset.store import Dataset, open_dataset
from ck19ml.workflows.classifier import classifier_of
from ck19ml.workflows.steps.split import Split, split_dataset

ENCODERS = ("untrained", "autoencoder", "supervised", "vicreg")
HEADS = {"lda": ClosedFormHead(kind="lda"), "softmax": HeadSettings(units=64, depth=1, pooled=True)}
SEED, BATCH, PROJECTED = 2211, 32, 128


class Views(Batches):
    """Batches of two augmented views of each patch, one batch above the other."""

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        x = self.patches.batch(self.rows(index))
        rng = np.random.default_rng([SEED, self.epoch, index])
        views = np.concatenate([augment(x, rng), augment(x, rng)])
        return views, np.zeros(len(views), np.float32)


class Stop(keras.callbacks.Callback):
    """End a training after so many processor seconds, which do not count the building of it."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.steps, self.end = seconds, 0, np.inf

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count a step, and stop after the last."""
        self.steps += 1
        if self.steps == 1:  # the first one compiles the graph
            self.end = time.process_time() + self.seconds
        self.model.stop_training = self.model.stop_training or time.process_time() > self.end


def vicreg_loss(_: Any, projected: Any) -> Any:
    """Loss of VICReg of two views, one half of a batch each."""
    first, second = ops.split(projected, 2)
    loss = 25 * ops.mean((first - second) ** 2)
    for each in (first, second):
        centred = each - ops.mean(each, axis=0)
        spread = ops.sqrt(ops.mean(centred**2, axis=0) + 1e-4)
        covariance = ops.transpose(centred) @ centred / (BATCH - 1)
        off = ops.sum(covariance**2) - ops.sum(ops.diagonal(covariance) ** 2)
        loss += 12.5 * ops.mean(ops.relu(1 - spread)) + off / PROJECTED
    return loss


def learn(kind: str, split: Split, seconds: float) -> tuple[Any, int]:
    """Train an encoder; returns it and the number of steps."""
    size, rng = split.dataset.parameters["patch_size"], np.random.default_rng(SEED)
    seed_everything(SEED)
    rows = np.concatenate([split.rows(role) for role in ("train", "validation")])
    patches = load_patches(split.dataset, rows, masked=False)
    if kind == "untrained":
        return build_encoder("compact", size), 0
    if kind == "autoencoder":
        network, loss = build_autoencoder("compact", size), "binary_crossentropy"
        batches, encoder = Batches(patches, None, BATCH, rng), network.get_layer("encoder")
    else:
        encoder = build_encoder("compact", size)
        maps = layers.Reshape(encoder.layers[-2].output.shape[1:])(encoder.output)
        pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(64, 1, activation="relu")(maps))
        if kind == "supervised":
            outputs = layers.Dense(len(split.classes), activation="softmax")(pooled)
            batches, loss = (
                Batches(patches, split.labels(rows), BATCH, rng, augmentation=SEED),
                "sparse_categorical_crossentropy",
            )
        else:
            hidden = layers.Dense(PROJECTED, activation="relu")(pooled)
            outputs = layers.Dense(PROJECTED)(hidden)
            batches, loss = Views(patches, None, BATCH, rng), vicreg_loss
        network = keras.Model(encoder.input, outputs)
    stop = Stop(seconds)
    network.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    network.fit(batches, epochs=10_000, verbose=0, shuffle=False, callbacks=[stop])
    return encoder, stop.steps


def answers(dataset: Dataset, seconds: float) -> pd.DataFrame:
    """Answer each well under all encoders and heads, one row each."""
    found = []
    for fold in (0, 1):
        split = split_dataset(dataset, SplitConfig(folds=2, fold=fold, seed=SEED), fewest=2)
        for kind in ENCODERS:
            encoder, steps = learn(kind, split, seconds)
            print(f"fold {fold + 1}, {kind}: {steps} steps", file=sys.stderr)
            for name, head in HEADS.items():
                config = ClassifierConfig(
                    dataset=dataset.path, head=head, refit=name == "lda", seed=SEED,
                    fit=FitSettings(epochs=30, batch_size=64),
                )  # fmt: skip
                scorer, _ = classifier_of(config, split, encoder)
                wells = evaluate(scorer, dataset, split.rows("test")).wells
                right = wells["predicted"] == wells["stimulation"]
                found.append(wells[["plate", "well"]].assign(encoder=kind, head=name, right=right))
    return pd.concat(found, ignore_index=True)


def main() -> None:
    """Print accuracies of wells, and each encoder's paired difference from the untrained one."""
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 40.0
    table = answers(open_dataset(Path(sys.argv[1])), seconds)
    wide = table.set_index(["plate", "well", "head", "encoder"])["right"].unstack([2, 3])  # noqa: PD010
    for head in HEADS:
        first = wide[head, "untrained"].to_numpy(float)
        for kind in ENCODERS:
            own = wide[head, kind].to_numpy(float)
            score = share(int(own.sum()), own.size)
            verdict = compare(own - first, np.arange(own.size), np.random.default_rng(SEED))
            said = "" if kind == "untrained" else verdict.points()
            print(f"{head:8} {kind:12} {score}  {said}")


if __name__ == "__main__":
    main()
