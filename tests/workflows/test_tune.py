"""One small tuning from plate to champion, told once and looked at by many tests."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from ck19ml.plates.dataset.store import open_dataset
from ck19ml.plates.folder import find_plate
from ck19ml.tracking.runs import Run
from ck19ml.workflows.evaluate import evaluate_command
from ck19ml.workflows.reporting.scores import MOST_METRICS
from ck19ml.workflows.steps.split import split_dataset
from ck19ml.workflows.tune import tune_command
from ck19ml.workflows.tuning import inner_folds
from tests.conftest import tracking_store
from tests.workflows.told_tuning import (
    CHAMPION,
    FIRST,
    Story,
    config_of,
    interrupt_at,
    look,
    remember_models,
    train_again,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def story(tiny_plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Interrupted in the second trial, gone on with, run again, evaluated, raised by one."""
    folder = tmp_path_factory.mktemp("tune")
    two, three = (config_of(tiny_plate, folder, number) for number in (2, 3))
    story = Story()
    with tracking_store(folder):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(inner_folds, "train_classifier", interrupt_at(2))
            with pytest.raises(KeyboardInterrupt):
                tune_command(two, None)
        story.chapters["interrupted"] = look({})
        story.chapters["done"] = look(tune_command(two, None).data)
        parent = Run(story.chapters["done"].parents[0])
        remember_models(story, parent)
        story.chapters["again"] = look(tune_command(two, None).data)
        story.evaluated = evaluate_command(CHAMPION, two.dataset, None, overwrite=False).data
        train_again(story, parent, folder)
        story.chapters["raised"] = look(tune_command(three, None).data)
        split = split_dataset(open_dataset(two.dataset), two.split)
        story.split = split.fingerprints() | {
            "test names": list(split.wells.loc[split.wells["role"] == "test", "well"])
        }
    return story


