import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from ck19ml.core.measurements.intensity import NAMES, QUANTILES, histograms, intensities


def measured(values: list[int]) -> dict[str, float]:
    plane = np.array([values], np.uint16)
    rows = intensities(*histograms(plane, np.ones(plane.shape, bool)))
    return dict(zip(NAMES, rows[0].tolist(), strict=True))


@given(st.lists(st.integers(0, 4095), min_size=1, max_size=60))
def test_the_measures_are_numpys_and_scipys(values: list[int]) -> None:
    found = measured(values)
    assert np.isclose(found["mean"], np.mean(values))
    assert np.isclose(found["sd"], np.std(values), atol=1e-6)
    assert (found["min"], found["max"]) == (min(values), max(values))
    assert np.isclose(found["sum"], sum(values))
    for q in QUANTILES:
        assert found[f"q{q}"] == np.percentile(values, q, method="inverted_cdf")
    if len(set(values)) > 1:
        assert np.isclose(found["skewness"], stats.skew(values), atol=1e-6)


def test_equal_values_have_no_spread_and_no_skewness() -> None:
    found = measured([7, 7, 7])
    assert (found["sd"], found["skewness"], found["q50"]) == (0.0, 0.0, 7.0)


@given(arrays.arrays(np.uint8, (5, 6)), arrays.arrays(np.bool_, (5, 6)))
def test_each_region_has_its_own_values(plane: np.ndarray, mask: np.ndarray) -> None:
    counts, lowest = histograms(plane, mask)
    assert counts.sum(axis=1).tolist() == [mask.sum(), (~mask).sum(), 30]
    rows = intensities(counts, lowest)
    for row, region in zip(rows, (plane[mask], plane[~mask], plane), strict=True):
        if region.size:
            assert np.isclose(row[0], region.mean())
        else:
            assert np.isnan(row).all()
