"""Uneven illumination is estimated from a plate and divided out before cutting."""

from pathlib import Path

import numpy as np
import pytest

from ck19ml.core.patches import cut
from ck19ml.errors import ConfigError
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.folder import find_plate, read_field
from ck19ml.plates.preparation.prepare import open_prepared, prepare_plates
from ck19ml.plates.preparation.runner import local
from ck19ml.plates.preparation.settings import Preparation, Source
from tests.plates.made_plates import labels, write_image, write_well

SIDE, SIZE = 192, 32
WELLS = [f"{row}{column:02d}" for row in "ABCD" for column in range(1, 13)]
CORRECTED = Preparation(patch_size=SIZE, illumination=True)
GRADIENT = 1 + 0.25 * np.linspace(-1, 1, SIDE)[None, :] - 0.15 * np.linspace(-1, 1, SIDE)[:, None]


def scene(seed: int) -> np.ndarray:
    """Blocks of cells of one brightness, all above the background level."""
    rng = np.random.default_rng(seed)
    bright = np.kron(rng.random((SIDE // 4, SIDE // 4)) < 0.05, np.ones((4, 4)))
    return 600 + 800 * bright


def write_plate(folder: Path, light: np.ndarray | float) -> Source:
    """A plate whose DC channel is lit unevenly, and whose T-cell channel evenly."""
    for number, well in enumerate(WELLS):
        dc, tcell = write_well(folder, well[0], int(well[1:]))
        write_image(dc, np.rint(scene(2 * number) * light).astype(np.uint16))
        write_image(tcell, scene(2 * number + 1).astype(np.uint16))
    return Source(find_plate(folder), labels(WELLS))


def patches(dataset: Dataset, channel: int) -> np.ndarray:
    return dataset.read(np.arange(len(dataset.table)))[..., channel].astype(float)


def scenes(offset: int) -> np.ndarray:
    return np.concatenate([cut(scene(2 * n + offset), SIZE) for n in range(len(WELLS))])


def test_a_known_gradient_becomes_flat(tmp_path: Path) -> None:
    source = write_plate(tmp_path / "p", GRADIENT)
    found = patches(prepare_plates([source], tmp_path / "d.zarr", CORRECTED), 0)
    # The light's mean is 1, so the corrected values are those of the scene.
    share = found.mean(axis=0) / scenes(0).mean(axis=0)
    assert np.abs(share - 1).max() < 0.03
    each = (found / scenes(0)).reshape(len(WELLS), -1, SIZE, SIZE).mean(axis=(0, 2, 3))
    uneven = cut(np.broadcast_to(GRADIENT, (SIDE, SIDE)), SIZE).mean(axis=(1, 2))
    assert np.ptp(each) < 0.04 < 0.5 < np.ptp(uneven)


def test_a_flat_plate_changes_by_less_than_one_percent(tmp_path: Path) -> None:
    source = write_plate(tmp_path / "p", 1.0)
    dataset = prepare_plates([source], tmp_path / "d.zarr", CORRECTED)
    for channel in (0, 1):
        change = patches(dataset, channel) / scenes(channel) - 1
        assert np.abs(change).mean() < 0.01
        assert np.abs(change.reshape(len(WELLS), -1, SIZE, SIZE).mean(axis=(0, 2, 3))).max() < 0.01


def test_it_is_off_unless_asked_for_and_then_another_dataset(tmp_path: Path) -> None:
    source = write_plate(tmp_path / "p", GRADIENT)
    plain = prepare_plates([source], tmp_path / "d.zarr", Preparation(patch_size=SIZE))
    raw = cut(read_field(source.plate.fields[0], source.plate.description), SIZE)
    np.testing.assert_array_equal(plain.read(np.arange(len(raw))), raw)
    with pytest.raises(ConfigError, match="illumination False not True"):
        open_prepared([source], plain.path, CORRECTED)
    even = prepare_plates([source], tmp_path / "even.zarr", CORRECTED)
    assert even.content_hash != plain.content_hash
    assert open_prepared([source], even.path, CORRECTED) is not None


@pytest.mark.slow
def test_it_does_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    source = write_plate(tmp_path / "p", GRADIENT)
    one = prepare_plates([source], tmp_path / "one.zarr", CORRECTED)
    two = prepare_plates([source], tmp_path / "two.zarr", CORRECTED, run=local(2))
    assert one.content_hash == two.content_hash
