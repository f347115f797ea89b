from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ck19ml.core import instrument_masks
from ck19ml.core.instrument_masks import CellKinds, DendriticCells, TCells, label_cells, label_field

PIXEL_UM = 1.34
KINDS = (DendriticCells(), TCells())


def scene(
    seed: int, *, size: int = 256, diameter: float = 8.5, scale: float = 1.0, noise: float = 6.0
) -> tuple[np.ndarray, np.ndarray]:
    """Round cells on uneven light with noise: grey values as floats, and the cells' discs."""
    rng = np.random.default_rng(seed)
    side = round(size * scale)
    y, x = np.ogrid[:side, :side]
    light, truth = np.zeros((side, side)), np.zeros((side, side), bool)
    for row in range(24, size - 16, 32):
        for column in range(24, size - 16, 32):
            middle = (np.array([row, column]) + rng.uniform(-6, 6, 2)) * scale
            depth = 1 - ((y - middle[0]) ** 2 + (x - middle[1]) ** 2) / (diameter * scale / 2) ** 2
            light += rng.uniform(300, 900) * np.sqrt(np.maximum(depth, 0))
            truth |= depth > 0
    light = cv2.GaussianBlur(light, (0, 0), 0.8 * scale)
    slope = np.linspace(0, 60, side)
    return 170 + slope + light + rng.normal(0, noise, light.shape), truth


def grey(values: np.ndarray, dtype: Any = np.uint16) -> np.ndarray:
    return np.clip(np.rint(values), 0, np.iinfo(dtype).max).astype(dtype)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.count_nonzero(one & other) / np.count_nonzero(one | other))


def exact(radius: int, plane: np.ndarray) -> np.ndarray:
    """Top-hat of the full image."""
    square = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    ground = cv2.morphologyEx(plane, cv2.MORPH_OPEN, square, borderType=cv2.BORDER_REFLECT)
    return np.asarray(plane - ground)


class TestLabels:
    def test_each_round_cell_is_found_within_its_outline(self) -> None:
        values, truth = scene(0)
        labels = label_cells(grey(values), TCells(), PIXEL_UM)
        assert labels.dtype == np.int32
        assert labels.max() == 49
        assert iou(labels > 0, truth) > 0.85

    def test_numbers_have_no_gaps_and_each_cell_is_one_piece(self) -> None:
        labels = label_cells(grey(scene(1)[0]), TCells(), PIXEL_UM)
        assert np.unique(labels).tolist() == list(range(labels.max() + 1))
        for number in range(1, labels.max() + 1):
            assert cv2.connectedComponents((labels == number).view(np.uint8))[0] == 2

    def test_touching_cells_are_two(self) -> None:
        plane = np.full((120, 120), 200.0)
        y, x = np.ogrid[:120, :120]
        for column in (50, 58):
            plane[(y - 60) ** 2 + (x - column) ** 2 < 4.3**2] = 900
        labels = label_cells(grey(plane), TCells(), PIXEL_UM)
        assert labels.max() == 2
        assert labels[60, 50] != labels[60, 58]

    def test_a_dim_cell_beside_a_bright_one_keeps_its_own_rim(self) -> None:
        y, x = np.ogrid[:120, :120]
        plane = np.full((120, 120), 200.0)
        dim = (y - 60) ** 2 + (x - 58) ** 2 < 4.3**2
        plane[dim] = 400
        plane[(y - 60) ** 2 + (x - 49) ** 2 < 4.3**2] = 3000
        labels = label_cells(grey(plane), TCells(), PIXEL_UM)
        assert iou(labels == labels[60, 59], dim) > 0.75

    def test_both_channels_by_their_own_kind(self) -> None:
        image = np.stack([grey(scene(2)[0]), grey(scene(3)[0])], axis=-1)
        labels = label_field(image, CellKinds(), PIXEL_UM)
        for channel, kind in enumerate(KINDS):
            alone = label_cells(image[..., channel], kind, PIXEL_UM)
            np.testing.assert_array_equal(labels[channel], alone)


