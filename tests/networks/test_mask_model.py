import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ck19ml.core.instrument_masks import CellKinds
from ck19ml.core.mask_methods import NETWORK, MaskSettings, segment
from ck19ml.core.measurements.panel import PAIR
from ck19ml.core.simulation.degradation import Degradation
from ck19ml.core.simulation.mask_examples import MaskWell, clear_views, simulate_well
from ck19ml.errors import PlateError
from ck19ml.networks import unet
from ck19ml.networks.mask_model import (
    SHIPPED,
    WEIGHTS,
    MaskCard,
    MaskNetwork,
    StoredMasks,
    load_mask_network,
)
from ck19ml.networks.training import seed_everything

DIAMETER = 9.0
CARD = MaskCard(
    architecture="compact",
    target="truth",
    wells={"train": ["a", "b"], "validation": ["c"]},
    seed=7,
    software="ck19ml 0",
)


@pytest.fixture(scope="module")
def masks() -> MaskNetwork:
    seed_everything(CARD.seed)  # with other weights no pixel may pass a threshold
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


def plane() -> NDArray[np.uint16]:
    return np.ascontiguousarray(field()[0, ..., 0])


def test_a_saved_network_comes_back_as_it_was(masks: MaskNetwork, folder: Path) -> None:
    loaded = load_mask_network(folder)
    assert loaded.card == CARD
    found = masks(plane(), DIAMETER)
    assert 0 < found.mean() < 1
    np.testing.assert_array_equal(loaded(plane(), DIAMETER), found)


def test_nothing_in_the_folder_is_pickled(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "network.keras"]


def test_every_well_that_it_was_shown_is_known(masks: MaskNetwork) -> None:
    assert masks.card.seen == {"a", "b", "c"}


class TestFields:
    def test_fields_are_masked_as_prepare_does(self, masks: MaskNetwork) -> None:
        found = masks.predict(field())
        assert found.shape == field().shape
        assert found.dtype == np.uint8
        expected = segment(field()[1], MaskSettings(NETWORK), masks).masks
        np.testing.assert_array_equal(np.moveaxis(found[1], -1, 0), expected)
        assert masks.predict(field()[:0]).shape == (0, 70, 100, 2)

    @pytest.mark.parametrize("shape", [(70, 100, 2), (1, 70, 100, 3), (1, 0, 100, 2)])
    def test_another_shape_is_refused(self, masks: MaskNetwork, shape: tuple[int, ...]) -> None:
        with pytest.raises(PlateError, match="fields must have the shape"):
            masks.predict(np.zeros(shape, np.uint16))

    def test_one_channel_says_nothing_about_the_other(self, masks: MaskNetwork) -> None:
        both, other = field()[:1], field()[:1]
        other[..., 1] = 4095
        found, changed = masks.predict(both), masks.predict(other)
        np.testing.assert_array_equal(found[..., 0], changed[..., 0])
        assert (found[..., 1] != changed[..., 1]).any()


class TestStored:
    def test_it_travels_and_makes_the_same_masks(self, masks: MaskNetwork, folder: Path) -> None:
        travelled = pickle.loads(pickle.dumps(StoredMasks(folder)))  # noqa: S301  our own bytes
        np.testing.assert_array_equal(travelled(plane(), DIAMETER), masks(plane(), DIAMETER))

    def test_threads_share_it(self, masks: MaskNetwork, folder: Path, tmp_path: Path) -> None:
        stored = StoredMasks(folder).copy_to(tmp_path / "copy")
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: stored(plane(), DIAMETER), range(8)))
        for each in found:
            np.testing.assert_array_equal(each, masks(plane(), DIAMETER))

    def test_a_copy_has_the_same_fingerprint(self, folder: Path, tmp_path: Path) -> None:
        copy = StoredMasks(folder).copy_to(tmp_path / "copy")
        assert copy.fingerprint == StoredMasks(folder).fingerprint
        with (tmp_path / "copy" / "network.keras").open("ab") as file:
            file.write(b"x")
        assert StoredMasks(tmp_path / "copy").fingerprint != copy.fingerprint


