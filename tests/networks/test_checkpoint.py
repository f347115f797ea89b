"""An interrupted training ends as one that was not interrupted."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from ck19ml.errors import TrialFailed
from ck19ml.networks import architectures, checkpoint, training
from ck19ml.networks.batches import Batches, Patches
from ck19ml.networks.checkpoint import Checkpoint, read_state
from ck19ml.networks.heads import Part, train_classifier
from ck19ml.networks.heads import train_regressor as train_a_regressor
from ck19ml.networks.settings import (
    ClassifierSettings,
    FitSettings,
    HeadSettings,
    RegressorSettings,
)
from ck19ml.networks.training import Fit, fit
from tests.places import ROOT

SIZE = 16


class PowerCutError(Exception):
    """What ends a training from outside, after an epoch."""


def cut_after(epoch: int) -> Any:
    def report(now: int, _: object) -> None:
        # The state of an epoch is written after its report: the epoch of the cut is lost.
        if now == epoch:
            raise PowerCutError

    return report


def raw(count: int = 48) -> NDArray[np.uint16]:
    values = np.random.default_rng(8).integers(255, 4096, (count, SIZE, SIZE, 2))
    return values.astype(np.uint16)


@pytest.fixture(autouse=True)
def _every_epoch_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SHARE", float("inf"))


def train_autoencoder(kept: Checkpoint | None, report: Any = None) -> tuple[Any, Fit]:
    training.seed_everything(3)
    network = architectures.build_autoencoder("compact", SIZE)
    patches = Patches(raw())
    batches = Batches(patches, None, 16, np.random.default_rng(3), augmentation=3)
    settings = FitSettings(epochs=4, least_steps=1, batch_size=16, learning_rate=1e-2)
    result = fit(network, batches, Batches(Patches(raw(8)), None, 16), settings,
                 loss="binary_crossentropy", report=report, checkpoint=kept)  # fmt: skip
    return network, result


def train_fine_tuned(kept: Checkpoint | None, report: Any = None) -> tuple[Any, Fit]:
    training.seed_everything(4)
    encoder = architectures.build_encoder("compact", SIZE)
    labels = np.arange(48) % 3
    # Small patience: the rate is reduced and the best weights are not the last ones.
    whole = FitSettings(
        epochs=5, least_steps=1, batch_size=16, learning_rate=2e-2, patience=4, reduce_patience=1
    )
    head = FitSettings(epochs=2, least_steps=1, batch_size=16, learning_rate=1e-2)
    settings = ClassifierSettings(
        head=HeadSettings(units=8, dropout=0.5, normalise=True, pooled=True), fine_tune=True,
        class_weights=True, fit=whole, head_fit=head,
    )  # fmt: skip
    parts = Part(Patches(raw()), labels), Part(Patches(raw(9)), labels[:9])
    return train_classifier(
        encoder, *parts, settings, classes=3, seed=4, report=report, checkpoint=kept
    )


def train_regressor(kept: Checkpoint | None, report: Any = None) -> tuple[Any, Fit]:
    training.seed_everything(5)
    encoder = architectures.build_encoder("compact", SIZE)
    overlap = np.random.default_rng(5).random(48).astype(np.float32)
    settings = RegressorSettings(
        head="local",
        dropout=0.3,
        fit=FitSettings(
            epochs=5, least_steps=1, batch_size=16, learning_rate=1e-2, reduce_patience=1
        ),
    )
    parts = Part(Patches(raw()), overlap), Part(Patches(raw(9)), overlap[:9])
    return train_a_regressor(encoder, *parts, settings, seed=5, report=report, checkpoint=kept)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("train", "cuts"),
    [(train_autoencoder, [3]), (train_fine_tuned, [2, 6]), (train_regressor, [4])],
    ids=["autoencoder", "fine-tuned classifier", "regressor"],
)
def test_an_interrupted_training_ends_like_one_that_was_not(
    train: Any, cuts: list[int], tmp_path: Path
) -> None:
    whole_network, whole = train(None)
    told: list[int] = []
    kept = Checkpoint(tmp_path / "kept", told.append)
    for cut in cuts:
        with pytest.raises(PowerCutError):
            train(kept, cut_after(cut))
    network, result = train(kept)
    assert told == cuts
    assert result.stop_reason == whole.stop_reason
    assert result.best_epoch == whole.best_epoch
    assert result.epochs_before == cuts[-1] - 1
    np.testing.assert_allclose(result.history, whole.history, rtol=1e-5, atol=1e-6)
    for found, expected in zip(network.get_weights(), whole_network.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    # Started once more, before what follows the training had ended: nothing is trained again.
    epochs: list[int] = []
    again_network, again = train(kept, lambda epoch, _: epochs.append(epoch))
    assert epochs == []
    assert again.best_epoch == whole.best_epoch
    for found, expected in zip(again_network.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    kept.remove()
    assert list(tmp_path.iterdir()) == []


def dropout_network(seed: int = 1) -> Any:
    training.seed_everything(seed)
    return keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])


Arrays = tuple[NDArray[np.float32], NDArray[np.float32]]


def line() -> Arrays:
    x = np.random.default_rng(5).normal(size=(32, 2)).astype(np.float32)
    return x, x[:, :1]


def fit_line(kept: Checkpoint | None, epochs: int = 3, report: Any = None, **changes: Any) -> Fit:
    settings = FitSettings(epochs=epochs, least_steps=1, batch_size=8, **changes)
    return fit(dropout_network(), line(), line(), settings, loss="mse", report=report,
               checkpoint=kept)  # fmt: skip


def cut_line(kept: Checkpoint) -> None:
    with pytest.raises(PowerCutError):
        fit_line(kept, report=cut_after(2))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_damaged_state_is_as_good_as_none(share: float, tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "kept", lambda _: pytest.fail("there is nothing to go on from"))
    cut_line(kept)
    content = kept.path.read_bytes()
    kept.path.write_bytes(content[: int(share * len(content))])
    assert read_state(kept.path) is None
    assert fit_line(kept).epochs_before == 0


def test_a_state_of_another_network_or_backend_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Checkpoint(tmp_path / "kept")
    cut_line(kept)
    training.seed_everything(1)
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    result = fit(
        other,
        line(),
        line(),
        FitSettings(epochs=1, least_steps=1, batch_size=8),
        loss="mse",
        checkpoint=kept,
    )
    assert result.epochs_before == 0
    cut_line(Checkpoint(tmp_path / "more"))
    monkeypatch.setattr(checkpoint, "_made_by", lambda: {"backend": "another"})
    assert read_state(tmp_path / "more" / "network.npz") is None


def test_a_failed_training_leaves_nothing(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "work" / "kept" / "mark")
    with pytest.raises(TrialFailed, match="batch"):
        fit_line(kept, 9, learning_rate=1e37)
    assert not kept.folder.exists()


def test_a_place_that_cannot_be_written_costs_the_state_and_not_the_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    result = fit_line(Checkpoint(tmp_path / "file" / "mark"))
    assert len(result.history) == 3
    # Once after the first epoch, and for the last.
    assert len(caplog.records) == 2
    assert caplog.records[0].message.startswith("cannot save the training's state in ")


def test_writing_takes_a_small_share_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "SHARE", 1e-9)
    written: list[int] = []

    def write(_: Path, state: checkpoint.State) -> None:
        written.append(state.epochs)

    monkeypatch.setattr(checkpoint, "write_state", write)
    fit_line(Checkpoint(tmp_path), epochs=5)
    assert written == [1, 5]  # the first, and the last in any case


KILLED = """
import sys, time
from pathlib import Path
from tests.networks.test_checkpoint import train_autoencoder
from ck19ml.networks import checkpoint
checkpoint.SHARE = float("inf")
kept = checkpoint.Checkpoint(Path(sys.argv[1]), lambda epoch: print(f"goes on at {epoch}"))
_, result = train_autoencoder(kept, lambda epoch, _: time.sleep(float(sys.argv[2])))
print(repr(float(result.history["validation/loss"].iloc[-1])))
"""


@pytest.mark.slow
def test_a_killed_process_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(
        [sys.executable, "-c", KILLED, folder, "5"], cwd=ROOT, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while first.poll() is None and time.monotonic() < deadline:
        state = read_state(folder / "network.npz")
        if state is not None and state.epochs == 2:
            break
        time.sleep(0.1)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    second = subprocess.run(
        [sys.executable, "-c", KILLED, folder, "0"], cwd=ROOT, env=environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said, loss = second.stdout.splitlines()
    assert said == "goes on at 3"
    _, whole = train_autoencoder(None)
    assert float(loss) == pytest.approx(whole.history["validation/loss"].iloc[-1], rel=1e-5)
