import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.core.measurements.panel import Panel
from ck19ml.core.measurements.table import OF_PAIR, measure, names, seen


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
    panel = Panel.of([f"channel_{index}" for index in range(count)], ["channel_0"])
    found, columns = measure(images, masks, 4095, panel), names(panel)
    assert found.shape == (1, len(columns))
    assert len(set(columns)) == len(columns)
    assert not np.isinf(found).any()
    assert found[0, columns.index("pixels")] == height * width


def test_names_stand_for_what_was_measured() -> None:
    images, masks = cells()
    masks[..., 0] = np.roll(masks[..., 0], 5, axis=1)  # half of the one lies on the other
    row = dict(zip(names(), measure(images, masks, 4095)[0], strict=True))
    assert row["tcell_objects"] == 1
    assert row["dc_area_px"] == 100
    assert row["tcell_inside_intensity_mean"] == pytest.approx(images[0, 10:20, 8:18, 1].mean())
    assert row["tcell_background_intensity_max"] < 300
    assert row["dc_all_intensity_mean"] == pytest.approx(images[0, ..., 0].mean())
    assert row["tcell_inside_glcm_contrast"] < row["tcell_all_glcm_contrast"]
    assert sum(row[f"dc_all_lbp1_pattern_{index}"] for index in range(10)) == pytest.approx(1)
    assert row["tcell_overlap"] == row["dc_overlap"] == pytest.approx(0.5)
    assert row["overlap"] == pytest.approx(1 / 3)


def test_measures_of_cells_do_not_change_with_what_lies_between_them() -> None:
    images, masks = cells()
    noisier = np.where(masks, images, images + np.uint16(40))
    first, second = (measure(each, masks, 4095) for each in (images, noisier))
    own = [names()[column] for column in seen("cells")]
    kept = [name for name in own if "granularity" not in name]  # it looks around each pixel
    places = [names().index(name) for name in kept]
    np.testing.assert_allclose(first[:, places], second[:, places])
    assert {"dc_area_px", "overlap"} <= set(kept)
    assert len(own) < len(names()) == seen("measurements").size


def test_an_image_is_measured_alone() -> None:
    images, masks = cells()
    whole = measure(images, masks, 4095)
    for index in (0, 1):
        own = slice(index, index + 1)
        assert np.array_equal(measure(images[own], masks[own], 4095)[0], whole[index])


def test_measures_of_two_cell_types_need_both() -> None:
    images, masks = cells(channels=1)
    single = Panel.of(["tcell"])
    assert not set(OF_PAIR) & set(names(single))
    assert measure(images, masks, 4095, single).shape == (2, len(names(single)))
    assert names(Panel.of(["dc", "tcell", "nuclei"]))[-3:] == list(OF_PAIR)


def test_a_channel_without_a_stain_has_no_shapes() -> None:
    images, masks = cells()
    panel = Panel.of(["nuclei", "brightfield"], ["nuclei"])
    row = dict(zip(names(panel), measure(images, masks, 4095, panel)[0], strict=True))
    assert "nuclei_area_px" in row
    assert not [name for name in row if name.startswith("brightfield_largest")]
    inside = images[0, 10:20, 8:18, 1].mean()
    assert row["brightfield_inside_intensity_mean"] == pytest.approx(inside)


def test_an_empty_mask_leaves_out_what_lies_inside() -> None:
    images, masks = cells()
    row = measure(images, np.zeros_like(masks), 4095)[0]
    missing = {name for name, value in zip(names(), row, strict=True) if np.isnan(value)}
    assert {"dc_inside_intensity_mean", "tcell_largest_area_px"} <= missing
    assert all("_inside_" in name or "_largest_" in name or "mean_px" in name for name in missing)
