from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ck19ml.core.mask_methods import (
    FIELD_METHODS,
    INSTRUMENT,
    METHODS,
    NAMES,
    NETWORK,
    PATCH_METHODS,
    MaskSettings,
    Method,
    kmeans,
    method,
    per_field,
    segment,
    shortcoming,
)
from ck19ml.core.patch_masks import otsu
from ck19ml.core.patches import raise_background
from ck19ml.errors import ConfigError

LEVEL = 255
SIZE = 48
DEPTHS: list[tuple[Any, int, int]] = [
    (np.uint8, 20, 200),
    (np.uint16, LEVEL, 2000),
    (np.uint16, 1000, 60_000),
]
"""Type, level of the background and grey value of a cell, of cameras of 8, 12 and 16 bits."""


def cells(seed: int) -> np.ndarray:
    """A dark patch with a noisy bright disc: two unequal, overlapping classes."""
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:SIZE, :SIZE]
    disc = (y - SIZE / 2) ** 2 + (x - SIZE / 2) ** 2 < (SIZE / rng.uniform(3, 8)) ** 2
    grey = rng.normal(270, 15, (SIZE, SIZE)) + disc * rng.gamma(3, rng.uniform(20, 300))
    return np.clip(grey, LEVEL, 4095).astype(np.uint16)


def patches(*seeds: int) -> np.ndarray:
    """One patch for each seed, both channels different."""
    return np.stack([np.stack([cells(seed), cells(seed + 100)], axis=-1) for seed in seeds])


def blank(dtype: Any, level: int, number: int = 1) -> np.ndarray:
    return np.full((number, SIZE, SIZE, 2), level, dtype)


def bright_is_cell(plane: np.ndarray, diameter_px: float, channel: str | None) -> np.ndarray:
    """Stands for a network: a pixel that stands out by 300 grey values is cell."""
    assert diameter_px > 0
    assert channel in ("dc", "tcell")
    return plane > np.median(plane) + 300


@pytest.fixture(params=METHODS)
def masks_of(request: pytest.FixtureRequest) -> Method:
    """Each method that works on patches in turn."""
    return method(request.param)


