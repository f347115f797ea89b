import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from ck19ml.core.mask_methods import Segmentation
from ck19ml.core.overlap import DC, TCELL
from ck19ml.core.quality import (
    Thresholds,
    background_level,
    cells,
    darkness,
    flags,
    focus,
    implausible,
    measure,
    measures,
    misplaced_level,
    saturated_share,
)
from ck19ml.core.simulation.rendering import brightfield


class TestFocus:
    def test_by_hand(self) -> None:
        # Laplacian of the two inner pixels: -32 and 8, variance 400; mean of all twelve 8 / 12.
        plane = np.array([[0, 0, 0, 0], [0, 8, 0, 0], [0, 0, 0, 0]], np.uint16)
        assert focus(plane) == pytest.approx(600)

    @pytest.mark.parametrize(
        "plane",
        [np.full((9, 9), 7, np.uint16), np.zeros((9, 9), np.uint8), np.arange(4).reshape(2, 2)],
    )
    def test_where_there_is_nothing_to_see_it_is_zero(self, plane: np.ndarray) -> None:
        assert focus(plane) == 0

    def test_a_slope_is_no_structure(self) -> None:
        assert focus(np.add.outer(3 * np.arange(9), 5 * np.arange(8))) == 0

    def test_large_values_do_not_wrap_around(self) -> None:
        plane = np.zeros((3, 4), np.uint16)
        plane[1, 1] = 65535
        assert focus(plane) == pytest.approx(((5 * 65535) / 2) ** 2 / (65535 / 12))

    def test_blur_lowers_it_and_more_blur_more(self) -> None:
        rng = np.random.default_rng(0)
        sharp = 4000 * (rng.random((256, 256)) < 0.01)
        planes = [ndimage.gaussian_filter(sharp.astype(float), s) for s in (1, 2, 4)]
        found = [focus(plane.round().astype(np.uint16)) for plane in planes]
        assert found[0] > 4 * found[1] > 16 * found[2] > 0

    def test_some_rows_stand_for_all(self) -> None:
        plane = np.random.default_rng(0).integers(0, 4096, (512, 512)).astype(np.uint16)
        assert focus(plane, step=4) == pytest.approx(focus(plane), rel=0.02)

    @given(st.integers(3, 12), st.integers(1, 5))
    def test_any_height_goes_with_any_step(self, height: int, step: int) -> None:
        plane = np.random.default_rng(height).integers(0, 99, (height, 7))
        assert np.isfinite(focus(plane, step))


def test_saturated_share_by_hand() -> None:
    assert saturated_share(np.array([[4095, 4094], [0, 4095]]), 4095) == 0.5
    assert saturated_share(np.zeros((2, 2)), 255) == 0


def test_a_plateau_below_the_camera_s_maximum_is_saturated() -> None:
    rng = np.random.default_rng(0)
    plane = rng.integers(0, 3000, (64, 64)).astype(np.uint16)
    plane[:8, :8] = 4095
    assert saturated_share(plane << 4, 65535) == 64 / 64**2  # 12 bits shifted by four
    peak = rng.normal(60_000, 500, (64, 64)).astype(np.uint16)
    assert saturated_share(peak, 65535) == 0


def test_background_is_the_tenth_percentile() -> None:
    assert background_level(np.arange(101).reshape(1, 101)) == 10
    plane = np.full((8, 8), 9)
    plane[::4, ::4] = 5
    assert background_level(plane) == 5 + 4 * (background_level(plane) > 5)
    assert background_level(plane, step=4) == 5


class TestCells:
    def test_by_hand(self) -> None:
        labels = np.array([[1, 1, 0, 0, 2], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0], [3, 3, 3, 3, 0]])
        assert cells(labels) == (3, pytest.approx(8 / 3))

    def test_without_a_cell_the_area_is_not_a_number(self) -> None:
        count, area = cells(np.zeros((3, 3), np.int32))
        assert count == 0
        assert np.isnan(area)


