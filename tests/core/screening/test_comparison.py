import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ck19ml.core.scores.intervals import pivotal
from ck19ml.core.screening.comparison import (
    CONTROL,
    Beyond,
    compare_with_controls,
    control_spread,
    false_discovery_rate,
    robust_z,
    ssmd,
    ssmd_of_moments,
    variance_beyond_replicates,
    z_prime,
    z_prime_of_moments,
)

HIGH, LOW = np.array([9.0, 10.0, 11.0]), np.array([-2.0, 0.0, 2.0])


def test_z_prime_by_hand() -> None:
    # Means 10 and 0, SDs 1 and 2.
    assert z_prime(HIGH, LOW) == pytest.approx(1 - 3 * (1 + 2) / 10)
    assert z_prime(LOW, HIGH) == z_prime(HIGH, LOW)


def test_ssmd_by_hand() -> None:
    assert ssmd(HIGH, LOW) == pytest.approx(10 / np.sqrt(1 + 4))
    assert ssmd(LOW, HIGH) == -ssmd(HIGH, LOW)


def test_what_single_or_equal_wells_cannot_say_is_nan() -> None:
    one = np.array([1.0])
    assert np.isnan([z_prime(one, LOW), ssmd(LOW, one), z_prime(LOW, LOW)]).all()
    assert np.isnan(ssmd(np.ones(3), np.zeros(3)))
    assert np.isnan(robust_z(LOW, np.ones(4))).all()
    assert np.isnan(robust_z(LOW, np.array([]))).all()


def test_robust_z_is_not_moved_by_one_wild_well() -> None:
    calm = robust_z(np.array([5.0]), np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    wild = robust_z(np.array([5.0]), np.array([1.0, 2.0, 3.0, 4.0, 500.0]))
    # Median 3, deviations 2 1 0 1 2: MAD 1.
    assert [*calm, *wild] == pytest.approx([2 / 1.482602] * 2)


def test_pivotal_intervals_of_z_prime_cover_six_wells_against_six() -> None:
    rng = np.random.default_rng(1)
    true = 1 - 3 * (1 + 2) / 10
    found = [
        pivotal(z_prime_of_moments, rng.normal(10, 1, 6), rng.normal(0, 2, 6), rng)
        for _ in range(200)
    ]
    covered = np.mean([score.low <= true <= score.high for score in found])
    assert 0.91 <= covered <= 1.0  # resampling the wells covers 65 to 69 %


def test_three_wells_of_a_group_say_little() -> None:
    few = pivotal(z_prime_of_moments, HIGH, LOW, np.random.default_rng(0))
    assert few.value == pytest.approx(0.1)
    assert few.low < -2
    assert few.value < few.high < 1
    sure = pivotal(ssmd_of_moments, HIGH, LOW, np.random.default_rng(0))
    assert sure.value == ssmd(HIGH, LOW)
    assert sure.low < sure.value < sure.high


def test_the_comparison_by_hand() -> None:
    # Controls 0 1 2; group 0: 4 and 6; group 1: a single well, 1.
    values = np.array([0.0, 1.0, 2.0, 4.0, 6.0, 1.0])
    group = np.array([CONTROL] * 3 + [0, 0, 1])
    found = compare_with_controls(values, group, 2)
    sd = np.sqrt((1 + 0 + 1 + 1 + 1) / 3)  # 6 wells, 3 means
    assert found.against == "controls"
    assert found.wells.tolist() == [2, 1]
    assert found.degrees == 3
    assert found.effect == pytest.approx([4, 0])
    assert found.t == pytest.approx([4 / (sd * np.sqrt(1 / 2 + 1 / 3)), 0])
    assert found.ssmd == pytest.approx([4 / (sd * np.sqrt(2)), 0])
    assert found.robust_z == pytest.approx([4 / 1.482602, 0])
    assert found.p == pytest.approx([2 * stats.t.sf(found.t[0], 3), 1])


def test_two_groups_are_student_s_test() -> None:
    rng = np.random.default_rng(2)
    controls, treated = rng.normal(0, 1, 8), rng.normal(1, 1, 5)
    group = np.r_[np.full(8, CONTROL), np.zeros(5, int)]
    found = compare_with_controls(np.r_[controls, treated], group, 1)
    known = stats.ttest_ind(treated, controls)
    assert (found.t[0], found.p[0]) == pytest.approx((known.statistic, known.pvalue))


def test_single_wells_are_judged_by_the_spread_of_the_controls() -> None:
    """One well against m: the t test of a new observation, m - 1 degrees of freedom."""
    controls = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    found = compare_with_controls(np.r_[controls, 9.0], np.r_[np.full(5, CONTROL), 0], 1)
    t = (9 - 2) / (controls.std(ddof=1) * np.sqrt(1 + 1 / 5))
    assert (found.t[0], found.degrees) == pytest.approx((t, 4))


def test_without_controls_the_median_of_all_compounds_is_the_reference() -> None:
    values = np.array([1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 9.0, 9.0])
    group = np.repeat(np.arange(4), 2)
    found = compare_with_controls(values + np.tile([-0.5, 0.5], 4), group, 4)
    assert found.against == "all wells"
    assert found.effect == pytest.approx(np.array([1, 2, 3, 9]) - 2.5)
    assert found.p.argmin() == 3


def test_without_controls_and_replicates_the_spread_is_that_of_all_wells() -> None:
    values = np.r_[np.linspace(-1, 1, 21), 20.0]
    found = compare_with_controls(values, np.arange(22), 22)
    assert found.degrees == np.inf
    assert np.flatnonzero(found.p < 0.01).tolist() == [21]


def test_wells_without_a_value_do_not_count() -> None:
    values = np.array([0.0, 1.0, 2.0, np.nan, 5.0, 6.0, np.nan])
    group = np.array([CONTROL] * 4 + [0, 0, 1])
    found = compare_with_controls(values, group, 2)
    assert found.wells.tolist() == [2, 0]
    assert np.isnan([found.effect[1], found.t[1], found.p[1]]).all()
    nothing = compare_with_controls(np.full(2, np.nan), np.array([CONTROL, 0]), 1)
    assert np.isnan(nothing.p).all()


def test_p_values_of_compounds_that_do_nothing_are_uniform() -> None:
    """45 compounds in two wells each and six controls, as on CK19: 5 % lie below 0.05."""
    rng = np.random.default_rng(3)
    group = np.r_[np.full(6, CONTROL), np.repeat(np.arange(45), 2)]
    p = np.array([compare_with_controls(rng.normal(size=96), group, 45).p for _ in range(200)])
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.01)
    any_hit = [(false_discovery_rate(row) <= 0.05).any() for row in p]
    assert np.mean(any_hit) < 0.08