class TestEveryMethod:
    """What may be expected of a mask method that works on patches, whichever it is."""

    def test_masks_have_the_shape_of_the_patches(self, masks_of: Method) -> None:
        given_patches = patches(1, 2, 3)
        masks = masks_of(given_patches, LEVEL)
        assert masks.shape == given_patches.shape
        assert masks.dtype == bool

    def test_no_patches_have_no_masks(self, masks_of: Method) -> None:
        assert masks_of(blank(np.uint16, LEVEL, number=0), LEVEL).shape == (0, SIZE, SIZE, 2)

    def test_one_channel_will_do(self, masks_of: Method) -> None:
        both = patches(1)
        alone = masks_of(np.ascontiguousarray(both[..., :1]), LEVEL)
        np.testing.assert_array_equal(alone, masks_of(both, LEVEL)[..., :1])

    @pytest.mark.parametrize(("dtype", "level", "bright"), DEPTHS)
    def test_an_empty_patch_has_an_empty_mask(
        self, masks_of: Method, dtype: Any, level: int, bright: int
    ) -> None:
        assert not masks_of(blank(dtype, level, number=2), level).any()

    @pytest.mark.parametrize(("dtype", "level", "bright"), DEPTHS[:2])
    def test_a_constant_patch_has_an_empty_mask_where_the_mask_is_a_threshold(
        self, dtype: Any, level: int, bright: int
    ) -> None:
        for name in PATCH_METHODS:
            assert not method(name)(blank(dtype, bright), level).any()

    def test_a_saturated_part_is_masked_as_a_whole(self, masks_of: Method) -> None:
        saturated = blank(np.uint16, LEVEL)
        saturated[0, :20, :20] = 4095
        np.testing.assert_array_equal(masks_of(saturated, LEVEL), saturated == 4095)

    def test_noise_below_the_background_has_an_empty_mask(self, masks_of: Method) -> None:
        noise = np.random.default_rng(0).integers(200, LEVEL + 1, (1, SIZE, SIZE, 2))
        assert not masks_of(raise_background(noise.astype(np.uint16)), LEVEL).any()

    @pytest.mark.parametrize("mean", [240, 300])
    def test_noise_above_the_background_has_an_empty_mask(
        self, masks_of: Method, mean: int
    ) -> None:
        noise = np.random.default_rng(0).normal(mean, 20, (3, SIZE, SIZE, 2))
        assert not masks_of(np.maximum(noise, LEVEL).astype(np.uint16), LEVEL).any()

    def test_one_bright_pixel_is_no_cell(self, masks_of: Method) -> None:
        hot = blank(np.uint16, LEVEL)
        hot[0, 20, 30, 1] = 4095
        assert not masks_of(hot, LEVEL).any()

    @pytest.mark.parametrize(("dtype", "level", "bright"), DEPTHS)
    def test_a_bright_disc_is_found_in_its_channel_only(
        self, masks_of: Method, dtype: Any, level: int, bright: int
    ) -> None:
        one = blank(dtype, level)
        y, x = np.ogrid[:SIZE, :SIZE]
        one[0, (y - 20) ** 2 + (x - 30) ** 2 < 25, 1] = bright
        np.testing.assert_array_equal(masks_of(one, level), one > level)

    def test_the_same_patches_have_the_same_masks(self, masks_of: Method) -> None:
        given_patches = patches(1, 2)
        np.testing.assert_array_equal(
            masks_of(given_patches, LEVEL), masks_of(given_patches, LEVEL)
        )

    def test_patches_stay_as_they_are(self, masks_of: Method) -> None:
        given_patches = patches(1, 2)
        before = given_patches.copy()
        masks_of(given_patches, LEVEL)
        np.testing.assert_array_equal(given_patches, before)


@pytest.mark.parametrize("name", PATCH_METHODS)
def test_a_patch_is_masked_alike_in_any_company(name: str) -> None:
    masks_of = method(name)
    both = masks_of(patches(3, 5), LEVEL)
    np.testing.assert_array_equal(both[:1], masks_of(patches(3), LEVEL))
    np.testing.assert_array_equal(both[1:], masks_of(patches(5), LEVEL))


@pytest.mark.parametrize("name", FIELD_METHODS)
def test_a_field_has_one_threshold_a_channel(name: str) -> None:
    field = patches(3, 5, 8)
    masks = method(name)(field, LEVEL)
    for channel in (0, 1):
        values, inside = field[..., channel], masks[..., channel]
        assert values[~inside].max() < values[inside].min()


def test_a_field_of_one_patch_is_that_patch() -> None:
    np.testing.assert_array_equal(per_field(otsu)(patches(4), LEVEL), otsu(patches(4), LEVEL))


@pytest.mark.parametrize("seed", range(6))
def test_two_means_of_opencv_come_near_the_best_split(seed: int) -> None:
    found, best = kmeans(patches(seed), LEVEL), otsu(patches(seed), LEVEL)
    assert np.count_nonzero(found != best) < 0.02 * found.size


def test_kmeans_does_not_depend_on_what_was_drawn_before() -> None:
    import cv2

    first = kmeans(patches(2), LEVEL)
    cv2.setRNGSeed(99)
    np.testing.assert_array_equal(kmeans(patches(2), LEVEL), first)


@settings(max_examples=20, deadline=None)
@given(hnp.arrays(np.uint8, (2, 6, 6, 2)), st.integers(0, 255))
def test_nothing_at_or_below_the_background_is_masked(values: np.ndarray, level: int) -> None:
    for name in (*PATCH_METHODS, *FIELD_METHODS):
        assert not method(name)(values, level)[values <= level].any()


