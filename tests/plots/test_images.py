import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb as rgb_of

from ck19ml.plots import images, style


@pytest.fixture
def patches():
    return np.random.default_rng(3).random((3, 8, 6, 2), dtype=np.float32)


def test_dc_is_red_and_the_t_cell_green():
    patches = np.zeros((1, 1, 2, 2))
    patches[0, 0, 0] = [0.75, 0.0]
    patches[0, 0, 1] = [-0.5, 2.0]
    shown = images.to_rgb(patches)
    assert shown.dtype == np.float32
    assert shown[0, 0].tolist() == [[0.75, 0, 0], [0, 1, 0]]


def test_patches_of_another_shape_or_not_finite_are_refused(patches):
    with pytest.raises(ValueError, match=r"found \(8, 6, 2\)"):
        images.to_rgb(patches[0])
    patches[1, 2, 3, 0] = np.nan
    with pytest.raises(ValueError, match="expected finite"):
        images.to_rgb(patches)


def test_reconstructions_stand_under_their_patches(patches):
    figure = images.reconstructions(patches, patches * 0.5, ["a", "b", "c"])
    grid = np.array(figure.axes[:9]).reshape(3, 3)
    assert [axes.get_title() for axes in grid[0]] == ["a", "b", "c"]
    assert [axes.get_ylabel() for axes in grid[:, 0]] == [
        "input",
        "recon-\nstruction",
        "difference",
    ]
    for column in range(3):
        shown = grid[0, column].images[0].get_array()
        assert np.array_equal(shown, images.to_rgb(patches)[column])
        difference = grid[2, column].images[0].get_array()
        assert np.allclose(difference, 0.5 * patches[column].mean(axis=-1))


def test_differences_share_one_scale(patches):
    figure = images.reconstructions(patches, patches * [[[[0.5]]], [[[1]]], [[[1]]]], ["", "", ""])
    scales = {axes.images[0].get_clim() for axes in figure.axes[6:9]}
    assert len(scales) == 1
    assert figure.axes[9].get_ylabel() == "mean absolute\ndifference"


def test_a_perfect_reconstruction_is_drawn(patches):
    figure = images.reconstructions(patches[:1], patches[:1], ["only"])
    assert style.to_bytes(figure)


def test_the_scale_bar_is_50_um_long(patches):
    figure = images.reconstructions(patches, patches, ["a", "b", "c"], pixel_size_um=25.0)
    (bar,) = figure.axes[0].patches
    assert bar.get_width() == 2.0
    assert figure.axes[0].texts[0].get_text() == "50 µm"
    assert not images.reconstructions(patches, patches, ["a", "b", "c"]).axes[0].patches


def test_mask_gallery_colours_the_overlap():
    masks = np.zeros((1, 1, 4, 2), bool)
    masks[0, 0, 1, 0] = True
    masks[0, 0, 2, 1] = True
    masks[0, 0, 3] = True
    figure = images.mask_gallery(np.zeros((1, 1, 4, 2)), masks, ["A03"])
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert shown[1][0].tolist() == [0, 1, 0, 1]
    assert shown[2][0].tolist() == [0, 0, 1, 1]
    expected = [rgb_of(c) for c in ("black", style.VERMILLION, style.GREEN, style.YELLOW)]
    assert np.allclose(shown[3][0], expected)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["DC", "T cell", "masks: DC only", "masks: T cell only", "masks: both"]


def test_the_legend_of_a_narrow_gallery_fits_the_figure():
    figure = images.mask_gallery(np.zeros((1, 4, 4, 2)), np.zeros((1, 4, 4, 2), bool), ["A03"])
    FigureCanvasAgg(figure).draw()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width


def test_inputs_must_fit(patches):
    with pytest.raises(ValueError, match="arrays of one shape"):
        images.mask_gallery(patches, np.zeros((3, 8, 7, 2), bool), ["a", "b", "c"])
    with pytest.raises(ValueError, match="found 2 for 3"):
        images.mask_gallery(patches, patches > 0.5, ["a", "b"])
    with pytest.raises(ValueError, match="found 0 for 0"):
        images.reconstructions(patches[:0], patches[:0], [])


def test_cells_in_contact_are_counted_in_the_legend() -> None:
    masks = np.zeros((20, 20, 2), bool)
    masks[2:8, 2:8, 0] = masks[6:12, 6:12, 1] = True
    cells = pd.DataFrame(
        {
            "channel": ["dc", "tcell", "tcell"],
            "partners": [1, 1, 0],
            "y": [5, 9, 15],
            "x": [5, 9, 15],
        }
    )
    figure = images.cells_in_contact(
        masks.astype(float), masks, cells, title="CK19 A03", pixel_size_um=1.34
    )
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "DC, in contact: 1", "DC, alone: 0", "T cell, in contact: 1", "T cell, alone: 1",
    ]  # fmt: skip


def test_occlusions_stand_in_a_row_a_well_on_the_scale_of_the_whole_well() -> None:
    pictures = {"P B01": np.full((3, 8, 8, 2), 100, np.uint16)}
    pictures["P B01"][0, :2, :2] = 900
    pictures["P A01"] = pictures["P B01"] * 2
    table = pd.DataFrame(
        {
            "plate": "P", "well": ["B01", "B01", "A01", "A01"], "answer": ["x", "x", "y", "y"],
            "log_odds": [2.0, 2.0, 0.5, 0.5], "removed": ["all DCs", "all T cells"] * 2,
            "cells": [3, 4, 5, 6], "change": [-1.5, 0.25, 0.0, -3.0],
        }
    )  # fmt: skip
    figure = images.occlusions(table, pictures, pixel_size_um=1.34)
    grid = np.array(figure.axes).reshape(2, 3)
    assert [axes.get_title() for axes in grid[0]] == [
        "as it is", "without\nall DCs", "without\nall T cells",
    ]  # fmt: skip
    assert [[axes.get_xlabel() for axes in line] for line in grid] == [
        ["x\nlog-odds 2.00", "-1.50\n(3 cells)", "+0.25\n(4 cells)"],
        ["y\nlog-odds 0.50", "+0.00\n(5 cells)", "-3.00\n(6 cells)"],
    ]
    assert [axes.get_ylabel() for axes in grid[:, 0]] == ["P\nB01", "P\nA01"]
    for line in grid:
        whole, without, _ = (axes.images[0].get_array() for axes in line)
        assert whole.max() == 1
        assert without.max() == 0