class TestThresholds:
    KINDS = CARD.changed(thresholds={"dc": 0.2, "tcell": 0.55})

    def test_each_kind_of_cell_has_its_own(self, masks: MaskNetwork) -> None:
        low, usual, high = (
            MaskNetwork(masks.network, self.KINDS)(plane(), DIAMETER, name)
            for name in ("dc", "nuclei", "tcell")
        )
        assert low.sum() > usual.sum() > high.sum() > 0
        np.testing.assert_array_equal(usual, masks(plane(), DIAMETER, "dc"))

    def test_they_tell_networks_apart(self, masks: MaskNetwork, tmp_path: Path) -> None:
        saved = MaskNetwork(masks.network, self.KINDS).save(tmp_path / "kinds")
        other = MaskNetwork(masks.network, CARD).save(tmp_path / "plain")
        assert StoredMasks(saved).fingerprint != StoredMasks(other).fingerprint


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
        with pytest.raises(
            PlateError, match=r"train it again.*or use the network that comes with ck19ml"
        ):
            load_mask_network(tmp_path / "nowhere")

    def test_a_network_of_raised_patches_is_refused(self, folder: Path, tmp_path: Path) -> None:
        old = shutil.copytree(folder, tmp_path / "old")
        (old / "card.json").write_text('{"format": 1, "kind": "unet", "background": 255}')
        with pytest.raises(PlateError, match=r"of an earlier ck19ml.*; train it again with"):
            load_mask_network(old)


@pytest.fixture(scope="module")
def shipped() -> MaskNetwork:
    return load_mask_network(SHIPPED)


@pytest.fixture(scope="module")
def shown() -> MaskWell:
    condition = Degradation(noise=1.5, gradient=0.2)
    return simulate_well(1, 384, np.random.default_rng(987), condition)


class TestShipped:
    """The network in the package."""

    def found(self, shipped: MaskNetwork, image: NDArray[np.uint16]) -> NDArray[np.bool_]:
        return segment(np.moveaxis(image, 0, -1), MaskSettings(NETWORK), shipped).masks

    def test_it_is_the_compact_one_and_small(self, shipped: MaskNetwork) -> None:
        assert shipped.network.count_params() == 120_001
        assert (SHIPPED / WEIGHTS).stat().st_size < 700_000
        assert shipped.card.architecture == "compact"
        assert "0.5 to 3 times" in shipped.card.trained_on
        assert shipped.card.scores["iou"] > 0.7

    def test_it_finds_the_cells_of_a_well(self, shipped: MaskNetwork, shown: MaskWell) -> None:
        assert iou(self.found(shipped, shown.image), shown.truth) > 0.8

    @pytest.mark.parametrize("constant", [100, 5000, 60_000])
    def test_a_constant_changes_no_pixel(
        self, shipped: MaskNetwork, shown: MaskWell, constant: int
    ) -> None:
        moved = self.found(shipped, shown.image + np.uint16(constant))
        np.testing.assert_array_equal(moved, self.found(shipped, shown.image))

    @pytest.mark.parametrize(("gain", "least"), [(0.25, 0.96), (0.5, 0.97), (2, 0.99), (4, 0.99)])
    def test_the_gain_changes_what_rounding_does(
        self, shipped: MaskNetwork, shown: MaskWell, gain: float, least: float
    ) -> None:
        other = np.rint(shown.image * gain).astype(np.uint16)
        assert iou(self.found(shipped, other), self.found(shipped, shown.image)) > least

    @pytest.mark.parametrize("factor", [0.5, 2.0, 3.0])
    def test_cells_of_other_sizes_are_found(self, shipped: MaskNetwork, factor: float) -> None:
        parameters = clear_views().changed(diameter=factor).at_density(1 / factor**2)
        size = round(384 * factor)
        well = simulate_well(2, size, np.random.default_rng(5), Degradation(), parameters)
        kinds = [CellKinds().of(name) for name in PAIR.names]
        for plane, truth, kind in zip(well.image, well.truth, kinds, strict=True):
            found = shipped(plane, factor * kind.diameter_um / parameters.pixel_um)
            assert iou(found, truth) > 0.7

    @pytest.mark.parametrize("level", [0, 200, 4095])
    def test_an_image_of_one_value_has_no_cell(self, shipped: MaskNetwork, level: int) -> None:
        assert not shipped(np.full((96, 96), level, np.uint16), DIAMETER).any()

    @pytest.mark.parametrize(("mean", "sd"), [(200, 5), (300, 40), (20_000, 300)])
    def test_noise_has_no_cell(self, shipped: MaskNetwork, mean: float, sd: float) -> None:
        noise = np.random.default_rng(1).normal(mean, sd, (192, 192)).astype(np.uint16)
        assert shipped(noise, DIAMETER).mean() < 1e-3


def iou(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    return np.count_nonzero(found & true) / np.count_nonzero(found | true)
