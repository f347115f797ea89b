import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ck19ml.core.scores.intervals import Score
from ck19ml.core.scores.metrics import (
    by_well,
    interaction_scores,
    label_scores,
    log_losses,
    mean_score,
    overlap_scores,
    share_score,
    well_probabilities,
)

unit = st.floats(0, 1)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def probabilities_of(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum(axis=1, keepdims=True)


some_probabilities = hnp.arrays(
    float, st.tuples(st.integers(1, 12), st.integers(2, 4)), elements=st.floats(0.001, 1)
).map(probabilities_of)


def test_by_well_sums_and_counts() -> None:
    sums, counts = by_well(np.array([0.5, 1.0, 2.0]), np.array([1, 0, 1]))
    assert sums.tolist() == [1.0, 2.5]
    assert counts.tolist() == [1, 2]


class TestWellProbabilities:
    def test_two_patches_by_hand(self) -> None:
        # sqrt(0.9 x 0.4) = 0.6 and sqrt(0.1 x 0.6) = 0.245; over their sum 0.845.
        patches = np.array([[0.9, 0.1], [0.4, 0.6]])
        assert well_probabilities(patches, np.array([0, 0]))[0] == pytest.approx(
            [0.7101, 0.2899], abs=1e-4
        )

    def test_wells_do_not_mix(self) -> None:
        patches = np.array([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1]])
        assert well_probabilities(patches, np.array([0, 1, 0])) == pytest.approx(
            np.array([[0.9, 0.1], [0.2, 0.8]])
        )

    def test_more_agreeing_patches_do_not_make_a_well_surer(self) -> None:
        patches = np.full((100, 2), [0.6, 0.4])
        assert well_probabilities(patches, np.zeros(100, int))[0] == pytest.approx([0.6, 0.4])

    def test_a_sure_patch_does_not_make_the_others_void(self) -> None:
        # Clipped at 1e-7: (1e-7)^(1/3) against 1 leaves the class possible.
        patches = np.array([[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]])
        found = well_probabilities(patches, np.zeros(3, int))[0]
        assert found[1] == pytest.approx(1e-7 ** (1 / 3), rel=0.01)

    @given(some_probabilities)
    def test_rows_are_probabilities_whatever_the_order_of_the_patches(
        self, patches: np.ndarray
    ) -> None:
        well = np.arange(len(patches)) % max(1, len(patches) // 2)
        found = well_probabilities(patches, well)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert (found >= 0).all()
        order = generator().permutation(len(patches))
        np.testing.assert_allclose(well_probabilities(patches[order], well[order]), found)

    @given(some_probabilities)
    def test_a_well_of_one_patch_is_that_patch(self, patches: np.ndarray) -> None:
        found = well_probabilities(patches, np.arange(len(patches)))
        np.testing.assert_allclose(found, patches, atol=1e-9)


class TestMeanScore:
    def test_it_covers_the_truth_about_as_often_as_it_claims(self) -> None:
        rng = generator(1)
        samples = rng.normal(3.0, 1.0, size=(200, 40))
        found = [mean_score(sample, np.ones(40, int), rng) for sample in samples]
        covered = np.mean([score.low <= 3.0 <= score.high for score in found])
        assert 0.90 <= covered <= 0.99  # 95 % claimed; 3 SD of 200 trials

    def test_a_well_of_many_patches_weighs_more(self) -> None:
        assert mean_score(np.array([3.0, 0.0]), np.array([3, 1]), generator()).value == 0.75


class TestShareScore:
    @pytest.mark.parametrize(("share", "wells"), [(0.5, 100), (0.7, 60), (0.9, 200)])
    def test_it_is_as_wide_as_the_binomial_law_says(self, share: float, wells: int) -> None:
        right = np.arange(wells) < round(share * wells)
        half = 1.96 * np.sqrt(share * (1 - share) / wells)
        for unit in (np.arange(wells), np.repeat(np.arange(wells), 3)):  # Wilson, bootstrap
            score = share_score(np.repeat(right, unit.size // wells), unit, generator())
            assert score.value == pytest.approx(share)
            assert score.high - score.low == pytest.approx(2 * half, rel=0.15)
            assert score.low == pytest.approx(share - half, abs=0.3 * half)

    def test_answers_of_one_well_are_not_independent(self) -> None:
        right = np.repeat([True, False], 50)
        alone = share_score(right, np.arange(100), generator())
        wells = share_score(right, np.repeat(np.arange(4), 25), generator())
        assert wells.high - wells.low > 3 * (alone.high - alone.low)


COPIES = 50


def labels_interval(copies: int) -> dict[str, Score]:
    """Score 20 wells, each with identical patches."""
    truth = generator(2).integers(0, 2, 20)
    sure = generator(3).uniform(0.1, 0.9, 20)
    well = np.repeat(np.arange(20), copies)
    patches = np.repeat(np.stack([sure, 1 - sure], 1), copies, axis=0)
    return label_scores(patches, np.repeat(truth, copies), well, generator())


def overlap_interval(copies: int) -> dict[str, Score]:
    true, predicted = generator(2).random(20), generator(3).random(20)
    well = np.repeat(np.arange(20), copies)
    return overlap_scores(np.repeat(true, copies), np.repeat(predicted, copies), well, generator())


@pytest.mark.parametrize("scores", [labels_interval, overlap_interval])
def test_identical_patches_of_a_well_add_nothing(
    scores: Callable[[int], dict[str, Score]],
) -> None:
    for name, one in scores(1).items():
        many = scores(COPIES)[name]
        # Of one patch a well the accuracy has Wilson's interval, of several the bootstrap's.
        bounds = (one.value, one.low, one.high)
        assert (many.value, many.low, many.high) == pytest.approx(bounds, abs=0.05)
    # Resampling 1,000 patches instead of 20 wells would shrink the interval by sqrt(50) = 7.


def test_a_well_with_more_patches_weighs_more() -> None:
    right = np.array([1.0, 1.0, 1.0, 0.0])
    assert mean_score(*by_well(right, np.array([0, 0, 0, 1])), generator()).value == 0.75


class TestLabelScores:
    def test_by_hand(self) -> None:
        patches = np.array([[0.8, 0.2], [0.4, 0.6], [0.5, 0.5], [0.1, 0.9]])
        scores = label_scores(patches, np.array([0, 0, 0, 1]), np.arange(4), generator())
        assert scores["accuracy"].value == 0.75  # a tie goes to the first class
        expected = -np.log([0.8, 0.4, 0.5, 0.9]).mean()
        assert scores["log_loss"].value == pytest.approx(expected)

    def test_a_sure_and_wrong_answer_costs_a_finite_loss(self) -> None:
        losses = log_losses(np.array([[1.0, 0.0]]), np.array([1]))
        assert losses[0] == pytest.approx(np.log(1e7))

    def test_guessing_evenly_costs_the_logarithm_of_the_classes(self) -> None:
        losses = log_losses(np.full((5, 3), 1 / 3), np.array([0, 1, 2, 0, 1]))
        np.testing.assert_allclose(losses, np.log(3))


class TestOverlapScores:
    def test_by_hand(self) -> None:
        true, predicted = np.array([0.0, 0.2, 0.4, 0.2]), np.array([0.1, 0.1, 0.4, 0.4])
        scores = overlap_scores(true, predicted, np.array([0, 0, 1, 1]), generator())
        assert scores["overlap_mse"].value == pytest.approx(0.06 / 4)
        assert scores["overlap_rmse"].value == pytest.approx(np.sqrt(0.015))
        assert scores["overlap_r2"].value == pytest.approx(1 - 0.06 / 0.08)
        # Well means: 0.1 against 0.1, 0.3 against 0.4.
        assert scores["well_overlap_rmse"].value == pytest.approx(np.sqrt(0.01 / 2))

    def test_predicting_the_mean_explains_nothing(self) -> None:
        true = generator().random(60)
        well = np.repeat(np.arange(12), 5)
        scores = overlap_scores(true, np.full(60, true.mean()), well, generator())
        assert scores["overlap_r2"].value == pytest.approx(0, abs=1e-9)
        assert scores["overlap_mse"].value == pytest.approx(true.var())

    def test_a_perfect_prediction(self) -> None:
        true = generator().random(20)
        scores = overlap_scores(true, true, np.repeat(np.arange(4), 5), generator())
        assert scores["overlap_r2"] == Score(1.0, 1.0, 1.0)
        assert scores["overlap_mse"] == Score(0.0, 0.0, 0.0)

    def test_the_root_bounds_are_the_roots_of_the_bounds(self) -> None:
        true, predicted = generator(1).random(20), generator(2).random(20)
        scores = overlap_scores(true, predicted, np.repeat(np.arange(4), 5), generator())
        assert scores["overlap_rmse"].high == pytest.approx(np.sqrt(scores["overlap_mse"].high))

    @pytest.mark.parametrize("truth", [0.0, 0.1, 0.3, 0.7])
    @pytest.mark.parametrize("patches", [6, 7, 10])
    def test_without_any_spread_there_is_no_r2_and_no_warning(
        self, truth: float, patches: int
    ) -> None:
        true, well = np.full(patches, truth), np.arange(patches) // 2
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scores = overlap_scores(true, true + 0.1, well, generator())
        r2 = scores["overlap_r2"]
        assert np.isnan([r2.value, r2.low, r2.high]).all()
        assert scores["overlap_mse"].value == pytest.approx(0.01)

    def test_draws_without_any_spread_are_left_out_of_the_interval(self) -> None:
        # A draw of well 0 alone has no spread: about a quarter of the draws of two wells.
        true, predicted = np.array([0.1, 0.1, 0.2, 0.6]), np.array([0.1, 0.2, 0.2, 0.5])
        scores = overlap_scores(true, predicted, np.array([0, 0, 1, 1]), generator())
        assert np.isfinite([scores["overlap_r2"].low, scores["overlap_r2"].high]).all()


class TestInteractionScores:
    def test_by_hand(self) -> None:
        true = np.array([0.2, 0.5, 0.1, 0.0, 0.3])
        predicted = np.array([0.2, 0.1, 0.3, 0.0, 0.6])
        # Called: yes, no, yes, no, yes; true: yes, yes, no, no, yes.
        scores = interaction_scores(true, predicted, 0.2)
        assert scores["interaction_accuracy"] == 0.6
        assert scores["interaction_prevalence"] == 0.6
        # In the order of the prediction: 0.6 yes, 0.3 no, 0.2 yes, 0.1 yes, 0.0 no.
        assert scores["interaction_average_precision"] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)

    def test_an_overlap_at_the_threshold_interacts(self) -> None:
        assert interaction_scores(np.array([0.2]), np.array([0.2]), 0.2) == {
            "interaction_accuracy": 1.0,
            "interaction_prevalence": 1.0,
            "interaction_average_precision": 1.0,
        }

    def test_never_is_mostly_right_and_worth_nothing(self) -> None:
        true = np.zeros(100)
        true[0] = 0.5
        scores = interaction_scores(true, np.zeros(100), 0.2)
        assert scores["interaction_accuracy"] == 0.99
        assert scores["interaction_average_precision"] == pytest.approx(0.01)

    def test_without_a_positive_there_is_no_average_precision(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scores = interaction_scores(np.zeros(4), np.zeros(4), 0.2)
        assert np.isnan(scores["interaction_average_precision"])
        assert scores["interaction_accuracy"] == 1.0

    @given(hnp.arrays(float, 10, elements=unit), hnp.arrays(float, 10, elements=unit), st.just(0.2))
    def test_every_score_is_a_fraction(
        self, true: np.ndarray, predicted: np.ndarray, threshold: float
    ) -> None:
        found = interaction_scores(true, predicted, threshold).values()
        assert all(np.isnan(value) or 0 <= value <= 1 + 1e-9 for value in found)
