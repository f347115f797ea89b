import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage.feature import graycomatrix, graycoprops

from ck19ml.core.measurements.cooccurrence import LEVELS, NAMES, pairs, properties

PLANES = arrays.arrays(np.uint8, (6, 7), elements=st.integers(0, LEVELS - 1))
MASKS = arrays.arrays(np.bool_, (6, 7))


@given(PLANES)
def test_all_pairs_and_their_measures_are_scikit_image_s(plane: np.ndarray) -> None:
    known = graycomatrix(plane, [1], [0, np.pi / 2], LEVELS, symmetric=True).sum(axis=3)[..., 0]
    counts = pairs(plane, np.ones(plane.shape, bool))
    assert np.array_equal(counts[2], known)
    found = dict(zip(NAMES, properties(counts)[2], strict=True))
    share = (known / known.sum())[:, :, None, None]
    for name in NAMES[:-1]:
        assert np.isclose(found[name], graycoprops(share, name)[0, 0]), name


@given(PLANES, MASKS)
def test_a_pair_is_inside_outside_or_across(plane: np.ndarray, mask: np.ndarray) -> None:
    inside, background, every = pairs(plane, mask)
    across = (mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum()
    assert np.array_equal(every, every.T)
    assert (every - inside - background).sum() == 2 * across
    assert (every >= inside + background).all()


def test_entropy_by_hand() -> None:
    levels = np.array([[0, 1], [0, 1]], np.uint8)  # pairs 0-1, 0-1, 0-0 and 1-1, in both orders
    counts = pairs(levels, np.ones((2, 2), bool))
    assert np.isclose(properties(counts)[2, NAMES.index("entropy")], 2.0)


def test_a_region_without_a_pair_has_no_texture() -> None:
    counts = pairs(np.zeros((3, 3), np.uint8), np.zeros((3, 3), bool))
    found = properties(counts)
    assert np.isnan(found[0]).all()
    assert found[1].tolist() == [0, 0, 1, 1, 1, 0]  # one level only
