import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.core.measurements.table import PAIR, measure, names

DUAL = ("dc", "tcell")


def cells(size: int = 48, channels: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    images = rng.integers(200, 300, (2, size, size, channels)).astype(np.uint16)
    masks = np.zeros(images.shape, bool)
    masks[:, 10:20, 8:18] = True
    images[masks] += 1000
    return images, masks


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4), st.integers(0, 99))
def test_any_size_and_number_of_channels(height: int, width: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 4096, (1, height, width, count)).astype(np.uint16)
    masks = rng.random(images.shape) < rng.random()
    channels = [f"channel_{index}" for index in range(count)]
    found, columns = measure(images, masks, channels, 4095), names(channels)
    assert found.shape == (1, len(columns))
    assert len(set(columns)) == len(columns)
    assert not np.isinf(found).any()
    assert found[0, columns.index("pixels")] == height * width


def test_names_stand_for_what_was_measured() -> None:
    images, masks = cells()
    masks[..., 0] = np.roll(masks[..., 0], 5, axis=1)  # half of the one lies on the other
    row = dict(zip(names(DUAL), measure(images, masks, DUAL, 4095)[0], strict=True))
    assert row["tcell_objects"] == 1
    assert row["dc_area_px"] == 100
    assert row["tcell_inside_intensity_mean"] == pytest.approx(images[0, 10:20, 8:18, 1].mean())
    assert row["tcell_background_intensity_max"] < 300
    assert row["dc_all_intensity_mean"] == pytest.approx(images[0, ..., 0].mean())
    assert row["tcell_inside_glcm_contrast"] < row["tcell_all_glcm_contrast"]
    assert sum(row[f"dc_all_lbp1_pattern_{index}"] for index in range(10)) == pytest.approx(1)
    assert row["tcell_overlap"] == row["dc_overlap"] == pytest.approx(0.5)
    assert row["overlap"] == pytest.approx(1 / 3)


def test_an_image_is_measured_alone() -> None:
    images, masks = cells()
    whole = measure(images, masks, DUAL, 4095)
    for index in (0, 1):
        own = slice(index, index + 1)
        assert np.array_equal(measure(images[own], masks[own], DUAL, 4095)[0], whole[index])


def test_measures_of_two_cell_types_need_both() -> None:
    images, masks = cells(channels=1)
    single = names(["tcell"])
    assert not set(PAIR) & set(single)
    assert measure(images, masks, ["tcell"], 4095).shape == (2, len(single))
    assert names(["dc", "tcell", "nuclei"])[-3:] == list(PAIR)


def test_an_empty_mask_leaves_out_what_lies_inside() -> None:
    images, masks = cells()
    row = measure(images, np.zeros_like(masks), DUAL, 4095)[0]
    missing = {name for name, value in zip(names(DUAL), row, strict=True) if np.isnan(value)}
    assert {"dc_inside_intensity_mean", "tcell_largest_area_px"} <= missing
    assert all("_inside_" in name or "_largest_" in name or "mean_px" in name for name in missing)
