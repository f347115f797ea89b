"""What fails a trial, and what stops the study."""

import errno
from types import SimpleNamespace
from typing import Any

import pytest

from ck19ml.config import TuneConfig
from ck19ml.errors import PlateError, TrialFailed
from ck19ml.workflows.tuning import trials
from ck19ml.workflows.tuning.candidates import settings_of
from ck19ml.workflows.tuning.trials import Trials

PARAMETERS = {
    "head": "softmax", "units": 32, "depth": 1, "dropout": 0.0, "normalise": False, "pooled": False,
    "learning_rate": 0.001, "batch_size": 32, "class_weights": False, "fine_tune": False,
}  # fmt: skip


class ResourceExhaustedError(Exception):
    """Called as TensorFlow calls it; this project does not import TensorFlow."""


def train(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(trials, "score_trained", fails)
    config = TuneConfig()
    material: Any = SimpleNamespace()
    made = Trials(config, material, parent=None)  # type: ignore[arg-type]
    vars(made)["reference"] = None
    made._score(settings_of(config, PARAMETERS), untrained=False, watch=lambda *_: None)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TrialFailed("expected a finite loss"), "expected a finite loss"),
        (ValueError("a bad\ncombination"), "ValueError: a bad combination"),
        (FloatingPointError("overflow"), "FloatingPointError: overflow"),
        (ResourceExhaustedError("4 GB"), "out of memory: ResourceExhaustedError: 4 GB"),
    ],
)
def test_what_is_the_parameters_fault_fails_the_trial(
    monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
) -> None:
    with pytest.raises(TrialFailed, match=text):
        train(monkeypatch, error)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "no space"),
        FileNotFoundError("the dataset"),
        PlateError("the dataset is gone"),
        ConnectionError("the server is gone"),
    ],
)
def test_what_no_other_trial_would_survive_stops_the_study(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with pytest.raises(type(error)):
        train(monkeypatch, error)