def test_a_field_is_measured_channel_by_channel() -> None:
    field = np.full((20, 20, 2), 100, np.uint16)
    field[:, :5, TCELL] = 4095
    labels = np.zeros((2, 20, 20), np.int32)
    labels[DC, 2:12, 2:12] = 1  # 100 pixels of 4 um2
    masks = labels > 0
    masks[TCELL, 0:3, 0:3] = True  # 9 pixels, too small for a cell
    segmentation = Segmentation(masks, labels, pixels=400)
    found = measure(field, segmentation, maximum=4095, faulty_share=0.25, pixel_size_um=2.0)
    assert list(found) == measures()
    assert (found["cells_dc"], found["cell_area_um2_dc"]) == (1, 400)
    assert found["cells_tcell"] == 0
    assert (found["covered_dc"], found["covered_tcell"]) == (0.25, 9 / 400)
    assert found["cell_overlap_um2"] == 4
    assert (found["saturated_dc"], found["saturated_tcell"]) == (0, 0.25)
    assert (found["background_dc"], found["background_tcell"]) == (100, 100)
    assert (found["focus_dc"], found["faulty_share"]) == (0, 0.25)
    assert found["focus_tcell"] > 0


class TestFlags:
    GOOD = dict.fromkeys(measures(), 0.0) | {
        "focus_dc": 10.0, "focus_tcell": 10.0, "cells_dc": 100.0, "cells_tcell": 100.0,
    }  # fmt: skip

    def flagged(self, thresholds: Thresholds | None = None, **changes: float) -> str:
        fields = pd.DataFrame([self.GOOD] * 3 + [self.GOOD | changes], index=[4, 5, 6, 9])
        found = flags(fields, thresholds or Thresholds(), maximum=1000)
        assert found[:3] == ["", "", ""]
        return found[3]

    @pytest.mark.parametrize(
        ("changes", "reasons"),
        [
            ({}, ""),
            ({"saturated_dc": 0.011}, "saturated_dc"),
            ({"saturated_dc": 0.01}, ""),
            ({"background_tcell": 251}, "background_tcell"),
            ({"background_tcell": 250}, ""),
            ({"faulty_share": 0.6}, "faulty"),
            ({"focus_dc": 2.9}, "focus_dc"),
            ({"focus_dc": 3}, ""),
            ({"cells_tcell": 19}, "cells_tcell"),
            ({"faulty_share": 1, "cells_dc": 0}, "faulty; cells_dc"),
            ({"cells_dc": 401}, "many_dc"),
            ({"covered_tcell": 0.6}, "covered_tcell"),
            ({"darkness_dc": 9}, "brightfield_dc"),
            ({"covered_dc": 0.1, "covered_tcell": 0.1}, "identical"),
        ],
    )
    def test_what_is_beyond_a_threshold_is_named(
        self, changes: dict[str, float], reasons: str
    ) -> None:
        assert self.flagged(**changes) == reasons

    def test_zero_switches_a_relative_threshold_off(self) -> None:
        assert self.flagged(Thresholds(focus=0, cells=0), focus_dc=0, cells_dc=0) == ""


class TestPlausibility:
    def table(self, flagged: list[str], **columns: float) -> pd.DataFrame:
        known = dict.fromkeys(measures(), 0.0) | columns
        rows = [{"plate": "P", "well": f"A0{i}", "flagged": f} for i, f in enumerate(flagged)]
        return pd.DataFrame([row | known for row in rows])

    def test_one_line_a_reason_and_channel(self) -> None:
        lines = implausible(self.table(["", "covered_dc; focus_dc", "covered_dc", "identical"]))
        assert len(lines) == 2
        assert lines[0].startswith("P, DC channel: 2 of 4 fields (A01, A02): the mask covers more")
        assert lines[1].startswith("P: 1 of 4 fields (A03): both channels have the same mask")

    def test_brightfield_is_darker_than_its_ground_and_fluorescence_is_not(self) -> None:
        rng = np.random.default_rng(0)
        mask = rng.random((256, 256)) < 0.02
        assert darkness(brightfield(mask, rng)) > 8
        stained = rng.normal(170, 8, (256, 256)) + 500 * mask
        assert darkness(stained.astype(np.uint16)) < 5

    def test_a_level_below_the_background_or_above_all_cells_is_named(self) -> None:
        high = self.table([""], background_dc=5047, noise_dc=30.2, cells_dc=9)
        assert misplaced_level(high, (4095, 255)) == [
            "P, DC channel: the background, about 5047, lies above the level 4095 that grey values "
            "are raised to; set 'background: 5349' in plate.yaml"
        ]
        dim = self.table([""], background_tcell=170, noise_tcell=8, cells_tcell=9, faulty_share=1)
        [line] = misplaced_level(dim, (255, 4095))
        assert line.startswith("P, T-cell channel: the cells, on a background of about 170, lie")
        assert "background: 250" in line
        assert misplaced_level(self.table([""], background_dc=170, cells_dc=9), (255, 255)) == []
