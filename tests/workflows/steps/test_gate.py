from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest

from ck19ml.config import SplitConfig
from ck19ml.core.splits import GATE_UNITS
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking import registry, runs
from ck19ml.tracking.registry import Version
from ck19ml.tracking.runs import Run
from ck19ml.workflows.steps import gate
from ck19ml.workflows.steps.gate import Decision, dataset_losses
from ck19ml.workflows.steps.split import Split, split_dataset
from tests.made_models import untrained_classifier

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def split(tiny_dataset: Dataset) -> Split:
    return split_dataset(tiny_dataset, SplitConfig())


class Shelf:
    """Registers the same logged model under a name of the test's own."""

    def __init__(self, run: Run, name: str) -> None:
        self.run, self.name = run, name

    def version(self, **tags: str) -> Version:
        made = mlflow.register_model(registry.model_uri(self.run), self.name, tags=tags)
        return Version(self.name, str(made.version), self.run, tags)

    @property
    def champion(self) -> str:
        found = registry.champion(self.name)
        assert found is not None
        return found.number

    @property
    def challenger(self) -> str | None:
        aliases = mlflow.MlflowClient().get_registered_model(self.name).aliases
        return str(aliases["challenger"]) if "challenger" in aliases else None


@pytest.fixture(scope="module")
def run(store: Path, split: Split) -> Run:
    """A run with a model that has seen this split's training and validation wells."""
    with runs.start("classifier", "classifier", {}) as run:
        registry.log_model(run, untrained_classifier(split), "first", {}, "")
    return run


@pytest.fixture
def shelf(run: Run, request: pytest.FixtureRequest) -> Shelf:
    return Shelf(run, str(request.node.name))


@pytest.fixture
def dataset(tiny_dataset: Dataset) -> Dataset:
    return tiny_dataset


def losses_of(split: Split, loss: float) -> dict[str, float]:
    """Losses on record for eighteen wells; which wells these are does not matter here."""
    return dict.fromkeys(split.hashes("train"), loss)


def decide(
    version: Version, kind: str, losses: dict[str, float], dataset: Dataset, always: bool = False
) -> Decision:
    return gate.decide(version, kind, losses, gate.on_dataset(kind, dataset), always=always)


def test_the_first_version_becomes_champion(shelf: Shelf, split: Split, dataset: Dataset) -> None:
    version = shelf.version()
    decision = decide(version, "classifier", losses_of(split, 1.0), dataset)
    assert decision == Decision(True, "there was no champion")
    assert shelf.champion == version.number
    assert shelf.challenger is None


def test_regressors_of_different_measures_do_not_replace_one_another(
    shelf: Shelf, split: Split, dataset: Dataset
) -> None:
    first, second = shelf.version(), shelf.version(target="tcell_overlap")
    decide(first, "regressor", losses_of(split, 1.0), dataset)
    decision = decide(second, "regressor", losses_of(split, 0.1), dataset)
    assert not decision.promoted
    assert "its target is overlap, that of the other tcell_overlap" in decision.reason
    assert "promote" not in decision.reason  # a key that only `tune` has


@pytest.mark.parametrize(("loss", "promoted"), [(0.9, True), (1.0, False), (1.1, False)])
def test_a_version_replaces_the_champion_only_if_it_is_better(
    shelf: Shelf, split: Split, dataset: Dataset, loss: float, promoted: bool
) -> None:
    first, second = shelf.version(), shelf.version()
    decide(first, "classifier", losses_of(split, 1.0), dataset)
    decision = decide(second, "classifier", losses_of(split, loss), dataset)
    assert decision.promoted is promoted
    sign = "below" if promoted else "not below"
    reason = (
        f"log loss of wells {loss:.4f} on 18 units of the gate is {sign} the 1.0000 of version 1"
    )
    by = f" by {1 - loss:.4f} [{1 - loss:.4f}, {1 - loss:.4f}], one-sided p 0.00024"
    assert decision.reason.startswith(reason + (by if promoted else ""))
    assert shelf.champion == (second if promoted else first).number
    assert shelf.challenger == (None if promoted else second.number)