@given(st.floats(-1e3, 1e3), st.floats(0.01, 100))
def test_a_comparison_does_not_depend_on_the_unit(shift: float, scale: float) -> None:
    rng = np.random.default_rng(4)
    values, group = rng.normal(size=20), np.repeat([CONTROL, 0, 1, 2], 5)
    first = compare_with_controls(values, group, 3)
    second = compare_with_controls(shift + scale * values, group, 3)
    for name in ("robust_z", "ssmd", "t", "p"):
        assert getattr(second, name) == pytest.approx(getattr(first, name), rel=1e-6, abs=1e-6)


def test_false_discovery_rate_by_hand() -> None:
    # 0.01 * 4/1, 0.02 * 4/2, 0.03 * 4/3 -> all 0.04; 0.5 stays.
    q = false_discovery_rate(np.array([0.5, 0.01, np.nan, 0.03, 0.02]))
    assert q[[0, 1, 3, 4]] == pytest.approx([0.5, 0.04, 0.04, 0.04])
    assert np.isnan(q[2])
    assert np.isnan(false_discovery_rate(np.array([np.nan]))).all()


def test_the_variance_beyond_replicates_by_hand() -> None:
    # Controls 0, 2, 1 (mean 1, squares 2); groups 4 and 6 (mean 5), -1 and 1 (mean 0), 3 and 3.
    values = np.array([0.0, 2.0, 1.0, 4.0, 6.0, -1.0, 1.0, 3.0, 3.0])
    group = np.array([CONTROL] * 3 + [0, 0, 1, 1, 2, 2])
    found = variance_beyond_replicates(values, group, 3)
    assert found is not None
    within = (2 + 2 + 2 + 0) / (9 - 4)  # the pooled variance
    about_controls = (16 + 1 + 4) / 3 - within * (1 / 2 + 1 / 3)
    between = np.var([5, 0, 3], ddof=1) - within / 2
    assert found.variance == pytest.approx(max(about_controls, 2 * between))
    assert found.degrees == 2


def test_groups_that_differ_no_more_than_their_wells_have_no_variance_beyond() -> None:
    values = np.array([0.0, 2.0, 1.0, 0.0, 2.0, 0.0, 2.0, 0.0, 2.0])
    group = np.array([CONTROL] * 3 + [0, 0, 1, 1, 2, 2])
    found = variance_beyond_replicates(values, group, 3)
    assert found is not None
    assert found.variance == 0


def test_too_few_controls_or_groups_leave_the_variance_beyond_unknown() -> None:
    values = np.array([0.0, 2.0, 1.0, 0.0, 2.0, 0.0, 2.0, 0.0, 2.0])
    group = np.array([CONTROL] * 3 + [0, 0, 1, 1, 2, 2])
    assert variance_beyond_replicates(values[1:], group[1:], 3) is None
    assert variance_beyond_replicates(values[:7], group[:7], 3) is None
    single = np.array([CONTROL] * 3 + [0, 1, 2, 3, 4, 5])
    assert variance_beyond_replicates(values[[0, 3, 5, 7, 8]], single[[0, 3, 5, 7, 8]], 6) is None


def test_the_variance_beyond_joins_the_error_by_satterthwaite() -> None:
    values = np.array([0.0, 2.0, 1.0, 1.0, 4.0, 6.0])
    group = np.array([CONTROL] * 4 + [0, 0])
    plain = compare_with_controls(values, group, 1)
    wider = compare_with_controls(values, group, 1, Beyond(3.0, 2.0))
    spread = (plain.effect / plain.t) ** 2
    assert wider.t == pytest.approx(plain.effect / np.sqrt(spread + 3))
    degrees = (spread + 3) ** 2 / (spread**2 / 4 + 9 / 2)
    assert wider.p == pytest.approx(2 * stats.t.sf(np.abs(wider.t), degrees))
    assert compare_with_controls(values, group, 1, Beyond()).p == pytest.approx(plain.p)


def test_the_spreads_of_controls_and_replicates_by_hand() -> None:
    values = np.array([0.0, 2.0, 1.0, 4.0, 6.0, 7.0, np.nan])
    group = np.array([CONTROL] * 3 + [0, 0, 1, 1])
    assert control_spread(values, group, 2) == pytest.approx((2.0, 2.0, 2, 1))
