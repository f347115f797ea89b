import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ck19ml.core.patches import cut, raise_background
from ck19ml.errors import PlateError
from ck19ml.networks import unet
from ck19ml.networks.mask_model import MaskCard, MaskNetwork, StoredMasks, load_mask_network

SIZE, LEVEL = 32, 255
CARD = MaskCard(
    architecture="compact",
    target="truth",
    patch_size=SIZE,
    background=LEVEL,
    bit_depth=12,
    wells={"train": ["a", "b"], "validation": ["c"]},
    seed=7,
    software="ck19ml 0",
)


@pytest.fixture(scope="module")
def masks() -> MaskNetwork:
    network = unet.build_unet("compact", filters=4)
    # Nobody trained it: with a threshold of its own in its last bias it says yes and no.
    kernel, _ = network.get_layer("probability").get_weights()
    network.get_layer("probability").set_weights([20 * kernel, np.zeros(1)])
    return MaskNetwork(network, CARD)


@pytest.fixture(scope="module")
def folder(masks: MaskNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return masks.save(tmp_path_factory.mktemp("network") / "masks")


def field(seed: int = 0) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(100, 4096, (2, 70, 100, 2)).astype(np.uint16)


def patches() -> NDArray[np.uint16]:
    return np.asarray(raise_background(cut(field()[0], SIZE), LEVEL), dtype=np.uint16)


def test_a_saved_network_comes_back_as_it_was(masks: MaskNetwork, folder: Path) -> None:
    loaded = load_mask_network(folder)
    assert loaded.card == CARD
    found = masks(patches(), LEVEL)
    assert 0 < found.mean() < 1
    np.testing.assert_array_equal(loaded(patches(), LEVEL), found)


def test_nothing_in_the_folder_is_pickled(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "network.keras"]


def test_every_well_that_it_was_shown_is_known(masks: MaskNetwork) -> None:
    assert masks.card.seen == {"a", "b", "c"}


class TestFields:
    def test_masks_of_a_field_are_those_of_its_patches(self, masks: MaskNetwork) -> None:
        found = masks.predict(field())
        assert found.shape == field().shape
        assert found.dtype == np.uint8
        # 100 = 4 + 3 x 32: the margin is on the left; 70 = 2 x 32 + 6: and at the bottom.
        assert not found[:, :, :4].any()
        assert not found[:, 64:].any()
        np.testing.assert_array_equal(cut(found[0], SIZE), masks(patches(), LEVEL))

    @pytest.mark.parametrize("shape", [(70, 100, 2), (1, 70, 100, 3), (1, 20, 100, 2)])
    def test_another_shape_is_refused(self, masks: MaskNetwork, shape: tuple[int, ...]) -> None:
        with pytest.raises(PlateError, match="fields must have the shape"):
            masks.predict(np.zeros(shape, np.uint16))


class TestStored:
    def test_it_travels_and_makes_the_same_masks(self, masks: MaskNetwork, folder: Path) -> None:
        travelled = pickle.loads(pickle.dumps(StoredMasks(folder)))  # noqa: S301  our own bytes
        np.testing.assert_array_equal(travelled(patches(), LEVEL), masks(patches(), LEVEL))

    def test_threads_share_it(self, masks: MaskNetwork, folder: Path, tmp_path: Path) -> None:
        stored = StoredMasks(folder).copy_to(tmp_path / "copy")
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: stored(patches(), LEVEL), range(8)))
        for each in found:
            np.testing.assert_array_equal(each, masks(patches(), LEVEL))

    def test_a_copy_has_the_same_fingerprint(self, folder: Path, tmp_path: Path) -> None:
        copy = StoredMasks(folder).copy_to(tmp_path / "copy")
        assert copy.fingerprint == StoredMasks(folder).fingerprint
        with (tmp_path / "copy" / "network.keras").open("ab") as file:
            file.write(b"x")
        assert StoredMasks(tmp_path / "copy").fingerprint != copy.fingerprint


class TestDamaged:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("card.json", "{}"),
            ("card.json", "[]"),
            ("card.json", "{"),
            ("card.json", '{"format": 1, "kind": "unet", "colour": "red"}'),
            ("network.keras", "no zip"),
        ],
    )
    def test_it_is_refused_in_one_line(
        self, folder: Path, tmp_path: Path, name: str, content: str
    ) -> None:
        bad = tmp_path / "bad"
        shutil.copytree(folder, bad)
        (bad / name).write_text(content)
        with pytest.raises(PlateError, match="is not a valid mask network") as caught:
            load_mask_network(bad)
        assert "\n" not in str(caught.value)

    def test_a_missing_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(PlateError, match="train it again"):
            load_mask_network(tmp_path / "nowhere")
