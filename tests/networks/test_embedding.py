import numpy as np
import pytest

from ck19ml.networks.embedding import Mapping, embed

METHODS = ["pca", pytest.param("umap", marks=pytest.mark.slow)]  # the first UMAP compiles long


def groups(count: int) -> np.ndarray:
    """Two groups of features, far from each other."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(count, 8)).astype(np.float32)
    features[count // 2 :] += 50
    return features


@pytest.mark.parametrize("how", METHODS)
def test_two_groups_stay_apart_and_the_same_seed_gives_the_same_map(how: Mapping) -> None:
    features = groups(60)
    mapped = embed(features, 5, how)
    assert mapped.shape == (60, 2)
    assert mapped.dtype == np.float32
    assert np.isfinite(mapped).all()
    centres = mapped[:30].mean(axis=0), mapped[30:].mean(axis=0)
    nearest = [np.argmin([np.linalg.norm(p - c) for c in centres]) for p in mapped]
    assert nearest == [0] * 30 + [1] * 30
    np.testing.assert_array_equal(mapped, embed(features, 5, how))


@pytest.mark.parametrize("how", METHODS)
@pytest.mark.parametrize("count", [3, 4, 11, 16])
def test_few_patches_are_mapped_too(count: int, how: Mapping) -> None:
    mapped = embed(groups(count), 5, how)
    assert mapped.shape == (count, 2)
    assert np.isfinite(mapped).all()


@pytest.mark.parametrize("how", METHODS)
def test_equal_patches_are_mapped_too(how: Mapping) -> None:
    assert np.isfinite(embed(np.ones((20, 8), np.float32), 5, how)).all()


def test_pca_finds_the_direction_of_the_largest_variance() -> None:
    line = np.outer(np.arange(-10, 11), [3.0, 4.0]).astype(np.float32)
    mapped = embed(line, seed=1)
    np.testing.assert_allclose(np.abs(mapped[:, 0]), 5 * np.abs(np.arange(-10, 11)), atol=1e-4)
    np.testing.assert_allclose(mapped[:, 1], 0, atol=1e-4)
