"""Shifts of a plate's vehicle wells against those of the training plates."""

import numpy as np
import pytest
from scipy import stats

from ck19ml.core.scores.drift import Vehicles, appearance, of_wells, shift, vehicles_of

KNOWN = Vehicles(means={"A": [1.0, 0.2], "B": [3.0, 0.4]}, sd=[0.5, 0.1], wells={"A": 4, "B": 4})


def test_a_patch_s_appearance_is_its_mean_grey_values_and_masked_shares() -> None:
    patches = np.array([[[[300, 500], [300, 900]]]], np.uint16)
    masks = np.array([[[[True, False], [False, False]]]])
    assert appearance(patches, masks).tolist() == [[300, 700, 0.5, 0]]


def test_wells_are_means_of_patches_and_brightness_counts_doublings() -> None:
    each = np.array([[100.0, 0.2], [156, 0.4], [512, 0.1]])
    np.testing.assert_allclose(of_wells(each, np.array([0, 0, 1])), [[7, 0.3], [9, 0.1]])


def test_vehicle_wells_are_summarised_by_stimulation() -> None:
    values = np.array([[0.0, 1], [2, 3], [4, 8], [10, 4], [14, 4]])
    found = vehicles_of(values, ["A", "A", "A", "B", "B"])
    assert found is not None
    assert (found.means, found.wells) == ({"A": [2, 4], "B": [12, 4]}, {"A": 3, "B": 2})
    # Sums of squares (8 + 8, 26 + 0) over 5 wells - 2 means.
    assert found.sd == pytest.approx([np.sqrt(16 / 3), np.sqrt(26 / 3)])


@pytest.mark.parametrize("names", [["A", "B", "C", "D", "D"], ["A", "A", "A", "B", "C"]])
def test_too_few_wells_have_no_spread(names: list[str]) -> None:
    assert vehicles_of(np.random.default_rng(1).normal(size=(5, 2)), names) is None
    assert vehicles_of(np.ones((5, 2)), ["A"] * 5) is None, "all alike"


def test_the_shift_is_that_of_the_worst_measure_with_student_s_interval() -> None:
    values = np.array([[1.0, 0.5], [1.5, 0.5], [3.5, 0.7], [9, 9]])
    found = shift(KNOWN, values, ["A", "A", "B", "unknown"])
    assert found is not None
    assert (found.measure, found.wells) == (1, 3)
    assert found.value == pytest.approx(3)
    # All three lie 3 SDs away, so that they add no square; 6 + 3 - 2 degrees of freedom.
    half = stats.t.ppf(1 - 0.025 / 2, 7) * np.sqrt(6 / 7)
    half *= np.sqrt(1 / 3 + (4 / 9 + 1 / 9) / 4)
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half))
    assert not found.far
    further = shift(KNOWN, values + np.array([0, 0.6]), ["A", "A", "B", "unknown"])
    assert further is not None
    assert further.far
    assert shift(KNOWN, values, ["unknown"] * 4) is None


def test_plates_of_the_same_kind_are_covered_and_never_far() -> None:
    """95 % intervals, Bonferroni's: at least 95 % of all measures' intervals at once hold 0."""
    rng = np.random.default_rng(3)
    names = ["A"] * 4 + ["B"] * 4
    held = far = 0
    for _ in range(400):
        known = vehicles_of(rng.normal(size=(8, 4)), names)
        assert known is not None
        found = shift(known, rng.normal(size=(8, 4)), names)
        assert found is not None
        held += found.low <= 0 <= found.high
        far += found.far
    assert held / 400 > 0.93
    assert far == 0