@pytest.fixture(scope="module")
def noise(story: Story, tiny_plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The same tuning on the same plate but for the pixels of its test wells."""
    folder = tmp_path_factory.mktemp("noise")
    shutil.copytree(tiny_plate, folder / "tiny")
    rng = np.random.default_rng(0)
    for each in find_plate(folder / "tiny").fields:
        if each.well in story.split["test names"]:
            for path in (each.dc, each.tcell):
                shape = tifffile.imread(path).shape
                tifffile.imwrite(path, rng.integers(0, 4096, shape, dtype=np.uint16))
    told = Story()
    config = config_of(folder / "tiny", folder, 2)
    with tracking_store(folder):
        told.chapters["done"] = look(tune_command(config, None).data)
        remember_models(told, Run(told.chapters["done"].parents[0]))
        split = split_dataset(open_dataset(config.dataset), config.split)
        told.split = split.fingerprints() | {
            "test names": list(split.wells.loc[split.wells["role"] == "test", "well"])
        }
    return told


def test_an_interrupted_tuning_says_so(story: Story) -> None:
    chapter = story.chapters["interrupted"]
    assert chapter.parent_state == "KILLED"
    assert chapter.states == ["FINISHED", "KILLED"]
    assert chapter.kinds == {
        "tune": 1, "prepare": 1, "autoencoder": 1, "trial": 2,
    }  # fmt: skip


def test_it_goes_on_under_the_same_parent_to_exactly_the_budget(story: Story) -> None:
    before, chapter = story.chapters["interrupted"], story.chapters["done"]
    assert chapter.parents == before.parents
    assert chapter.parent_state == "FINISHED"
    assert chapter.states == ["FINISHED", "KILLED", "FINISHED"]
    assert (chapter.outcome["trials"], chapter.outcome["added"]) == (2, 1)
    assert chapter.outcome["failed"] == 0
    assert chapter.parameters[2] == chapter.parameters[1], "the interrupted one is tried again"


def test_what_was_done_before_the_interrupt_is_not_done_again(story: Story) -> None:
    assert story.chapters["done"].kinds == {
        "tune": 1, "prepare": 1, "autoencoder": 1, "trial": 3,
    }  # fmt: skip


def test_the_first_trial_is_the_one_asked_for(story: Story) -> None:
    wanted = {name: str(value) for name, value in FIRST.items()}
    assert story.chapters["done"].parameters[0] == wanted


def test_the_default_is_replaced_by_a_trial_with_a_smaller_loss_only(story: Story) -> None:
    chapter = story.chapters["done"]
    losses = {i: value for i, value in enumerate(chapter.values) if value is not None}
    assert sorted(losses) == [0, 2]
    assert chapter.outcome["best_trial"] in (0, min(losses, key=lambda i: losses[i]))


def test_run_again_it_adds_nothing(story: Story) -> None:
    before, chapter = story.chapters["done"], story.chapters["again"]
    assert chapter.kinds == before.kinds
    assert chapter.versions == before.versions
    assert chapter.outcome["added"] == 0
    assert chapter.outcome["model"] == before.outcome["model"]
    assert (chapter.parents, chapter.parent_state) == (before.parents, "FINISHED")
    assert chapter.states == before.states
    same = {key: value for key, value in before.outcome.items() if key.startswith("test/")}
    assert same == {k: v for k, v in chapter.outcome.items() if k.startswith("test/")}


def test_raised_by_one_it_adds_one_under_the_same_parent(story: Story) -> None:
    before, chapter = story.chapters["again"], story.chapters["raised"]
    assert (chapter.outcome["trials"], chapter.outcome["added"]) == (3, 1)
    assert chapter.parents == before.parents
    assert chapter.states == [*before.states, "FINISHED"]
    assert chapter.parent_state == "FINISHED"
    assert chapter.kinds == before.kinds | {"trial": 4}


def test_each_model_is_registered_with_a_champion(story: Story) -> None:
    done, raised = story.chapters["done"].versions, story.chapters["raised"].versions
    assert done == {"ck19-autoencoder": 1, "ck19-classifier": 1}
    assert raised["ck19-autoencoder"] == 1
    assert story.chapters["done"].outcome["promoted"] is True


def test_the_logged_test_metrics_are_those_of_the_registered_champion(story: Story) -> None:
    logged = {name: v for name, v in story.logged.items() if name.startswith("test/")}
    again = {name: v for name, v in story.evaluated.items() if name.startswith("test/")}
    assert {"test/accuracy", "test/well_accuracy", "test/overlap_mse"} <= set(logged)
    assert set(again) == set(logged)
    for name, value in logged.items():
        assert again[name] == pytest.approx(value, abs=1e-6), name
    assert story.evaluated["wells"] == sorted(story.split["test names"])


def test_no_run_lists_more_than_twenty_metrics(story: Story) -> None:
    assert len(story.metrics) > 5
    assert {name: each for name, each in story.metrics.items() if len(each) > MOST_METRICS} == {}


def test_the_champion_s_config_trains_the_same_model_again(story: Story) -> None:
    for name, value in story.logged.items():
        if name.startswith("test/"):
            assert story.again[name] == pytest.approx(value, abs=1e-6), name
    for mine, theirs in zip(story.champion, story.again_weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_parent_shows_how_the_study_went(story: Story) -> None:
    assert {"study_history", "optuna_history", "scores"} <= story.artifacts


def test_no_card_counts_a_test_well_among_what_was_seen(story: Story) -> None:
    assert set(story.cards) == {"autoencoder", "classifier"}
    assert len(story.split["test"]) == 6
    for card in story.cards.values():
        assert card.seen == {*story.split["train"], *story.split["validation"]}
        assert not card.seen & set(story.split["test"])
        assert sorted(card.wells["test"]) == sorted(story.split["test"])


def test_only_the_test_wells_differ_in_the_plate_with_noise(story: Story, noise: Story) -> None:
    for role in ("train", "validation", "test names"):
        assert noise.split[role] == story.split[role]
    assert not set(noise.split["test"]) & set(story.split["test"])


def test_no_step_before_the_test_has_seen_a_test_well(story: Story, noise: Story) -> None:
    """Noise in place of the test wells changes nothing but the test metrics."""
    first, second = story.chapters["done"], noise.chapters["done"]
    complete = [i for i, state in enumerate(first.states) if state == "FINISHED"]
    assert [first.parameters[i] for i in complete] == second.parameters
    assert [first.values[i] for i in complete] == second.values
    for mine, theirs in zip(story.encoder, noise.encoder, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(story.champion, noise.champion, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    baselines = [told.cards["classifier"].baselines for told in (story, noise)]
    assert baselines[0] == baselines[1]


def test_the_test_metrics_do_see_the_test_wells(story: Story, noise: Story) -> None:
    # So short a training calls little better than chance, whatever it is shown.
    assert noise.logged["test/log_loss"] != story.logged["test/log_loss"]
    overlap = [told.logged["test/baseline_mean_overlap_mse"] for told in (story, noise)]
    assert overlap[0] != pytest.approx(overlap[1], rel=0.01)
    for name in ("train/log_loss", "train/accuracy"):
        assert noise.logged[name] == pytest.approx(story.logged[name], abs=1e-9)
