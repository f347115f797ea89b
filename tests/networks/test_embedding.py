import numpy as np
import pytest

from ck19ml.networks.embedding import embed

pytestmark = pytest.mark.slow  # the first map compiles for many seconds


def groups(count: int) -> np.ndarray:
    """Two groups of features, far from each other."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(count, 8)).astype(np.float32)
    features[count // 2 :] += 50
    return features


def test_two_groups_stay_apart_and_the_same_seed_gives_the_same_map() -> None:
    features = groups(60)
    mapped = embed(features, seed=5)
    assert mapped.shape == (60, 2)
    assert mapped.dtype == np.float32
    assert np.isfinite(mapped).all()
    centres = mapped[:30].mean(axis=0), mapped[30:].mean(axis=0)
    nearest = [np.argmin([np.linalg.norm(p - c) for c in centres]) for p in mapped]
    assert nearest == [0] * 30 + [1] * 30
    np.testing.assert_array_equal(mapped, embed(features, seed=5))


@pytest.mark.parametrize("count", [3, 4, 11, 16])
def test_few_patches_are_mapped_too(count: int) -> None:
    mapped = embed(groups(count), seed=5)
    assert mapped.shape == (count, 2)
    assert np.isfinite(mapped).all()


def test_equal_patches_are_mapped_too() -> None:
    assert np.isfinite(embed(np.ones((20, 8), np.float32), seed=5)).all()
