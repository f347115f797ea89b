"""How fast networks are fed, trained and tuned, all in one run.

    python benchmarks/training_speed.py            under 10 minutes on 2 cores
    python benchmarks/training_speed.py --short    about a minute: small, to see that it works

Prints three ratios, for the machine's own speed cancels out in them:
- the input pipeline against what training takes, both on the same patches;
- trials on stored features against trials that run the encoder;
- the time `compact` takes to the validation loss that the slides' autoencoder ends with.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from limits import forward_operations, matmul

from ck19ml.core.patches import raise_background
from ck19ml.core.simulation.mask_examples import Conditions, simulate_well
from ck19ml.networks import architectures
from ck19ml.networks.batches import Batches, Patches
from ck19ml.networks.heads import Part, encode, train_classifier
from ck19ml.networks.settings import ClassifierSettings, FitSettings, HeadSettings
from ck19ml.networks.training import fit, seed_everything

BATCH = 32
RATE = 1e-3

CK19 = Conditions(density=(1, 1))
"""Cells as many and, of every even well, as wide as those of CK19."""


@dataclass(frozen=True)
class Data:
    """Training and validation patches; the well of each is its class."""

    train: Patches
    validation: Patches
    labels: tuple[np.ndarray, np.ndarray]


def simulate(wells: int, patches: int, held_out: int) -> Data:
    """Take patches of simulated wells, some of each."""
    rng = np.random.default_rng(2211)
    raw, labels = [], []
    for index in range(wells):
        degradation, parameters = CK19.draw(0, rng)
        well = simulate_well(index, 960, rng, degradation, parameters)
        raw.append(np.asarray(raise_background(well.patches)))
        labels.append(np.full(len(well.patches), index % 3))
    order = rng.permutation(sum(map(len, raw)))[: patches + held_out]
    every, of = np.concatenate(raw)[order], np.concatenate(labels)[order]
    return Data(Patches(every[held_out:]), Patches(every[:held_out]),
                (of[held_out:], of[:held_out]))  # fmt: skip


def timed(work: Callable[[], object]) -> float:
    """Seconds that a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def pipeline(data: Data, masked: bool, augmentation: int | None = None) -> float:
    """Patches a second that come out of the batches, without a model."""
    patches = Patches(data.train.raw, data.train.raw > 800 if masked else None)
    batches = Batches(patches, None, BATCH, np.random.default_rng(0), augmentation=augmentation)
    rounds = max(1, 1000 // len(patches))

    def feed() -> None:
        for _ in range(rounds):
            for index in range(len(batches)):
                batches[index]

    return rounds * len(patches) / timed(feed)


def autoencoder_curve(architecture: str, data: Data, epochs: int, goal: float) -> dict[str, list]:
    """Seconds and validation loss after each epoch; ends below the goal."""
    seed_everything(1)
    network = architectures.build_autoencoder(architecture, 192)
    curve: dict[str, list[float]] = {"seconds": [], "loss": []}

    class Reached(Exception):
        pass

    start = time.perf_counter()  # building the graph counts: a user waits for it too

    def report(_: int, metrics: Mapping[str, float]) -> None:
        curve["seconds"].append(time.perf_counter() - start)
        curve["loss"].append(metrics["validation/loss"])
        if metrics["validation/loss"] <= goal:
            raise Reached

    settings = FitSettings(
        epochs=epochs, batch_size=BATCH, learning_rate=RATE, patience=epochs, reduce_patience=epochs
    )
    batches = Batches(data.train, None, BATCH, np.random.default_rng(1))
    with suppress(Reached):
        fit(network, batches, Batches(data.validation, None, BATCH), settings,
            loss="binary_crossentropy", report=report)  # fmt: skip
    return curve


def trials(data: Data, patches: int, epochs: int) -> dict[str, float]:
    """Seconds of a classifier trial on stored features, and of one that runs the encoder.

    The first is measured whole, on the features repeated to this many patches. The second would
    take minutes: it is the time of its second epoch on the patches at hand, by patch, times the
    patches and epochs (its first epoch and its start would come on top).
    """
    seed_everything(1)
    encoder = architectures.build_encoder("compact", 192)
    settings = ClassifierSettings(
        head=HeadSettings(units=64, normalise=True, pooled=True),
        fine_tune=True,
        fit=FitSettings(epochs=2, batch_size=BATCH, learning_rate=RATE),
    )
    train = encode(encoder, Part(data.train, data.labels[0]))
    validation = encode(encoder, Part(data.validation, data.labels[1]))
    ends: list[float] = []
    train_classifier(encoder, train, validation, settings, classes=3, seed=1,
                     report=lambda *_: ends.append(time.perf_counter()))  # fmt: skip
    through = (ends[1] - ends[0]) / len(data.train) * patches * epochs
    assert train.features is not None
    places = np.arange(patches) % len(train.features)
    many = replace(train, features=train.features[places], targets=train.targets[places])
    frozen = ClassifierSettings(
        head=settings.head,
        fit=FitSettings(epochs=epochs, batch_size=64, learning_rate=RATE, patience=epochs),
    )
    start = time.perf_counter()
    network, _ = train_classifier(encoder, many, validation, frozen, classes=3, seed=1)
    stored = time.perf_counter() - start
    head = forward_operations(network, 192) - forward_operations(encoder, 192)
    return {"trial_patches": patches, "trial_epochs": epochs, "trial_seconds_encoder": through,
            "trial_seconds_features": stored, "trials_ratio": through / stored,
            "trial_operations": 3 * head * patches * epochs}  # fmt: skip


def copying(data: Data) -> float:
    """Seconds in which 1,000 patches become float32, batch by batch, and nothing else is done."""
    raw = data.train.raw
    room = np.empty((BATCH, *raw.shape[1:]), np.float32)

    def copy() -> None:
        for start in range(0, len(raw), BATCH):
            part = raw[start : start + BATCH]
            room[: len(part)] = part

    copy()
    return timed(copy) * 1000 / len(raw)


def main() -> None:
    """Measure, print a table and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="few patches, two epochs")
    short = parser.parse_args().short
    wells, patches, held_out, epochs = (3, 48, 16, 2) if short else (18, 400, 50, 4)
    data = simulate(wells, patches, held_out)
    found: dict[str, float] = {}
    for name, masked, seed in (("plain", False, None), ("masked", True, None),
                               ("augmented", False, 1)):  # fmt: skip
        found[f"pipeline_{name}_per_second"] = pipeline(data, masked, seed)
    slides = autoencoder_curve("slides", data, epochs, goal=0.0)
    goal = slides["loss"][-1]
    compact = autoencoder_curve("compact", data, 40 * epochs, goal)
    found |= {
        "goal_bce": goal,
        "slides_seconds": slides["seconds"][-1],
        "compact_seconds": compact["seconds"][-1],
        "compact_epochs": len(compact["seconds"]),
        "compact_reached": float(compact["loss"][-1] <= goal),
        "compact_share_of_time": compact["seconds"][-1] / slides["seconds"][-1],
    }
    # The last epoch holds no building of graphs, where there are two at least.
    for name, curve in (("slides", slides), ("compact", compact)):
        last = np.diff([0.0, *curve["seconds"]])[-1]
        found[f"{name}_trained_per_second"] = patches / last
    fed = min(found["pipeline_plain_per_second"], found["pipeline_masked_per_second"])
    found["pipeline_over_compact"] = fed / found["compact_trained_per_second"]
    found |= trials(data, 400 if short else 4000, 2 if short else 10)
    about = {"machine": f"{os.cpu_count()} cores, {platform.machine()}", "short": short,
             "date": datetime.now(UTC).date().isoformat(), "patches": patches,
             "epochs": epochs, "load_before": os.getloadavg()[2]}  # fmt: skip
    for name, value in found.items():
        print(f"{name:32s} {value:12.4g}")
    forward = forward_operations(architectures.build_autoencoder("compact", 192), 192)
    seen = found["compact_epochs"] * (3 * patches + held_out)
    speed = matmul().wall
    rows = [
        {"subject": "autoencoder to the slides' BCE", "unit": "s",
         "ours": found["compact_seconds"], "peer": found["slides_seconds"],
         "limit": forward * seen / speed},
        {"subject": "classifier trial on stored features", "unit": "s",
         "ours": found["trial_seconds_features"], "peer": found["trial_seconds_encoder"],
         "limit": found["trial_operations"] / speed},
        {"subject": "1,000 patches read, scaled and shuffled", "unit": "s", "ours": 1000 / fed,
         "limit": copying(data)},
    ]  # fmt: skip
    print(json.dumps(about | found | {"rows": rows}))


if __name__ == "__main__":
    main()
