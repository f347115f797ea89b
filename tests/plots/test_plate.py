import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from ck19ml.plots import plate, style
from tests.plots.legends import legend_texts


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
    cona = style.mix(style.GREEN, "white", plate.TINT)
    ova = style.mix(style.ORANGE, "white", plate.TINT)
    (cells,) = axes.images
    shown = [to_hex(colour).upper() for colour in cells.get_array().reshape(4, 4)[:3]]
    assert shown == [cona, ova, cona]
    assert cells.get_array()[1, 1].tolist() == [0, 0, 0, 0]
    assert axes.patch.get_hatch()


def test_a_layout_marks_controls_and_empty_wells():
    figure = plate.plate_layout(LAYOUT, plate_format=(2, 2))
    axes = figure.axes[0]
    borders = [patch for patch in axes.patches if not patch.get_fill()]
    assert [patch.get_linestyle() for patch in borders] == ["solid", "dotted"]
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
    assert to_hex(figure.axes[0].images[0].get_array()[0, 0]) == "#ffffff"
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
