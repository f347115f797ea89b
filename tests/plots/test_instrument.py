import numpy as np
import pytest
from matplotlib.colors import to_hex

from ck19ml.plots import instrument, style

SUMS = [1.0, 2.0, 3.0, np.nan]
PERCENT = [20.0, 40.0, 30.0, 10.0]
NAMES = ["OVA", "ConA", "ConA", "OVA"]


def test_each_well_has_its_pair_of_values_in_its_stimulation_s_colour() -> None:
    left, middle, right = instrument.against_instrument(SUMS, PERCENT, NAMES).axes
    drawn = {
        to_hex(points.get_facecolor()[0][:3]).upper(): points.get_offsets().tolist()
        for points in right.collections
    }
    colours = style.stimulation_colours(["OVA", "ConA"])
    assert drawn == {colours["OVA"]: [[1, 20]], colours["ConA"]: [[2, 40], [3, 30]]}
    # Ranks 1, 2, 3 against 1, 3, 2: 1 - 6 * 2 / (3 * 8).
    assert right.get_title(loc="left") == "rank correlation 0.50"
    assert left.collections[0].get_offsets()[:, 1].tolist() == [1]
    assert [text.get_text() for text in middle.get_xticklabels()] == ["OVA", "ConA"]


def test_what_is_left_out_is_said_and_nothing_is_no_error() -> None:
    figure = instrument.against_instrument(SUMS, PERCENT, NAMES)
    assert figure.get_supxlabel() == "1 wells without a finite value left out"
    assert instrument.against_instrument([], [], []).axes[0].texts[0].get_text() == "no wells"
    same = instrument.against_instrument([1, 1, 1], [2, 3, 4], ["OVA"] * 3)
    assert same.axes[2].get_title(loc="left") == ""
    with pytest.raises(ValueError, match="one value a row"):
        instrument.against_instrument([1.0], PERCENT, NAMES)
