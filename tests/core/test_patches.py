import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ck19ml.core.patches import (
    BACKGROUND,
    count_points,
    crowded,
    cut,
    grid_shape,
    is_faulty,
    origins,
    raise_background,
    rescale,
)

STUDY_FIELD = 2048
sides = st.integers(1, 40)
GREY = hnp.arrays(
    np.uint16, st.tuples(st.integers(1, 3), sides, sides, st.just(2)), elements=st.integers(0, 4095)
)


def numbered(height: int, width: int) -> np.ndarray:
    """A field in which every pixel has a value of its own."""
    return np.arange(height * width).reshape(height, width)


def test_cut_goes_row_by_row_and_drops_the_left_column() -> None:
    patches = cut(numbered(4, 5), patch_size=2)
    assert patches.tolist() == [
        [[1, 2], [6, 7]],
        [[3, 4], [8, 9]],
        [[11, 12], [16, 17]],
        [[13, 14], [18, 19]],
    ]


def test_cut_drops_the_bottom_row() -> None:
    assert cut(numbered(3, 2), patch_size=2).tolist() == [[[0, 1], [2, 3]]]


def test_the_study_s_field_gives_its_100_patches() -> None:
    field = np.zeros((STUDY_FIELD, STUDY_FIELD), np.uint16)
    field[:, :128] = 1  # the left margin
    field[1920:] = 2  # the bottom margin
    patches = cut(field)
    assert patches.shape == (100, 192, 192)
    assert not patches.any()


@given(height=sides, width=sides, size=st.integers(1, 12))
def test_cut_is_a_partition_of_the_kept_area(height: int, width: int, size: int) -> None:
    rows, columns = grid_shape(height, width, size)
    if not rows * columns:
        with pytest.raises(ValueError, match=f"a field of {height} x {width} pixels"):
            cut(numbered(height, width), size)
        return
    kept = numbered(height, width)[: rows * size, width - columns * size :]
    patches = cut(numbered(height, width), size)
    assert sorted(patches.ravel().tolist()) == sorted(kept.ravel().tolist())
    assert height - rows * size < size
    assert width - columns * size < size


@given(height=sides, width=sides, size=st.integers(1, 12))
def test_origins_say_where_each_patch_was(height: int, width: int, size: int) -> None:
    field = numbered(height, width)
    if min(height, width) < size:
        assert origins(height, width, size).shape == (0, 2)
        return
    yx = origins(height, width, size)
    patches = cut(field, size)
    assert len(yx) == len(patches)
    for (y, x), patch in zip(yx, patches, strict=True):
        np.testing.assert_array_equal(field[y : y + size, x : x + size], patch)


def test_cut_keeps_channels_and_dtype() -> None:
    field = np.stack([numbered(4, 4), numbered(4, 4) + 100], axis=-1).astype(np.uint8)
    patches = cut(field, 2)
    assert patches.dtype == np.uint8
    np.testing.assert_array_equal(patches[..., 1], patches[..., 0] + 100)
    np.testing.assert_array_equal(patches[..., 0], cut(field[..., 0], 2))


def test_cut_leaves_the_field_as_it_is() -> None:
    field = numbered(4, 4)
    cut(field, 2)[:] = -1
    np.testing.assert_array_equal(field, numbered(4, 4))


@pytest.mark.parametrize(("dtype", "level"), [(np.uint16, 255), (np.uint8, 15)])
def test_raise_background_lifts_what_is_below_and_nothing_else(dtype: type, level: int) -> None:
    raised = raise_background(np.array([0, level - 1, level, level + 1], dtype), level)
    assert raised.tolist() == [level, level, level, level + 1]
    assert raised.dtype == dtype


@pytest.mark.parametrize(
    ("dc", "tcell", "faulty"),
    [(256, 256, False), (255, 4095, True), (4095, 255, True), (0, 0, True), (256, 4095, False)],
)
def test_a_patch_is_faulty_when_either_channel_is_dark(dc: int, tcell: int, faulty: bool) -> None:
    patches = np.zeros((1, 3, 3, 2), np.uint16)
    patches[0, 1, 1] = dc, tcell
    assert is_faulty(patches).tolist() == [faulty]


