import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from ck19ml.errors import PlateError
from ck19ml.plots import plate, style
from tests.plots.legends import legend_texts


def hatched(axes):
    return [patch for patch in axes.patches if patch.get_hatch()]


def test_values_lie_where_their_wells_do():
    figure = plate.plate_heatmap(["A01", "P24", "B3"], [1.0, 2.0, 3.0], label="T cells counted")
    table = figure.axes[0].images[0].get_array()
    assert table.shape == (16, 24)
    assert (table[0, 0], table[15, 23], table[1, 2]) == (1.0, 2.0, 3.0)
    assert table.count() == 3
    assert len(hatched(figure.axes[0])) == 384 - 3
    assert figure.axes[1].get_ylabel() == "T cells counted"


def test_rows_are_letters_and_columns_numbers():
    axes = plate.plate_heatmap(["A01"], [1.0], label="x").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list("ABCDEFGHIJKLMNOP")
    assert [label.get_text() for label in axes.get_xticklabels()][::23] == ["1", "24"]
    assert axes.yaxis_inverted()


def test_wells_without_a_value_differ_from_wells_without_an_image():
    figure = plate.plate_heatmap(
        ["A01", "A02", "A03"], [1.0, np.nan, np.inf], label="x", plate_format=(2, 3)
    )
    grey = [patch for patch in figure.axes[0].patches if not patch.get_hatch()]
    assert [(patch.get_x(), patch.get_y()) for patch in grey] == [(0.5, -0.5), (1.5, -0.5)]
    assert len(hatched(figure.axes[0])) == 3
    assert legend_texts(figure) == ["not measured", "no value"]


def test_controls_are_marked_by_kind():
    figure = plate.plate_heatmap(
        ["A01", "A02", "B01", "B02"],
        [1, 2, 3, 4],
        label="x",
        plate_format=(2, 2),
        control=["vehicle", None, "untreated", float("nan")],
    )
    untreated, vehicle = figure.axes[0].lines
    assert (untreated.get_marker(), vehicle.get_marker()) == ("s", "o")
    assert (vehicle.get_xdata().tolist(), vehicle.get_ydata().tolist()) == ([0], [0])
    assert (untreated.get_xdata().tolist(), untreated.get_ydata().tolist()) == ([0], [1])
    assert legend_texts(figure) == ["not measured", "control: untreated", "control: vehicle"]


def test_fractions_are_shown_as_percent_when_asked():
    bar = plate.plate_heatmap(["A01"], [0.2], label="x (%)", percent=True).axes[1]
    assert bar.yaxis.get_major_formatter()(0.2) == "20"


def test_a_plate_without_wells_or_values_is_drawn():
    style.to_bytes(plate.plate_heatmap([], [], label="x", plate_format=(2, 2)))
    style.to_bytes(plate.plate_heatmap(["A01"], [np.nan], label="x", plate_format=(2, 2)))


@pytest.mark.parametrize("well", ["Q01", "A25", "A0", "a1", "3", ""])
def test_wells_that_are_not_on_the_plate_are_refused(well):
    with pytest.raises(PlateError, match="is not among A01 to P24") as caught:
        plate.plate_heatmap([well], [1.0], label="x")
    assert "\n" not in str(caught.value)


def test_a_well_is_named_once():
    with pytest.raises(PlateError, match="A01, A1: more than one row"):
        plate.plate_heatmap(["A01", "B01", "A1"], [1, 2, 3], label="x")


def test_arrays_must_fit():
    with pytest.raises(ValueError, match="one value a row"):
        plate.plate_heatmap(["A01"], [1, 2], label="x")
    with pytest.raises(ValueError, match="control"):
        plate.plate_heatmap(["A01", "A02"], [1, 2], label="x", control=["vehicle"])


@given(st.integers(0, 31), st.integers(0, 47))
def test_every_well_of_1536_is_found(row, column):
    well = f"{plate.row_name(row)}{column + 1}"
    assert plate._place(well, (32, 48)) == (row, column)


LAYOUT = pd.DataFrame(
    {
        "well": ["A01", "A02", "B01", "B02"],
        "stimulation": ["ConA", "OVA", "ConA", None],
        "compound": [4.0, "DMSO", None, None],
        "concentration_um": [0.003, None, None, None],
        "control": [None, "vehicle", "untreated", None],
    }
)


def test_a_layout_shows_stimulation_compound_and_concentration():
    axes = plate.plate_layout(LAYOUT, plate_format=(2, 2)).axes[0]
    assert [text.get_text() for text in axes.texts] == ["4\n0.003", "DMSO", ""]
    filled = [patch for patch in axes.patches if patch.get_fill() and not patch.get_hatch()]
    cona = style.mix(style.GREEN, "white", plate.TINT)
    ova = style.mix(style.ORANGE, "white", plate.TINT)
    assert [to_hex(patch.get_facecolor()).upper() for patch in filled] == [cona, ova, cona]


def test_a_layout_marks_controls_and_empty_wells():
    figure = plate.plate_layout(LAYOUT, plate_format=(2, 2))
    axes = figure.axes[0]
    borders = [patch for patch in axes.patches if not patch.get_fill()]
    assert [patch.get_linestyle() for patch in borders] == ["solid", "dotted"]
    (empty,) = hatched(axes)
    assert empty.get_xy() == (0.5, 0.5)
    assert legend_texts(figure) == [
        "OVA",
        "ConA",
        "control: untreated",
        "control: vehicle",
        "empty",
    ]


def test_a_layout_of_wells_and_stimulations_alone_is_enough():
    figure = plate.plate_layout(LAYOUT[["well", "stimulation"]], plate_format=(2, 2))
    assert legend_texts(figure) == ["OVA", "ConA", "empty"]


def test_a_compound_without_stimulation_is_white():
    layout = pd.DataFrame({"well": ["A01"], "compound": ["X"]})
    figure = plate.plate_layout(layout, plate_format=(1, 1))
    assert to_hex(figure.axes[0].patches[0].get_facecolor()) == "#ffffff"
    assert legend_texts(figure)[0] == style.MISSING


def test_texts_stay_within_their_wells():
    names = ["AZ12345678", "DMSO", "WWWWWWW", "18"]
    layout = LAYOUT.assign(compound=names, stimulation="OVA", concentration_um=0.00123)
    figure = plate.plate_layout(layout, plate_format=(4, 24))
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    side = axes.transData.transform((1, 0))[0] - axes.transData.transform((0, 0))[0]
    texts = {text.get_text().split("\n")[0]: text for text in axes.texts}
    assert set(texts) == {"AZ1234…", "DMSO", "WWWWWWW", "18"}
    for text in texts.values():
        assert text.get_window_extent().width <= side
