import numpy as np
import pytest

from ck19ml.masking import METHODS

LEVEL = 255


def cells(seed: int, size: int = 48) -> np.ndarray:
    """A dark patch with a noisy bright disc: two unequal, overlapping classes."""
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:size, :size]
    disc = (y - size / 2) ** 2 + (x - size / 2) ** 2 < (size / rng.uniform(3, 8)) ** 2
    grey = rng.normal(270, 15, (size, size)) + disc * rng.gamma(3, rng.uniform(20, 300))
    return np.clip(grey, LEVEL, 4095).astype(np.uint16)


@pytest.mark.parametrize("method", sorted(METHODS))
class TestEveryMethod:
    """What configs and the command line may expect of a mask method, whichever it is."""

    def test_masks_have_the_shape_of_the_patches(self, method: str) -> None:
        patches = np.stack([cells(1), cells(2)], axis=-1)[None]
        masks = METHODS[method](patches, LEVEL)
        assert masks.shape == patches.shape
        assert masks.dtype == bool

    def test_a_cell_free_patch_has_an_empty_mask(self, method: str) -> None:
        assert not METHODS[method](np.full((2, 8, 8, 2), LEVEL, np.uint16), LEVEL).any()

    def test_noise_below_the_background_has_an_empty_mask(self, method: str) -> None:
        noise = np.random.default_rng(0).integers(200, LEVEL + 1, (1, 16, 16, 2)).astype(np.uint16)
        assert not METHODS[method](noise, LEVEL).any()

    def test_a_bright_disc_is_found_in_its_channel_only(self, method: str) -> None:
        patches = np.full((1, 9, 9, 2), LEVEL, np.uint16)
        patches[0, 2:5, 3:6, 1] = 2000
        masks = METHODS[method](patches, LEVEL)
        np.testing.assert_array_equal(masks, patches > LEVEL)

    def test_a_patch_is_masked_alike_in_any_company(self, method: str) -> None:
        one, other = (np.stack([cells(s), cells(s + 1)], -1)[None] for s in (3, 5))
        both = METHODS[method](np.concatenate([one, other]), LEVEL)
        np.testing.assert_array_equal(both[:1], METHODS[method](one, LEVEL))
        np.testing.assert_array_equal(both[1:], METHODS[method](other, LEVEL))

    def test_patches_stay_as_they_are(self, method: str) -> None:
        patches = np.stack([cells(1), cells(2)], axis=-1)[None]
        before = patches.copy()
        METHODS[method](patches, LEVEL)
        np.testing.assert_array_equal(patches, before)
