import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from ck19ml.core.scores.mask_quality import score_masks

MASKS = hnp.arrays(bool, (2, 3, 4, 2))


def row(*pixels: int) -> NDArray[np.bool_]:
    return np.array(pixels, bool).reshape(1, 1, -1, 1)


def test_a_known_case() -> None:
    score = score_masks(row(0, 1, 1, 1), row(1, 1, 0, 0))
    assert score.iou[0, 0] == pytest.approx(1 / 4)
    assert score.dice[0, 0] == pytest.approx(2 / 5)


def test_two_empty_masks_agree() -> None:
    score = score_masks(row(0, 0), row(0, 0))
    assert (score.iou[0, 0], score.dice[0, 0]) == (1.0, 1.0)


def test_a_mask_of_nothing_does_not() -> None:
    score = score_masks(row(0, 1), row(0, 0))
    assert (score.iou[0, 0], score.dice[0, 0]) == (0.0, 0.0)


@given(MASKS, MASKS)
def test_dice_follows_from_iou_and_neither_has_a_side(
    one: NDArray[np.bool_], other: NDArray[np.bool_]
) -> None:
    score, back = score_masks(one, other), score_masks(other, one)
    np.testing.assert_allclose(score.dice, 2 * score.iou / (1 + score.iou))
    np.testing.assert_array_equal(score.iou, back.iou)
    assert ((score.iou >= 0) & (score.iou <= 1)).all()


def test_masks_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        score_masks(row(0, 1), row(0, 1, 1))