def test_the_decision_and_its_figures_are_on_the_run_and_on_the_version(
    shelf: Shelf, split: Split, dataset: Dataset
) -> None:
    decide(shelf.version(), "classifier", losses_of(split, 1.0), dataset)
    second = shelf.version()
    decision = decide(second, "classifier", losses_of(split, 0.75), dataset)
    described = mlflow.MlflowClient().get_model_version(shelf.name, second.number).description
    assert f"Gate: champion, {decision.reason}." in described
    logged = second.run.logged
    assert logged["gate/difference"] == pytest.approx(0.25)
    assert 0 <= logged["gate/p"] <= 1
    assert second.run.download("figures/gate.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("better_first", [True, False])
@pytest.mark.parametrize("moment", ["before the look", "before the write", "after the write"])
def test_two_that_decide_at_once_leave_the_better_one(
    shelf: Shelf, split: Split, dataset: Dataset, monkeypatch: Any,
    better_first: bool, moment: str,
) -> None:  # fmt: skip
    """Another tuner decides at the worst moment of this one's decision."""
    decide(shelf.version(), "classifier", losses_of(split, 1.0), dataset)
    mine, other = shelf.version(), shelf.version()
    losses = {mine.number: 0.5, other.number: 0.7}
    if not better_first:
        losses = {mine.number: 0.7, other.number: 0.5}
    real = {"promote": registry.promote, "champion": registry.champion}
    pending = [other]

    def interlude() -> None:
        if pending:
            version = pending.pop()
            decide(version, "classifier", losses_of(split, losses[version.number]), dataset)

    def promote(version: Version) -> None:
        if version.number == mine.number and moment == "before the write":
            interlude()
        real["promote"](version)
        if version.number == mine.number and moment == "after the write":
            interlude()

    def champion(name: str) -> Version | None:
        found = real["champion"](name)
        if moment == "before the look":
            interlude()
        return found

    monkeypatch.setattr(registry, "promote", promote)
    monkeypatch.setattr(registry, "champion", champion)
    decide(mine, "classifier", losses_of(split, losses[mine.number]), dataset)
    best = min(losses, key=lambda number: losses[number])
    assert shelf.champion == best


def test_versions_are_compared_with_the_champion_and_not_with_the_last(
    shelf: Shelf, split: Split, dataset: Dataset
) -> None:
    for loss in (1.0, 3.0):
        decide(shelf.version(), "classifier", losses_of(split, loss), dataset)
    third = shelf.version()
    assert not decide(third, "classifier", losses_of(split, 2.0), dataset).promoted
    assert (shelf.champion, shelf.challenger) == ("1", third.number)


def test_always_promotes_without_a_comparison(shelf: Shelf, split: Split, dataset: Dataset) -> None:
    decide(shelf.version(), "classifier", losses_of(split, 1.0), dataset)
    second = shelf.version()
    decision = decide(second, "classifier", losses_of(split, 9.0), dataset, always=True)
    assert decision.promoted
    assert shelf.champion == second.number
    # What it scored is on record all the same.
    third = shelf.version()
    assert decide(third, "classifier", losses_of(split, 8.0), dataset).promoted


def test_too_few_wells_decide_nothing(shelf: Shelf, split: Split, dataset: Dataset) -> None:
    few = split.hashes("train")[:11]
    decide(shelf.version(), "classifier", dict.fromkeys(few, 1.0), dataset)
    decision = decide(shelf.version(), "classifier", dict.fromkeys(few, 1e-9), dataset)
    assert not decision.promoted
    assert "but 12 units are needed to decide" in decision.reason


def test_a_model_without_wells_of_the_gate_stays_a_challenger(
    shelf: Shelf, split: Split, dataset: Dataset
) -> None:
    decide(shelf.version(), "classifier", losses_of(split, 1.0), dataset)
    second = shelf.version()
    decision = decide(second, "classifier", {}, dataset)
    assert "half of the validation wells where these are 24 or more" in decision.reason
    assert (shelf.champion, shelf.challenger) == ("1", second.number)


@pytest.mark.parametrize(("factor", "promoted"), [(0.99, True), (1.01, False)])
def test_a_champion_of_another_split_is_measured_on_the_wells_that_it_has_not_seen(
    shelf: Shelf, split: Split, dataset: Dataset, factor: float, promoted: bool
) -> None:
    """The champion has seen a third of the wells; the challenger's gate has others too."""
    seen = split.hashes("train")[:10]
    scorer = untrained_classifier(split, wells={"train": seen})
    with runs.start("classifier", "classifier", {}) as run:
        first = registry.log_model(run, scorer, shelf.name, {}, "")
    decide(first, "classifier", {"a well of another plate": 1.0}, dataset)
    fresh = dataset.wells[~dataset.wells["sha256"].isin(seen)]
    theirs = dataset_losses(scorer, dataset, fresh)
    assert len(theirs) > GATE_UNITS
    losses = dict.fromkeys(seen, 0.0)  # on seen wells it does not count
    losses |= {mark: value * factor for mark, value in theirs.items()}
    decision = decide(shelf.version(), "classifier", losses, dataset)
    assert decision.promoted is promoted, decision.reason
    assert f"on {len(theirs)} units of the gate" in decision.reason
    assert f"{np.mean(list(theirs.values())):.4f} of version 1" in decision.reason


def test_a_champion_that_has_seen_every_well_of_the_gate_cannot_be_compared(
    shelf: Shelf, split: Split, dataset: Dataset
) -> None:
    decide(shelf.version(), "classifier", dict.fromkeys(split.hashes("test"), 1.0), dataset)
    losses = losses_of(split, 1e-9)
    second = shelf.version()
    decision = decide(second, "classifier", losses, dataset)
    assert not decision.promoted
    assert "it has seen every well of the gate" in decision.reason
    assert (shelf.champion, shelf.challenger) == ("1", second.number)
    third = shelf.version()
    assert decide(third, "classifier", losses, dataset, always=True).promoted


@pytest.mark.parametrize(
    "changes", [{"classes": ["Unstimulated", "ConA"]}, {"patch_size": 128}], ids=["classes", "size"]
)
def test_a_champion_that_takes_other_data_cannot_be_compared(
    shelf: Shelf, split: Split, dataset: Dataset, changes: dict[str, Any]
) -> None:
    with runs.start("classifier", "classifier", {}) as run:
        first = registry.log_model(run, untrained_classifier(split, **changes), shelf.name, {}, "")
    decide(first, "classifier", {"a well of another plate": 1.0}, dataset)
    second = shelf.version()
    decision = decide(second, "classifier", dict.fromkeys(split.hashes("test"), 1e-9), dataset)
    assert not decision.promoted
    assert "it has seen every well" not in decision.reason, "that is not why"
    assert shelf.champion == first.number
