import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from ck19ml.plots import style


def small_figure() -> Figure:
    figure = style.new_figure(3, 2)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], label="line")
    axes.legend()
    return figure


def test_known_stimulations_have_their_colour_in_any_company():
    first = style.stimulation_colours(["Y3-P", "ConA", "Faulty"])
    second = style.stimulation_colours(["ConA", "OVA", "Unstimulated"])
    assert first["ConA"] == second["ConA"] == style.GREEN
    assert first["Faulty"] == style.GREY
    assert first["Y3-P"] == style.PURPLE
    assert list(first) == ["Y3-P", "ConA", "Faulty"]


@given(st.integers(0, 16))
def test_up_to_sixteen_other_names_are_told_apart(count):
    names = [*style.STIMULATION_COLOURS, *(f"stimulus {number}" for number in range(count))]
    assert len(set(style.stimulation_colours(names).values())) == len(names)


def test_names_are_ordered_with_faulty_last_and_missing_named():
    names = style.as_names(np.array(["Faulty", "b", None, "ConA", "a", float("nan")], dtype=object))
    order = style.stimulation_order(names)
    assert order == ["ConA", "a", "b", "Faulty", style.MISSING]


def test_text_is_white_on_dark_and_black_on_light():
    assert style.text_colour("#000000") == style.text_colour(style.BLUE) == "#FFFFFF"
    assert style.text_colour("#FFFFFF") == style.text_colour(style.ORANGE) == "#000000"


def test_colours_are_mixed_by_share():
    assert style.mix("#000000", "#FFFFFF", 0.0) == "#000000"
    assert style.mix("#000000", "#FFFFFF", 1.0) == "#FFFFFF"
    assert style.mix("#FF0000", "#0000FF", 0.4) == "#990066"


def test_fractions_are_shown_as_percent_with_the_minus_sign_of_matplotlib():
    figure = small_figure()
    style.percent_axis(figure.axes[0].xaxis)
    formatter = figure.axes[0].xaxis.get_major_formatter()
    assert [formatter(value) for value in (0.07, 1.0, -0.025)] == ["7", "100", "\N{MINUS SIGN}2.5"]


def test_arrays_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"true \(2,\), predicted \(3,\)"):
        style.same_length(true=[1, 2], predicted=[1, 2, 3])
    with pytest.raises(ValueError, match=r"image \(1, 2\)"):
        style.same_length(image=[[1, 2]])


def test_style_leaves_the_settings_of_matplotlib_alone():
    before = dict(mpl.rcParams)
    style.empty_figure("nothing")
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("format_name", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_bytes_are_the_same_each_time_and_carry_no_date(format_name, start):
    figure = small_figure()
    first = style.to_bytes(figure, format_name)
    assert first.startswith(start)
    assert (
        first == style.to_bytes(figure, format_name) == style.to_bytes(small_figure(), format_name)
    )
    assert b"Date" not in first
    assert b"dc:date" not in first


def test_png_has_150_dots_per_inch():
    content = style.to_bytes(small_figure(), "png")
    assert int.from_bytes(content[16:20]) == 450
    assert int.from_bytes(content[20:24]) == 300


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="found 'gif'"):
        style.to_bytes(small_figure(), "gif")


def test_no_figure_needs_pyplot():
    code = "import sys, ck19ml.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
