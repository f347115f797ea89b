from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from ck19ml.core.scores.intervals import FEW, Score, bootstrap, interval, pivotal, share

unit = st.floats(0, 1)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def mean_of(values: np.ndarray) -> Any:
    return lambda drawn, axis=-1: values[drawn].mean(axis)


class TestBootstrap:
    def test_it_is_as_wide_as_student_s_interval(self) -> None:
        # The bootstrap's own spread lacks the factor sqrt(n / (n - 1)); the level makes up for it.
        for size in (8, 20, 100):
            values = stats.norm.ppf((np.arange(size) + 0.5) / size)
            found = interval(mean_of(values), size, generator())
            student = 2 * stats.t.isf(0.025, size - 1) * values.std(ddof=1) / np.sqrt(size)
            assert found.high - found.low == pytest.approx(student, rel=0.12)

    @pytest.mark.parametrize("wells", [3, 6, 12])  # percentiles alone: 0.63, 0.84, 0.90
    def test_it_covers_the_truth_about_as_often_as_it_claims(self, wells: int) -> None:
        rng = generator(1)
        samples = rng.normal(3.0, 1.0, size=(400, wells))
        found = [interval(mean_of(sample), wells, rng) for sample in samples]
        covered = np.mean([score.low <= 3.0 <= score.high for score in found])
        assert 0.91 <= covered <= 0.99

    @given(hnp.arrays(float, st.integers(FEW, 30), elements=unit))
    @settings(max_examples=25)
    def test_the_bounds_of_a_mean_stay_among_the_values(self, values: np.ndarray) -> None:
        score = interval(mean_of(values), values.size, generator())
        assert values.min() - 1e-12 <= score.low <= score.high <= values.max() + 1e-12

    def test_one_unit_says_nothing_about_others(self) -> None:
        score = interval(mean_of(np.array([3.0])), 1, generator())
        assert score.value == 3.0
        assert np.isnan([score.low, score.high]).all()

    def test_it_is_the_same_with_the_same_generator(self) -> None:
        mean = mean_of(generator(5).random(20))
        assert interval(mean, 20, generator(3)) == interval(mean, 20, generator(3))
        assert interval(mean, 20, generator(3)) != interval(mean, 20, generator(4))

    def test_a_statistic_of_one_draw_gives_what_one_of_all_draws_gives(self) -> None:
        values = generator(5).random(20)
        at_once = interval(mean_of(values), 20, generator(3))
        each = interval(lambda drawn: float(values[drawn].mean()), 20, generator(3))
        assert (each.low, each.high) == pytest.approx((at_once.low, at_once.high))

    def test_units_are_drawn_with_replacement_and_never_others(self) -> None:
        drawn: list[np.ndarray] = []

        def remember(units: np.ndarray) -> float:
            drawn.append(units)
            return 0.0

        interval(remember, 7, generator())
        assert all(len(units) == 7 and set(units) <= set(range(7)) for units in drawn)
        assert any(len(set(units)) < 7 for units in drawn)
        assert drawn[0].tolist() == list(range(7))  # the value itself is of all units, once each

    def test_samples_are_resampled_each_for_itself(self) -> None:
        first, second = np.arange(9.0), 100 + np.arange(12.0)

        def check(one: np.ndarray, other: np.ndarray) -> float:
            assert one.size == 9
            assert one.max() < 100 <= other.min()
            assert other.size == 12
            return float(other.mean() - one.mean())

        score = bootstrap(check, (first, second), generator())
        assert score.low < score.value == 101.5 < score.high

    def test_draws_without_a_value_are_left_out(self) -> None:
        def now_and_then(units: np.ndarray) -> float:
            return float("nan") if units[0] == 0 else float(units.mean())

        score = interval(now_and_then, 10, generator())
        assert np.isnan(score.value)
        assert 0 < score.low < score.high < 9
        nothing = interval(lambda _: float("nan"), 10, generator())
        assert np.isnan([nothing.value, nothing.low, nothing.high]).all()


class TestShare:
    def test_wilson_by_hand(self) -> None:
        # (p + z2/2n -+ z sqrt(p q / n + z2/4n2)) / (1 + z2/n) with p = 0.9, n = 10, z2 = 3.8415
        found = share(9, 10)
        centre, half = 0.9 + 3.8415 / 20, 1.95996 * np.sqrt(0.009 + 3.8415 / 400)
        assert found.low == pytest.approx((centre - half) / 1.38415, abs=1e-5)
        assert found.high == pytest.approx((centre + half) / 1.38415, abs=1e-5)

    def test_all_right_leaves_room_for_errors(self) -> None:
        assert share(10, 10).low == pytest.approx(10 / (10 + 3.8415), abs=1e-4)

    def test_nothing_is_no_share(self) -> None:
        assert np.isnan(share(0, 0).value)


def difference(mean: Any, sd: Any, other_mean: Any, other_sd: Any) -> Any:
    return mean - other_mean + 0 * (sd + other_sd)


class TestPivotal:
    def test_of_a_difference_of_means_it_is_welch_s_interval(self) -> None:
        first, second = generator(1).normal(5, 1, 12), generator(2).normal(3, 1, 12)
        found = pivotal(difference, first, second, generator())
        welch = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
        assert found.value == pytest.approx(first.mean() - second.mean())
        width = welch.high - welch.low
        # Fisher and Behrens: a little wider than Welch's.
        assert found.high - found.low == pytest.approx(width, rel=0.1)

    def test_it_covers_a_ratio_of_spread_to_distance(self) -> None:
        rng = generator(3)

        def ratio(mean: Any, sd: Any, other_mean: Any, other_sd: Any) -> Any:
            return (sd + other_sd) / np.abs(mean - other_mean)

        covered = 0
        for _ in range(200):
            found = pivotal(ratio, rng.normal(10, 1, 6), rng.normal(0, 1, 6), rng)
            covered += found.low <= 0.2 <= found.high
        assert 0.91 <= covered / 200 <= 1.0

    def test_too_few_wells_or_none_that_differ(self) -> None:
        one, more = np.array([1.0]), np.array([1.0, 2.0, 3.0])
        assert np.isnan(pivotal(difference, one, more, generator()).value)
        equal = pivotal(difference, np.ones(3), np.zeros(3), generator())
        assert equal.value == 1.0
        assert np.isnan([equal.low, equal.high]).all()


def test_a_score_prints_its_interval_and_leaves_out_what_is_not_there() -> None:
    assert str(Score(0.5, 0.25, 0.75)) == "0.500 [0.250, 0.750]"
    assert Score(0.5).text(2) == "0.50"
    assert Score(1.0, 0.5, 2.0).flat("x") == {"x": 1.0, "x_low": 0.5, "x_high": 2.0}
