import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.core.scores.intervals import Score
from ck19ml.core.scores.verdict import (
    BETTER,
    NOT_SHOWN,
    WORSE,
    Verdict,
    compare,
    discordance,
    power,
    sign_flip_test,
    wells_needed,
)


def of(wins: int, losses: int, wells: int) -> Verdict:
    gain = np.repeat([1.0, -1.0, 0.0], [wins, losses, wells - wins - losses])
    return compare(gain, np.arange(wells), np.random.default_rng(0))


class TestTexts:
    @pytest.mark.parametrize(
        ("score", "text"),
        [
            (Score(0.10, 0.04, 0.16), "better by 10 points [4, 16]"),
            (Score(0.01, -0.05, 0.06), "no difference shown (+1 [-5, 6])"),
            (Score(-0.1, -0.16, -0.04), "worse by 10 points [4, 16]"),
            (Score(0.0, -0.001, 0.001), "no difference shown (+0 [0, 0])"),
            (Score(-0.001, -0.001, 0.002), "no difference shown (+0 [0, 0])"),
            (Score(0.5), "no difference shown (+50)"),  # one well
        ],
    )
    def test_points(self, score: Score, text: str) -> None:
        assert Verdict(score, 30).points() == text

    def test_a_quantity_with_a_unit(self) -> None:
        assert Verdict(Score(0.02, 0.01, 0.03), 30).text(2) == "better by 0.02 [0.01, 0.03]"
        assert (
            Verdict(Score(-0.2, -0.4, 0.1), 3).text(1) == "no difference shown (-0.2 [-0.4, 0.1])"
        )


class TestCompare:
    def test_the_mcnemar_test_by_hand(self) -> None:
        # Of 10 wells that only one answers rightly, 9 or more the same one: 2 (10 + 1) / 1024.
        assert of(9, 1, 40).p == pytest.approx(22 / 1024)
        assert of(0, 0, 40).p == 1.0
        assert (of(9, 1, 40).wins, of(9, 1, 40).losses) == (9, 1)

    @pytest.mark.parametrize(("wells", "wins"), [(30, 3), (30, 4), (12, 3), (72, 5), (120, 5)])
    def test_a_handful_of_wins_shows_nothing_as_the_exact_test_says(
        self, wells: int, wins: int
    ) -> None:
        found = of(wins, 0, wells)
        assert found.p > 0.05
        assert found.word == NOT_SHOWN

    @pytest.mark.parametrize(("wells", "wins", "losses"), [(30, 7, 0), (120, 16, 3), (294, 30, 9)])
    def test_what_the_exact_test_shows_is_better(self, wells: int, wins: int, losses: int) -> None:
        found, opposite = of(wins, losses, wells), of(losses, wins, wells)
        assert found.p < 0.04
        assert (found.word, opposite.word) == (BETTER, WORSE)
        assert found.difference.value == pytest.approx((wins - losses) / wells)

    def test_equal_answers_differ_by_nothing(self) -> None:
        found = of(0, 0, 30)
        assert found.difference.value == 0
        assert found.word == NOT_SHOWN

    def test_many_wells_of_few_plates_are_few_units(self) -> None:
        gain = np.repeat([1.0, 1.0, 1.0, -1.0], 50)  # one plate of four contradicts the others
        wells = compare(gain, np.arange(200), np.random.default_rng(0))
        plates = compare(gain, np.repeat(np.arange(4), 50), np.random.default_rng(0))
        assert wells.word == BETTER
        assert (plates.word, plates.units) == (NOT_SHOWN, 4)
        assert np.isnan(plates.p)

    def test_losses_are_compared_without_a_count_of_wins(self) -> None:
        gain = np.random.default_rng(1).normal(0.3, 0.1, 40)
        found = compare(gain, np.arange(40), np.random.default_rng(0))
        assert found.word == BETTER
        assert (found.wins, found.losses) == (0, 0)
        assert np.isnan(found.p)
        assert found.difference.value == pytest.approx(gain.mean())

    @given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 40))
    def test_the_opposite_comparison_is_the_opposite(
        self, wins: int, losses: int, ties: int
    ) -> None:
        wells = wins + losses + ties + 2
        found, opposite = of(wins, losses, wells), of(losses, wins, wells)
        assert found.difference.value == -opposite.difference.value
        assert found.p == opposite.p
        assert found.difference.low <= found.difference.value <= found.difference.high

    def test_equal_models_are_seldom_called_better(self) -> None:
        rng = np.random.default_rng(5)
        words = [
            compare(rng.choice([1.0, 0.0, -1.0], 30, p=[0.1, 0.8, 0.1]), np.arange(30), rng).word
            for _ in range(300)
        ]
        assert words.count(BETTER) <= 15  # 2.5 % claimed; a point estimate says so in 40 %


class TestSignFlip:
    def test_by_hand(self) -> None:
        # Of the 8 signs of 1, 2 and 3 only +++ reaches a sum of 6, and two reach 4.
        rng = np.random.default_rng(0)
        assert sign_flip_test(np.array([1.0, 2.0, 3.0]), rng) == 1 / 8
        assert sign_flip_test(np.array([-1.0, 2.0, 3.0]), rng) == 2 / 8
        assert sign_flip_test(np.array([-1.0, -2.0, -3.0]), rng) == 1.0
        assert sign_flip_test(np.zeros(3), rng) == 1.0

    def test_equal_models_are_promoted_as_often_as_the_level_says(self) -> None:
        rng = np.random.default_rng(1)
        shared = rng.gamma(1.0, 1.0, (400, 12, 1))  # how hard a well is for both
        losses = shared + rng.gamma(0.5, 1.0, (400, 12, 2))
        p = [sign_flip_test(mine[:, 0] - mine[:, 1], rng) for mine in losses]
        assert np.mean(np.array(p) <= 0.025) <= 0.025 + 3 * np.sqrt(0.025 / 400)
        assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.08)


class TestPower:
    def test_a_single_well_shows_nothing(self) -> None:
        assert power(1, 0.25) == 0.0

    def test_six_wells_that_all_differ_by_hand(self) -> None:
        # Only 6 wins of 6 reach 5 %, and one of the two always wins here with probability 0.6.
        assert power(6, 1.0, 0.2) == pytest.approx(0.6**6)

    def test_it_is_what_repeated_tests_find(self) -> None:
        rng = np.random.default_rng(0)
        shown = 0
        for _ in range(500):
            wins, losses, _ = rng.multinomial(60, [0.2, 0.05, 0.75])
            found = of(int(wins), int(losses), 60)
            shown += found.p <= 0.05 and wins > losses
        assert shown / 500 == pytest.approx(power(60, 0.25, 0.15), abs=0.06)

    def test_it_grows_with_the_wells_until_they_are_enough(self) -> None:
        found = [power(wells, 0.25) for wells in (30, 72, 120, 294)]
        assert found == sorted(found)
        needed = wells_needed(0.25)
        assert power(needed, 0.25) >= 0.8 > power(needed - 10, 0.25)

    def test_discordance_is_at_least_the_difference(self) -> None:
        assert discordance(of(0, 0, 100)) == 0.1
        assert discordance(of(20, 9, 98)) == pytest.approx(0.3)
