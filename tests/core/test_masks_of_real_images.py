"""Every mask method on the real images: areas and counts that an eye would not object to."""

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from ck19ml.core.mask_methods import METHODS, Method
from ck19ml.core.patches import PATCH_SIZE, cut, grid_shape, raise_background
from ck19ml.networks.mask_model import SHIPPED, load_mask_network
from tests.core.cell_areas import cell_areas
from tests.places import REFERENCE

IMAGES = REFERENCE / "images"

pytestmark = pytest.mark.skipif(not IMAGES.is_dir(), reason=f"the real images are not at {IMAGES}")

NUCLEI = [
    ("translocation/Channel 2-01-A-01-00.tif", 20),
    ("translocation/Channel 2-12-A-12-00.tif", 20),
]
"""Nuclei, one bright body a cell, 8 bits; and the level that lies above their background."""

BODIES = [
    ("translocation/Channel 1-01-A-01-00.tif", 30),
    ("translocation/Channel 1-12-A-12-00.tif", 30),
]
"""The same cells, in the dye of the cell's body."""

FEW_GRAINS = [
    ("colocalization/0_1_N_R.png", 18_000),
    ("colocalization/0_2_N_R.png", 18_000),
    ("colocalization/0_1_N_G.png", 40_000),
    ("colocalization/0_2_N_G.png", 40_000),
]
"""Bright grains on a bright ground, 16 bits."""


TRIED = [name for name in METHODS if name != "kmeans-field"]
"""All but one that takes seconds an image and splits as ``otsu-field`` does."""


def read(name: str) -> NDArray[np.unsignedinteger]:
    path = IMAGES / name
    return tifffile.imread(path) if path.suffix == ".tif" else np.array(Image.open(path))


def mask_of(name: str, level: int, masks_of: Method) -> NDArray[np.bool_]:
    """Mask of the part of an image that patches cover."""
    image = read(name)
    patches = np.asarray(raise_background(cut(image), level))[..., None]
    masks = masks_of(patches, level)[..., 0]
    rows, columns = grid_shape(*image.shape)
    grid = masks.reshape(rows, columns, PATCH_SIZE, PATCH_SIZE).swapaxes(1, 2)
    return grid.reshape(rows * PATCH_SIZE, columns * PATCH_SIZE)


@pytest.mark.parametrize("name", TRIED)
class TestEveryMethod:
    @pytest.mark.parametrize(("image", "level"), NUCLEI)
    def test_nuclei_are_hundreds_of_some_hundred_pixels(
        self, name: str, image: str, level: int
    ) -> None:
        mask = mask_of(image, level, METHODS[name])
        assert 0.06 < mask.mean() < 0.11
        areas = cell_areas(mask, min_area_px=50)
        assert 400 < len(areas) < 550
        assert 130 < np.median(areas) < 230

    @pytest.mark.parametrize(("image", "level"), BODIES)
    def test_bodies_are_fewer_and_larger_than_nuclei(
        self, name: str, image: str, level: int
    ) -> None:
        mask = mask_of(image, level, METHODS[name])
        assert 0.10 < mask.mean() < 0.14
        areas = cell_areas(mask, min_area_px=50)
        assert 200 < len(areas) < 450
        assert 200 < np.median(areas) < 500

    @pytest.mark.parametrize(("image", "level"), FEW_GRAINS)
    def test_grains_cover_little(self, name: str, image: str, level: int) -> None:
        assert 0.005 < mask_of(image, level, METHODS[name]).mean() < 0.05


@pytest.mark.parametrize(("image", "level"), NUCLEI + BODIES)
def test_methods_agree_on_clear_images(image: str, level: int) -> None:
    masks = [mask_of(image, level, METHODS[name]) for name in TRIED]
    for one in masks[1:]:
        both, either = np.count_nonzero(one & masks[0]), np.count_nonzero(one | masks[0])
        assert both / either > 0.7


def test_the_shipped_network_finds_real_cells() -> None:
    network = load_mask_network(SHIPPED)
    for images, diameter_px in ((NUCLEI, 15.0), (BODIES, 20.0)):
        for name, level in images:
            found = network(read(name), diameter_px)
            cells = read(name) > level
            assert 0.03 < found.mean() < 0.3
            assert cells[found].mean() > 2 * cells.mean()
