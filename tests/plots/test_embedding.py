import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from ck19ml.plots import embedding, style

POINTS = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]])
NAMES = ["ConA", "OVA", "ConA", "Unstimulated"]
OVERLAP = [0.0, 0.5, 1.0, 0.25]


def legends(figure):
    axes = figure.axes[0]
    found = [artist for artist in axes.get_children() if hasattr(artist, "get_texts")]
    return {
        legend.get_title().get_text(): [text.get_text() for text in legend.get_texts()]
        for legend in found
    }


def test_colour_is_the_stimulation_and_size_the_overlap():
    points = embedding.feature_map(POINTS, NAMES, OVERLAP).axes[0].collections[0]
    colours = style.stimulation_colours(NAMES)
    drawn = zip(points.get_offsets(), points.get_facecolors(), points.get_sizes(), strict=True)
    for (x, _), colour, size in drawn:
        row = int(x // 2)
        assert to_hex(colour).upper() == colours[NAMES[row]]
        assert size == pytest.approx(6 + 394 * OVERLAP[row])


def test_the_order_is_shuffled_by_the_seed():
    points = np.arange(200.0).reshape(100, 2)
    first, second, other = (
        embedding.feature_map(points, ["OVA"] * 100, np.zeros(100), seed=seed)
        .axes[0]
        .collections[0]
        .get_offsets()
        .tolist()
        for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other
    assert sorted(first) == points.tolist()
    assert first != points.tolist()


def test_both_legends_are_there_and_inside_of_the_figure():
    figure = embedding.feature_map(POINTS, NAMES, OVERLAP)
    assert legends(figure) == {
        "stimulation": ["Unstimulated, n = 1", "OVA, n = 1", "ConA, n = 2"],
        "overlap (IoU, %)": ["0", "25", "50", "100"],
    }
    few = embedding.feature_map(POINTS, NAMES, 0.4 * np.asarray(OVERLAP))
    assert legends(few)["overlap (IoU, %)"] == ["0", "5", "20", "40"]
    FigureCanvasAgg(figure).draw()
    for artist in figure.axes[0].get_children():
        if hasattr(artist, "get_texts"):
            assert artist.get_window_extent().x1 <= figure.bbox.width


def test_rows_that_are_not_finite_are_left_out():
    points = POINTS.copy()
    points[0, 1] = np.nan
    figure = embedding.feature_map(points, NAMES, [0.1, np.nan, 0.1, 0.1])
    assert len(figure.axes[0].collections[0].get_offsets()) == 2
    assert figure.get_supxlabel() == "2 patches without a finite value left out"
    assert legends(figure)["stimulation"][1] == "OVA, n = 0"


def test_nothing_to_draw_and_shapes_that_do_not_fit():
    figure = embedding.feature_map(np.zeros((0, 2)), [], [])
    assert figure.axes[0].texts[0].get_text() == "no patches"
    with pytest.raises(ValueError, match=r"found \(4, 3\)"):
        embedding.feature_map(np.zeros((4, 3)), NAMES, OVERLAP)
    with pytest.raises(ValueError, match="one value a row"):
        embedding.feature_map(POINTS, NAMES[:2], OVERLAP)
