import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.filters import threshold_otsu
from sklearn.cluster import KMeans

from ck19ml.core.patch_masks import is_noise, otsu, otsu_threshold, threshold

LEVEL = 255
STUDY_CRITERIA = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
"""At most 10 iterations, eps 1.0 (DOMAIN.md, the study's processing, step 4)."""

several = hnp.arrays(np.uint16, st.integers(2, 60), elements=st.integers(0, 40)).filter(
    lambda values: values.min() < values.max()
)


def within(values: np.ndarray, upper: np.ndarray) -> float:
    """Within-class sum of squares of a split into two classes."""
    parts = (values[upper].astype(float), values[~upper].astype(float))
    return sum(float(((part - part.mean()) ** 2).sum()) for part in parts if part.size)


def cells(seed: int, size: int = 48) -> np.ndarray:
    """A dark patch with a noisy bright disc: two unequal, overlapping classes."""
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:size, :size]
    disc = (y - size / 2) ** 2 + (x - size / 2) ** 2 < (size / rng.uniform(3, 8)) ** 2
    grey = rng.normal(270, 15, (size, size)) + disc * rng.gamma(3, rng.uniform(20, 300))
    return np.clip(grey, LEVEL, 4095).astype(np.uint16)


def test_threshold_by_hand() -> None:
    assert otsu_threshold(np.array([1, 1, 2, 9, 9, 10], dtype=np.uint16)) == 2


@pytest.mark.parametrize("value", [0, 255, 65535])
def test_constant_values_are_their_own_threshold(value: int) -> None:
    assert otsu_threshold(np.full((3, 3), value, np.uint16)) == value


def test_extreme_grey_values_are_told_apart() -> None:
    assert otsu_threshold(np.array([0, 65535], np.uint16)) == 0


@given(several)
def test_no_other_cut_splits_better(values: np.ndarray) -> None:
    best = min(within(values, values > cut) for cut in np.unique(values)[:-1])
    assert within(values, values > otsu_threshold(values)) == pytest.approx(best, abs=1e-9)


@given(several)
def test_the_threshold_is_a_value_that_occurs(values: np.ndarray) -> None:
    threshold = otsu_threshold(values)
    assert threshold in values
    assert threshold < values.max()


@given(several, st.integers(0, 4000))
def test_the_threshold_moves_with_the_values(values: np.ndarray, shift: int) -> None:
    moved = values + np.uint16(shift)
    assert otsu_threshold(moved) == otsu_threshold(values) + shift


@given(several)
def test_the_threshold_is_scikit_image_s(values: np.ndarray) -> None:
    theirs, ours = int(threshold_otsu(values)), otsu_threshold(values)
    if theirs != ours:  # only two cuts that are equally good may be told apart
        assert within(values, values > theirs) == pytest.approx(within(values, values > ours))


@pytest.mark.parametrize("seed", range(8))
def test_the_threshold_is_scikit_image_s_on_patches(seed: int) -> None:
    assert otsu_threshold(cells(seed)) == int(threshold_otsu(cells(seed)))


@pytest.mark.parametrize("seed", range(8))
def test_two_means_of_scikit_learn_is_never_better(seed: int) -> None:
    values = cells(seed).ravel()
    labels = KMeans(2, n_init=3, random_state=seed).fit_predict(values.reshape(-1, 1).astype(float))
    assert within(values, values > otsu_threshold(values)) <= within(values, labels == 1) + 1e-6


@pytest.mark.parametrize("seed", range(8))
def test_two_means_of_opencv_is_never_better(seed: int) -> None:
    values = cells(seed).ravel()
    scaled = (values - LEVEL).astype(np.float32) / (values.max() - LEVEL)
    cv2.setRNGSeed(seed)
    _, labels, _ = cv2.kmeans(scaled, 2, None, STUDY_CRITERIA, 10, cv2.KMEANS_PP_CENTERS)
    found = within(values, labels.ravel() == 1)
    assert within(values, values > otsu_threshold(values)) <= found + 1e-6


@settings(max_examples=30)
@given(hnp.arrays(np.uint8, (2, 6, 6, 2)), st.integers(0, 255))
def test_nothing_at_or_below_the_background_is_masked(patches: np.ndarray, level: int) -> None:
    assert not otsu(patches, level)[patches <= level].any()


def test_mean_plus_deviation_by_hand() -> None:
    patch = np.array([255, 255, 255, 400], np.uint16).reshape(1, 2, 2, 1)
    np.testing.assert_array_equal(threshold(patch, LEVEL), patch == 400)
    # 291.25 + 62.79: a background of 400 leaves nothing.
    assert not threshold(patch, 400).any()


@given(hnp.arrays(np.uint16, (1, 5, 4, 2)))
def test_mean_plus_deviation_is_numpy_s(patches: np.ndarray) -> None:
    values = patches.astype(np.float64)
    limit = values.mean(axis=(1, 2), keepdims=True) + values.std(axis=(1, 2), keepdims=True)
    clear = np.abs(values - limit) > 1e-6  # where rounding cannot decide
    np.testing.assert_array_equal(threshold(patches, 0)[clear], (values > limit)[clear])


class TestNoise:
    @pytest.mark.parametrize("share", [0.001, 0.02, 0.16, 0.5, 0.9])
    def test_pixels_that_do_not_keep_together_are_noise(self, share: float) -> None:
        masks = np.random.default_rng(1).random((5, 96, 96, 2)) < share
        assert is_noise(masks)[masks.any(axis=(1, 2))].all()

    @pytest.mark.parametrize("side", [2, 3, 9, 40])
    def test_cells_are_not(self, side: int) -> None:
        masks = np.zeros((1, 96, 96, 1), bool)
        masks[0, 20 : 20 + side, 30 : 30 + side] = True
        assert not is_noise(masks).any()

    def test_empty_and_full_masks_are_not(self) -> None:
        masks = np.zeros((1, 8, 8, 2), bool)
        masks[..., 1] = True
        assert not is_noise(masks).any()

    @pytest.mark.parametrize("seed", range(4))
    def test_masks_of_cells_are_not(self, seed: int) -> None:
        assert not is_noise(otsu(cells(seed)[None, :, :, None], LEVEL)).any()
