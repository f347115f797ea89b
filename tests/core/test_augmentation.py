import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ck19ml.core import augmentation
from ck19ml.core.augmentation import GAMMA, augment


def patches(count: int = 5, size: int = 16) -> NDArray[np.float32]:
    return np.random.default_rng(3).random((count, size, size, 2)).astype(np.float32)


def test_each_draw_is_one_of_the_eight_views_of_a_square(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "MOST_SHIFT", 0)
    monkeypatch.setattr(augmentation, "GAMMA", 1.0)
    one = np.round(patches(1, 4)[0])  # 0 and 1 are kept to the last bit
    one[0, 1, 0], one[0, 0, 0] = 1 - one[0, 0, 0], one[0, 0, 0]
    views = [np.rot90(side, turns) for side in (one, one[:, ::-1]) for turns in range(4)]
    made = augment(np.stack([one] * 200), np.random.default_rng(0))
    found = {next(i for i, view in enumerate(views) if np.array_equal(view, m)) for m in made}
    assert found == set(range(8))


def test_a_shift_moves_the_patch_and_mirrors_its_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "MOST_SHIFT", 1)
    monkeypatch.setattr(augmentation, "GAMMA", 1.0)
    column = np.zeros((1, 3, 3, 1), np.float32)
    column[0, :, :, 0] = [[1 / 4, 2 / 4, 3 / 4]] * 3
    made = augment(np.repeat(column, 300, 0), np.random.default_rng(1))
    rows = {tuple(np.rint(4 * patch[0, :, 0]).astype(int)) for patch in made}
    # 1 2 3 shifted by -1, 0 and 1, flipped or not; a quarter turn gives three times the same.
    level = {(1, 2, 3), (2, 3, 2), (2, 1, 2), (3, 2, 1)}
    assert {row for row in rows if len(set(row)) > 1} == level


def test_brightness_keeps_zero_one_and_the_order() -> None:
    ramp = np.linspace(0, 1, 16, dtype=np.float32).reshape(1, 4, 4, 1)
    for seed in range(20):
        made = np.sort(augment(ramp, np.random.default_rng(seed)).ravel())
        assert made.min() >= 0
        assert made.max() <= 1
        inner = made[(made > 0) & (made < 1)]
        # A power g of v lies between v ** GAMMA and v ** (1 / GAMMA).
        assert inner.min() >= (1 / 15) ** GAMMA - 1e-3
        assert inner.max() <= (14 / 15) ** (1 / GAMMA) + 1e-3


def test_what_is_masked_stays_zero_and_moves_along() -> None:
    masked = patches(40)
    holes = np.random.default_rng(4).random(masked.shape[:3]) < 0.5
    masked[..., 0] = np.where(holes, 0, 0.1 + 0.9 * masked[..., 0])
    masked[..., 1] = ~holes  # the other channel says where the holes are
    made = augment(masked, np.random.default_rng(5))
    np.testing.assert_array_equal(made[..., 0] == 0, made[..., 1] == 0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_the_same_seed_gives_the_same_and_the_input_stays(seed: int, size: int) -> None:
    before = patches(3, size)
    given_ = before.copy()
    first = augment(given_, np.random.default_rng(seed))
    np.testing.assert_array_equal(first, augment(given_, np.random.default_rng(seed)))
    np.testing.assert_array_equal(given_, before)
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 1
