from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ck19ml.config import MasksConfig
from ck19ml.core.cells import separate
from ck19ml.core.mask_methods import Segmentation
from ck19ml.core.simulation.degradation import Degradation
from ck19ml.core.simulation.mask_examples import MaskWell, simulate_well
from ck19ml.workflows import masks
from ck19ml.workflows.masks import Seconds


@pytest.fixture(scope="module")
def well() -> MaskWell:
    return simulate_well(2, 384, np.random.default_rng(3), Degradation())


def found(masks: np.ndarray) -> Segmentation:
    """Masks, (2, height, width), with their touching cells separated."""
    return Segmentation(masks, np.stack([separate(mask) for mask in masks]), masks[0].size)


@pytest.fixture(scope="module")
def truth(well: MaskWell) -> Segmentation:
    return found(np.stack([well.field.dc_mask, well.field.tcell_mask]))


class TestWellRow:
    def test_the_true_masks_have_no_error(self, well: MaskWell, truth: Segmentation) -> None:
        row = masks.well_row(truth, well)
        assert (row["iou"], row["dice"]) == (1, 1)
        assert (row["overlap_error"], row["tcell_overlap_error"]) == (0, 0)
        assert 0 < row["count_error_tcell"] < 0.5  # cells that lie on one another count as one

    def test_empty_masks_miss_everything(self, well: MaskWell, truth: Segmentation) -> None:
        row = masks.well_row(found(np.zeros_like(truth.masks)), well)
        assert (row["iou"], row["count_error_dc"], row["count_error_tcell"]) == (0, 1, 1)
        assert row["tcell_overlap_error"] > 0.3  # ConA: most T cells lie on DCs

    def test_its_keys_are_the_measures(self, well: MaskWell, truth: Segmentation) -> None:
        assert set(masks.well_row(truth, well)) == set(masks.MEASURES)


def test_every_method_masks_the_same_fields() -> None:
    config = MasksConfig(methods=["instrument", "otsu"], wells=8, size=192, conditions={"p": {}})
    wells = masks.simulate_wells(config)
    table, seconds = masks.compare(masks._methods(config, Path()), wells)
    ious = table.groupby("method")["iou"].mean()
    assert ious["instrument"] > 0.85 > ious[masks.BASELINE] > ious["otsu"]
    assert {name: took.patches for name, took in seconds.items()} == dict.fromkeys(ious.index, 8)


def test_wells_of_all_conditions_have_the_same_cells() -> None:
    conditions = {"plain": {}, "degraded": {"noise": 2, "unstained_share": 1}}
    made = masks.simulate_wells(MasksConfig(wells=2, size=192, conditions=conditions))
    for plain, degraded in zip(made["plain"], made["degraded"], strict=True):
        np.testing.assert_array_equal(plain.masks, degraded.masks)
        assert (plain.patches != degraded.patches).mean() > 0.9


def table() -> pd.DataFrame:
    ious = {"otsu": (0.2, 0.4), "threshold": (0.5, 0.6), "unet": (0.7, 0.9)}
    half = [0, 1] * 10
    rows = [
        {"condition": "plain", "method": name, "well": well} | dict.fromkeys(masks.MEASURES, value)
        for name, values in ious.items()
        for well, value in enumerate(values[index] for index in half)
    ]
    return pd.DataFrame(rows)


class TestSummary:
    def test_means_over_wells_and_speed(self) -> None:
        seconds = {name: Seconds(2.0, 3.0, 100) for name in ("otsu", "threshold", "unet")}
        means = masks.summary(table(), seconds, seed=0).set_index("method")
        assert means.loc["otsu", "iou"] == pytest.approx(0.3)
        assert means.loc["otsu", "iou_low"] == pytest.approx(0.3 - 0.048, abs=0.006)  # Student's t
        assert means.loc["unet", "patches_per_second"] == 50
        assert means.loc["unet", "cpu_seconds_per_1000"] == 30

    def test_the_network_is_compared_with_the_best_other_well_by_well(self) -> None:
        [row] = masks.network_gains(table(), seed=0).to_dict(orient="records")
        assert row["best"] == "threshold"
        assert row["gain"] == pytest.approx(0.25)
        assert (row["low"], row["high"]) == pytest.approx((0.226, 0.274), abs=0.004)

    def test_without_a_network_or_without_others_there_is_no_gain(self) -> None:
        whole = table()
        assert masks.network_gains(whole[whole["method"] != "unet"], seed=0).empty
        assert masks.network_gains(whole[whole["method"] == "unet"], seed=0).empty
