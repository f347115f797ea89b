import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ck19ml.errors import PlateError
from ck19ml.plots import heatmaps, style
from tests.plots.legends import legend_texts


def heatmap(wells, values, *, plate_format=(16, 24), control=None, **look):
    """A figure of one measure."""
    measure = heatmaps.Measure(values, look.pop("label", "x"), **look)
    return heatmaps.plate_heatmaps(wells, [measure], plate_format=plate_format, control=control)


def test_values_lie_where_their_wells_do():
    figure = heatmap(["A01", "P24", "B3"], [1.0, 2.0, 3.0], label="T cells counted")
    axes = figure.axes[0]
    (image,) = axes.images
    table = image.get_array()
    assert table.shape == (16, 24)
    assert (table[0, 0], table[15, 23], table[1, 2]) == (1.0, 2.0, 3.0)
    assert table.count() == 3
    # Row 0 is above: its middle is at y = 0, and the axis is inverted.
    assert image.get_extent() == [-0.5, 23.5, 15.5, -0.5]
    assert image.origin == "upper"
    assert axes.get_title(loc="left") == "T cells counted"


def test_wells_without_a_value_let_the_hatch_be_seen():
    image = heatmap(["A01"], [1.0], plate_format=(1, 2))
    axes = image.axes[0]
    assert axes.patch.get_hatch()
    FigureCanvasAgg(image).draw()
    shown = axes.images[0].to_rgba(axes.images[0].get_array())
    assert shown[0, :, 3].tolist() == [1, 0]


def test_a_measure_has_one_image_and_one_panel_each():
    measures = [heatmaps.Measure([float(index), 2.0], f"m{index}") for index in range(5)]
    figure = heatmaps.plate_heatmaps(["A01", "B02"], measures, columns=3)
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title(loc="left") for axes in panels] == ["m0", "m1", "m2", "m3", "m4"]
    assert [len(axes.images) for axes in panels] == [1] * 5
    boxes = [axes.get_position() for axes in panels]
    assert boxes[0].y0 == boxes[2].y0 > boxes[3].y1
    assert boxes[0].x1 < boxes[1].x0
    for axes in panels:
        assert len(axes.patches) == 0


def test_rows_are_letters_and_columns_numbers():
    axes = heatmap(["A01"], [1.0], plate_format=(8, 12)).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list("ABCDEFGH")
    assert [label.get_text() for label in axes.get_xticklabels()][::11] == ["1", "12"]
    assert axes.yaxis_inverted()


def test_labels_are_thinned_where_wells_are_small():
    measures = [heatmaps.Measure([1.0], "x")] * 3
    axes = heatmaps.plate_heatmaps(["A01"], measures, columns=3).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()][:3] == ["1", "4", "7"]


def test_wells_without_a_value_differ_from_wells_without_an_image():
    figure = heatmap(["A01", "A02", "A03"], [1.0, np.nan, np.inf], plate_format=(2, 3))
    grey, _ = figure.axes[0].images
    assert grey.get_array().mask.tolist() == [[True, False, False], [True, True, True]]
    assert legend_texts(figure) == ["not measured", "no value"]


def test_controls_are_marked_by_kind():
    figure = heatmap(
        ["A01", "A02", "B01", "B02"],
        [1, 2, 3, 4],
        plate_format=(2, 2),
        control=["vehicle", None, "untreated", float("nan")],
    )
    untreated, vehicle = figure.axes[0].lines
    assert (untreated.get_marker(), vehicle.get_marker()) == ("s", "o")
    assert (vehicle.get_xdata().tolist(), vehicle.get_ydata().tolist()) == ([0], [0])
    assert (untreated.get_xdata().tolist(), untreated.get_ydata().tolist()) == ([0], [1])
    assert legend_texts(figure) == ["not measured", "control: untreated", "control: vehicle"]


def bar(figure):
    """The axes of the first colour bar."""
    return figure.axes[0].child_axes[0]


def test_fractions_are_shown_as_percent_when_asked():
    shown = bar(heatmap(["A01"], [0.2], percent=True))
    assert shown.yaxis.get_major_formatter()(0.2) == "20"


def test_equal_values_have_one_mark_at_the_bar():
    assert bar(heatmap(["A01", "A02"], [0.0, 0.0])).get_yticks().tolist() == [0.0]


def test_differences_are_centred_on_zero():
    figure = heatmap(["A01", "A02", "A03"], [-1.0, 2.0, np.nan], diverging=True)
    low, high = figure.axes[0].images[-1].get_clim()
    assert low == -high
    assert 1.9 < high <= 2
    assert heatmap(["A01"], [0.0], diverging=True).axes[0].images[0].get_clim() == (-1, 1)


def test_a_plate_without_wells_or_values_is_drawn():
    style.to_bytes(heatmap([], [], plate_format=(2, 2)))
    style.to_bytes(heatmap(["A01"], [np.nan], plate_format=(2, 2)))


@pytest.mark.parametrize("well", ["Q01", "A25", "A0", "a1", "3", ""])
def test_wells_that_are_not_on_the_plate_are_refused(well):
    with pytest.raises(PlateError, match="is not among A01 to P24") as caught:
        heatmap([well], [1.0])
    assert "\n" not in str(caught.value)


def test_a_well_is_named_once():
    with pytest.raises(PlateError, match="A01, A1: more than one row"):
        heatmap(["A01", "B01", "A1"], [1, 2, 3])


def test_arrays_must_fit():
    with pytest.raises(ValueError, match="one value a row"):
        heatmap(["A01"], [1, 2])
    with pytest.raises(ValueError, match="control"):
        heatmap(["A01", "A02"], [1, 2], control=["vehicle"])
