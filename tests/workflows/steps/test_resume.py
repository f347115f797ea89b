"""An interrupted command goes on when it is started again, and says so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from ck19ml.config import AutoencoderConfig
from ck19ml.networks import checkpoint
from ck19ml.networks.settings import FitSettings
from ck19ml.plates.dataset.store import Dataset
from ck19ml.workflows import autoencoder
from ck19ml.workflows.steps import resume
from ck19ml.workflows.steps.resume import FOLDER, checkpoint_of

pytestmark = pytest.mark.slow


@contextmanager
def _interrupted(_: str) -> Iterator[Callable[[int, int], None]]:
    def progress(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    yield progress


def test_the_same_command_goes_on_at_the_epoch_it_reached(
    workplace: Path, tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "SHARE", float("inf"))
    said: list[str] = []
    monkeypatch.setattr(resume, "say", said.append)
    config = AutoencoderConfig(
        dataset=tiny_dataset.path, fit=FitSettings(epochs=2, batch_size=64, least_steps=1)
    )
    place = tiny_dataset.path.parent / FOLDER / "checkpoints"
    with monkeypatch.context() as patch:
        patch.setattr(autoencoder, "bar", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            autoencoder.autoencoder_command(config)
    assert said == []
    assert len(list(place.iterdir())) == 1
    made = autoencoder.autoencoder_command(config)
    assert said == ["autoencoder: resuming at epoch 2"]
    assert np.isfinite(made.data["test/bce"])
    assert list(place.iterdir()) == []


def test_another_setting_has_another_checkpoint(tiny_dataset: Dataset) -> None:
    one = checkpoint_of("autoencoder", tiny_dataset, {"epochs": 2}, 1)
    assert one.path == checkpoint_of("autoencoder", tiny_dataset, {"epochs": 2}, 1).path
    assert one.path != checkpoint_of("autoencoder", tiny_dataset, {"epochs": 3}, 1).path
    assert one.path != checkpoint_of("classifier", tiny_dataset, {"epochs": 2}, 1).path