def test_an_unknown_method_is_refused_by_name() -> None:
    with pytest.raises(
        ConfigError, match=r"'otsus' does not work on patches.*otsu, kmeans, threshold"
    ):
        method("otsus")


class TestSegment:
    """A raw field by any method: masks and numbered cells of the whole field."""

    @pytest.fixture
    def image(self) -> np.ndarray:
        rng = np.random.default_rng(3)
        image = rng.normal(170, 6, (100, 120, 2))
        y, x = np.ogrid[:100, :120]
        for middle in (30, 39, 80, 114):
            image[(y - 50) ** 2 + (x - middle) ** 2 < 4.5**2, 1] += 900
        image[(y - 40) ** 2 + (x - 60) ** 2 < 7**2, 0] += 1200
        return image.astype(np.uint16)

    @pytest.mark.parametrize("name", [INSTRUMENT, *METHODS])
    def test_cells_are_numbered_in_both_channels(self, image: np.ndarray, name: str) -> None:
        found = segment(image, MaskSettings(name, patch_size=48))
        assert found.masks.shape == found.labels.shape == (2, 100, 120)
        assert found.labels.max(axis=(1, 2)).tolist() == [1, 4]
        assert found.labels[1, 50, 30] != found.labels[1, 50, 39]  # they touch
        assert np.all(found.masks[found.labels > 0])

    def test_patches_leave_the_left_and_lower_margin_out(self, image: np.ndarray) -> None:
        found = segment(image, MaskSettings("threshold", patch_size=48, levels=(0, 0)))
        assert found.pixels == 2 * 2 * 48 * 48
        assert not found.masks[:, 96:].any()
        assert not found.masks[:, :, :24].any()
        assert segment(image, MaskSettings()).pixels == 100 * 120

    def test_each_channel_has_its_own_level(self, image: np.ndarray) -> None:
        found = segment(image, MaskSettings("otsu", patch_size=48, levels=(4000, 255)))
        assert found.labels.max(axis=(1, 2)).tolist() == [0, 4]

    def test_pieces_smaller_than_a_cell_have_no_number(self, image: np.ndarray) -> None:
        image[20:23, 60:63, 1] = 3000  # 9 pixels, 16 um2
        found = segment(image, MaskSettings("otsu-field", patch_size=48))
        assert found.masks[1, 21, 61]
        assert found.labels[1, 21, 61] == 0

    def test_a_network_sees_the_raw_field_and_the_cells_diameter(self, image: np.ndarray) -> None:
        given: list[tuple[float, str | None]] = []

        def network(plane: np.ndarray, diameter_px: float, channel: str | None) -> np.ndarray:
            given.append((diameter_px, channel))
            assert plane.shape == (100, 120)
            assert plane.min() < 255
            return bright_is_cell(plane, diameter_px, channel)

        found = segment(image, MaskSettings(NETWORK, pixel_size_um=1.0), network)
        assert given == [(14.0, "dc"), (11.3, "tcell")]
        assert found.pixels == 100 * 120
        # The disc of 9 pixels at the rim is cut in half: less than a sieve of 40 pixels.
        assert found.labels.max(axis=(1, 2)).tolist() == [1, 4]
        np.testing.assert_array_equal(found.masks, found.labels > 0)

    def test_the_network_s_method_needs_its_network(self, image: np.ndarray) -> None:
        with pytest.raises(ConfigError, match="'unet' needs a network; give --mask-model"):
            segment(image, MaskSettings(NETWORK))


@pytest.mark.parametrize("name", NAMES)
def test_what_the_study_s_methods_miss_is_said(name: str) -> None:
    told = shortcoming(name)
    assert (told is None) == (name in (INSTRUMENT, NETWORK))
    assert told is None or (name in told and "'instrument'" in told)


@pytest.mark.parametrize("name", [INSTRUMENT, NETWORK])
def test_what_looks_at_raw_fields_does_not_work_on_patches(name: str) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' does not work on patches"):
        method(name)
