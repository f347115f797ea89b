from dataclasses import asdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ck19ml.core.overlap import DC, TCELL, score

masks_of_patches = hnp.arrays(
    bool, st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.just(2))
)


def test_by_hand() -> None:
    masks = np.zeros((1, 3, 4, 2), bool)
    masks[0, :2, :3, DC] = True  # 6 pixels
    masks[0, 1:, 1:, TCELL] = True  # 6 pixels, of which 2 on DCs
    result = score(masks)
    assert {name: value.tolist() for name, value in asdict(result).items()} == {
        "tcell_area_px": [6],
        "dc_area_px": [6],
        "overlap_area_px": [2],
        "overlap": [0.2],
        "tcell_overlap": [2 / 6],
        "dc_overlap": [2 / 6],
    }


def test_the_channels_are_not_confused() -> None:
    masks = np.zeros((1, 1, 10, 2), bool)
    masks[0, 0, :8, DC] = True
    masks[0, 0, 6:8, TCELL] = True
    result = score(masks)
    assert (result.dc_area_px[0], result.tcell_area_px[0]) == (8, 2)
    assert (result.overlap[0], result.tcell_overlap[0]) == (0.25, 1.0)
    assert result.dc_overlap[0] == 0.25


def test_each_patch_is_scored_by_itself() -> None:
    masks = np.zeros((3, 2, 2, 2), bool)
    masks[1] = True
    masks[2, 0, 0, DC] = masks[2, 1, 1, TCELL] = True
    assert score(masks).overlap.tolist() == [0.0, 1.0, 0.0]


def test_empty_masks_do_not_overlap() -> None:
    result = score(np.zeros((1, 2, 2, 2), bool))
    assert (result.overlap[0], result.tcell_overlap[0], result.dc_overlap[0]) == (0.0, 0.0, 0.0)


@given(masks_of_patches)
def test_overlap_is_symmetric(masks: np.ndarray) -> None:
    np.testing.assert_array_equal(score(masks).overlap, score(masks[..., ::-1]).overlap)


@given(masks_of_patches)
def test_fractions_stay_in_the_unit_interval_and_in_their_order(masks: np.ndarray) -> None:
    result = score(masks)
    assert ((result.overlap >= 0) & (result.tcell_overlap <= 1)).all()
    # The union is never smaller than the T-cell mask.
    assert (result.overlap <= result.tcell_overlap).all()


@given(masks_of_patches)
def test_overlap_is_one_exactly_for_equal_masks_that_are_not_empty(masks: np.ndarray) -> None:
    dc, tcell = masks[..., DC], masks[..., TCELL]
    equal = (dc == tcell).all(axis=(1, 2)) & dc.any(axis=(1, 2))
    np.testing.assert_array_equal(score(masks).overlap == 1, equal)


@given(masks_of_patches)
def test_areas_are_those_of_the_sets(masks: np.ndarray) -> None:
    result = score(masks)
    dc, tcell = masks[..., DC], masks[..., TCELL]
    np.testing.assert_array_equal(
        result.dc_area_px + result.tcell_area_px - result.overlap_area_px,
        (dc | tcell).sum(axis=(1, 2)),
    )
    np.testing.assert_array_equal(result.overlap_area_px, (dc & tcell).sum(axis=(1, 2)))
