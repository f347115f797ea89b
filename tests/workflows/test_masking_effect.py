from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mlflow import MlflowClient

from ck19ml.config import MaskingConfig, PrepareConfig
from ck19ml.config.masks import ArmAutoencoder, ArmRegressor
from ck19ml.core.scores.metrics import overlap_scores, r2
from ck19ml.networks.settings import ClassifierSettings, FitSettings
from ck19ml.plates.dataset.store import Dataset
from ck19ml.workflows import masking_effect
from ck19ml.workflows.masking_effect import LOWER_IS_BETTER, Arm, ratio

WELLS = np.arange(3)


def arm(*values: float, labels: tuple[str, ...] = ("A", "B", "C")) -> Arm:
    score = ratio(np.array(values), np.ones(3))
    return Arm(dict.fromkeys(LOWER_IS_BETTER, score), np.array(labels))


class TestCompare:
    def test_a_difference_is_taken_on_the_same_wells(self) -> None:
        # The wells differ much, the arms by 0.1 in each: the interval of the difference is narrow.
        table = masking_effect.compare(arm(0.1, 0.5, 0.9), arm(0.2, 0.6, 1.0), seed=0)
        row = table.set_index("measure").loc["well accuracy"]
        assert (row["normal"], row["masked"]) == pytest.approx((0.5, 0.6))
        assert (row["difference_low"], row["difference_high"]) == pytest.approx((0.1, 0.1))
        assert row["normal_high"] - row["normal_low"] > 0.3

    def test_what_more_means_depends_on_the_measure(self) -> None:
        table = masking_effect.compare(arm(0.1, 0.5, 0.9), arm(0.2, 0.6, 1.0), seed=0)
        assert dict(zip(table["measure"], table["verdict"], strict=True)) == {
            "BCE of its own target": "not comparable",
            "BCE within the masks": "hurts",
            "patch accuracy": "helps",
            "well accuracy": "helps",
            "overlap RMSE": "hurts",
            "overlap R2": "helps",
        }

    def test_an_interval_with_zero_shows_nothing(self) -> None:
        table = masking_effect.compare(arm(0.1, 0.5, 0.9), arm(0.2, 0.4, 0.95), seed=0)
        assert set(table["verdict"]) == {"not comparable", "no difference shown"}

    def test_other_wells_are_refused(self) -> None:
        with pytest.raises(ValueError, match="the same wells"):
            masking_effect.compare(arm(1, 1, 1), arm(1, 1, 1, labels=("A", "B", "D")), seed=0)


def test_a_ratio_counts_a_well_as_often_as_it_was_drawn() -> None:
    statistic = ratio(np.array([1.0, 0.0, 6.0]), np.array([1, 1, 2]))
    assert statistic(WELLS) == 7 / 4
    assert statistic(np.array([2, 2])) == 3
    assert np.isnan(ratio(np.zeros(3), np.zeros(3))(WELLS))


def test_r2_is_that_of_the_evaluation() -> None:
    rng = np.random.default_rng(0)
    well = np.repeat(WELLS, 20)
    true = rng.random(60)
    made = true + rng.normal(0, 0.1, 60)
    sums, squares, errors = (np.bincount(well, v) for v in (true, true**2, (made - true) ** 2))
    found = r2(errors[WELLS], sums[WELLS], squares[WELLS], np.bincount(well)[WELLS])
    assert found == pytest.approx(overlap_scores(true, made, well, rng)["overlap_r2"].value)


@pytest.mark.parametrize("masked", [False, True])
def test_losses_within_the_masks_are_those_of_the_same_pixels(
    tiny_dataset: Dataset, *, masked: bool
) -> None:
    half = SimpleNamespace(predict_on_batch=lambda x: np.full_like(x, 0.5))
    scorer = SimpleNamespace(network=half, card=SimpleNamespace(masked=masked))
    rows = np.arange(4)
    losses, pixels = masking_effect.inside_losses(scorer, tiny_dataset, rows)
    areas = tiny_dataset.table.iloc[rows]
    assert pixels.tolist() == (areas["dc_area_px"] + areas["tcell_area_px"]).tolist()
    np.testing.assert_allclose(losses, np.log(2) * pixels, rtol=1e-5)


@pytest.mark.slow
def test_both_arms_are_compared_in_one_run(
    tiny_plate: Path, tiny_dataset: Dataset, workplace: Path
) -> None:
    one = FitSettings(epochs=1, least_steps=1)
    config = MaskingConfig(
        plate=tiny_plate,
        dataset=tiny_dataset.path,
        prepare=PrepareConfig(patch_size=192),
        autoencoder=ArmAutoencoder(fit=one),
        classifier=ClassifierSettings(fit=one),
        regressor=ArmRegressor(fit=one),
    )
    outcome = masking_effect.masking_command(config)
    assert sum(line.startswith("- ") for line in outcome.lines) == len(LOWER_IS_BETTER)
    assert "masked/overlap_rmse" in outcome.data
    client = MlflowClient()
    names = {item.path for item in client.list_artifacts(outcome.data["run"])}
    assert {"masking.csv", "wells.csv", "figures", "config.json"} <= names
    runs = client.search_runs(["0"])
    masked = [run.data.params["masked"] for run in runs if "masked" in run.data.params]
    assert sorted(masked) == ["False", "True"]