class TestInvariance:
    @pytest.mark.parametrize("kind", KINDS)
    @given(seed=st.integers(0, 50), constant=st.integers(0, 40_000))
    @settings(max_examples=15, deadline=None)
    def test_a_constant_changes_nothing(
        self, kind: instrument_masks.CellKind, seed: int, constant: int
    ) -> None:
        plane = grey(scene(seed, size=128)[0])
        np.testing.assert_array_equal(
            label_cells(plane + np.uint16(constant), kind, PIXEL_UM),
            label_cells(plane, kind, PIXEL_UM),
        )

    @pytest.mark.parametrize("kind", KINDS)
    @given(seed=st.integers(0, 50), factor=st.floats(0.25, 12))
    @settings(max_examples=15, deadline=None)
    def test_a_factor_changes_what_rounding_changes(
        self, kind: instrument_masks.CellKind, seed: int, factor: float
    ) -> None:
        values = scene(seed, size=128)[0]
        one = label_cells(grey(values), kind, PIXEL_UM) > 0
        other = label_cells(grey(values * factor), kind, PIXEL_UM) > 0
        assert iou(one, other) > 0.97

    def test_eight_twelve_and_sixteen_bits_show_the_same_cells(self) -> None:
        values = scene(4)[0]
        twelve = label_cells(grey(values), TCells(), PIXEL_UM) > 0
        assert iou(twelve, label_cells(grey(values / 8, np.uint8), TCells(), PIXEL_UM) > 0) > 0.95
        sixteen = grey(values * 16 + 5000)
        assert iou(twelve, label_cells(sixteen, TCells(), PIXEL_UM) > 0) > 0.99

    def test_cells_of_another_size_are_found_by_their_diameter(self) -> None:
        values, truth = scene(5, scale=2.5)
        labels = label_cells(grey(values), TCells(diameter_um=2.5 * 11.3), PIXEL_UM)
        assert labels.max() == 49
        assert iou(labels > 0, truth) > 0.85

    def test_pixels_of_another_size_show_the_same_cells(self) -> None:
        values, truth = scene(6, scale=2.0)
        labels = label_cells(grey(values), TCells(), PIXEL_UM / 2)
        assert labels.max() == 49
        assert iou(labels > 0, truth) > 0.85


class TestNoCells:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("value", [0, 170, 65535])
    def test_a_constant_image(self, kind: instrument_masks.CellKind, value: int) -> None:
        assert not label_cells(np.full((64, 64), value, np.uint16), kind, PIXEL_UM).any()

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(("mean", "sd"), [(170, 7), (5047, 90), (40_000, 800), (1, 0.5)])
    def test_noise_at_any_level(
        self, kind: instrument_masks.CellKind, mean: float, sd: float
    ) -> None:
        noise = np.random.default_rng(0).normal(mean, sd, (768, 768))
        assert not label_cells(grey(noise), kind, PIXEL_UM).any()

    @pytest.mark.parametrize("kind", KINDS)
    def test_hot_pixels(self, kind: instrument_masks.CellKind) -> None:
        noise = np.random.default_rng(0).normal(170, 7, (256, 256))
        noise[40, 50] = noise[100, 200] = 4095
        assert not label_cells(grey(noise), kind, PIXEL_UM).any()

    @pytest.mark.parametrize("kind", KINDS)
    def test_light_that_is_everywhere(self, kind: instrument_masks.CellKind) -> None:
        y, x = np.mgrid[:256, :256]
        haze = 300 + 500 * np.exp(-((y - 128) ** 2 + (x - 128) ** 2) / 80**2)
        haze += np.random.default_rng(0).normal(0, 12, haze.shape)
        assert not label_cells(grey(haze), kind, PIXEL_UM).any()

    def test_a_few_steps_of_a_dark_eight_bit_image(self) -> None:
        dark = (np.random.default_rng(0).random((256, 256)) < 0.02).astype(np.uint8)
        assert not label_cells(dark, TCells(), PIXEL_UM).any()


class TestTopHat:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("scale", [1.0, 3.0])
    def test_a_reduced_opening_gives_the_same_masks(
        self, kind: instrument_masks.CellKind, scale: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plane = grey(scene(7, size=512, scale=scale)[0])
        reduced = label_cells(plane, kind, PIXEL_UM / scale)
        monkeypatch.setattr(instrument_masks, "COARSEST_PX", 1000)
        full = label_cells(plane, kind, PIXEL_UM / scale)
        assert iou(reduced > 0, full > 0) > 0.99

    def test_a_small_radius_is_exact(self) -> None:
        plane = grey(scene(8)[0])
        np.testing.assert_array_equal(instrument_masks._top_hat(plane, 4.0), exact(4, plane))


class TestKinds:
    def test_t_cells_have_the_instruments_sieve(self) -> None:
        assert TCells().min_area_um2 == pytest.approx(40, abs=0.5)

    def test_lengths_follow_from_the_diameter(self) -> None:
        assert TCells(diameter_um=20).radius_um == 25
        assert TCells(diameter_um=20).min_area_um2 == pytest.approx(
            4 * TCells(diameter_um=10).min_area_um2
        )

    def test_a_channel_keeps_what_is_not_said_of_it(self) -> None:
        kinds = TypeAdapter(CellKinds).validate_python({"tcell": {"diameter_um": 8}})
        assert kinds == CellKinds(tcell=TCells(diameter_um=8.0))

    @pytest.mark.parametrize(
        "content",
        [
            {"tcell": {"diameter_um": 0}},
            {"tcell": {"diameter_um": float("nan")}},
            {"tcell": {"rim": 1}},
            {"tcell": {"radius": 5}},
            {"bcell": {"radius": 5}},
        ],
    )
    def test_what_cannot_be_is_refused(self, content: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            TypeAdapter(CellKinds).validate_python(content)