def test_faulty_is_told_for_each_patch_at_the_plate_s_own_level() -> None:
    patches = np.full((2, 2, 2, 2), 16, np.uint8)
    patches[1, ..., 1] = 15
    assert is_faulty(patches, 15).tolist() == [False, True]


@given(GREY)
def test_raising_the_background_never_changes_what_is_faulty(patches: np.ndarray) -> None:
    np.testing.assert_array_equal(is_faulty(patches), is_faulty(raise_background(patches)))


def test_rescale_against_hand_worked_values() -> None:
    patches = np.array([255, 305, 355, 455], np.uint16).reshape(1, 2, 2, 1)
    assert rescale(patches).ravel().tolist() == [0.0, 0.25, 0.5, 1.0]


def test_rescale_takes_each_patch_and_channel_by_itself() -> None:
    low, high = np.array([[0, 10]], np.uint16), np.array([[1000, 3000]], np.uint16)
    patches = np.stack([np.stack([low, high], -1), np.stack([high, low], -1)])
    np.testing.assert_array_equal(rescale(patches)[:, 0, 0], 0)
    np.testing.assert_array_equal(rescale(patches)[:, 0, 1], 1)


@settings(max_examples=50)
@given(GREY)
def test_rescale_fills_the_unit_interval_and_sends_a_constant_channel_to_zero(
    patches: np.ndarray,
) -> None:
    scaled = rescale(patches)
    assert scaled.dtype == np.float32
    assert np.isfinite(scaled).all()
    constant = patches.min(axis=(1, 2)) == patches.max(axis=(1, 2))
    np.testing.assert_array_equal(scaled.min(axis=(1, 2)), 0)
    np.testing.assert_array_equal(scaled.max(axis=(1, 2)), np.where(constant, 0, 1))


def test_the_camera_s_background_is_the_study_s() -> None:
    assert BACKGROUND == 255


@given(st.integers(0, 10**6), sides.filter(lambda side: side >= 3), sides, st.integers(1, 3))
def test_points_are_counted_in_the_patch_that_shows_them(
    seed: int, height: int, width: int, size: int
) -> None:
    width = max(width, size)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, [height, width], (20, 2))
    image = np.zeros((height, width), np.int64)
    np.add.at(image, (pixels[:, 0], pixels[:, 1]), 1)
    found = count_points(pixels + rng.uniform(0, 0.99, (20, 2)), height, width, size)
    np.testing.assert_array_equal(found, cut(image, size).sum(axis=(1, 2)))


def test_no_points_are_in_no_patch() -> None:
    assert count_points(np.zeros((0, 2)), 4, 4, 2).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rescale_is_the_plain_formula_to_the_last_bit(dtype: type) -> None:
    patches = np.random.default_rng(3).integers(0, 256, (3, 5, 7, 2)).astype(dtype)
    low = patches.min(axis=(1, 2), keepdims=True).astype(np.float32)
    span = patches.max(axis=(1, 2), keepdims=True).astype(np.float32) - low
    np.testing.assert_array_equal(rescale(patches), (patches.astype(np.float32) - low) / span)


def test_a_square_with_many_cells_of_both_kinds_is_shown() -> None:
    # Eleven squares of 2 x 2 with 0 .. 4 pixels in the poorer channel.
    poorer = [0, 1, 2, 1, 4, 1, 3, 1, 2, 1, 0]
    true = np.zeros((2, 22, 2), bool)
    for square, count in enumerate(poorer):
        true[:, 2 * square : 2 * square + 2, 0] = True
        part = np.zeros(4, bool)
        part[:count] = True
        true[:, 2 * square : 2 * square + 2, 1] = part.reshape(2, 2)
    assert crowded(true, 2) == (slice(0, 2), slice(12, 14))  # the 3: one of ten lies above
