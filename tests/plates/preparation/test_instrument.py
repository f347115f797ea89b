import math

import pandas as pd
import pytest

from ck19ml.plates.preparation.instrument import instrument_table

FIELDS = pd.DataFrame(
    {
        "plate": "CK19",
        "well": ["B02", "A03", "A03"],
        "field": [1, 1, 2],
        "cells_tcell": [0, 30, 10],
        "cell_area_um2_tcell": [math.nan, 100.0, 80.0],
        "cells_dc": [4, 10, 0],
        "cell_area_um2_dc": [150.0, 140.0, math.nan],
        "cell_overlap_um2": [0.0, 500.0, 260.0],
    }
)
LABELS = pd.DataFrame(
    {"plate": "CK19", "well": ["A03", "B02"], "stimulation": ["ConA", "OVA"], "compound": ""}
)


def table() -> pd.DataFrame:
    return instrument_table(FIELDS, LABELS, mask="otsu").set_index("well")


def test_the_columns_are_the_instrument_s() -> None:
    assert instrument_table(FIELDS, LABELS, "otsu").columns.tolist() == [
        "plate", "well", "stimulation", "tcell_area_mean_um2", "tcell_count",
        "dc_area_mean_um2", "dc_count", "overlap_percent", "overlap_area_sum_um2",
        "overlap_over_tcell_area", "mask",
    ]  # fmt: skip


def test_a_well_s_fields_are_taken_together() -> None:
    well = table().loc["A03"]
    assert (well["tcell_count"], well["dc_count"]) == (40, 10)
    assert well["tcell_area_mean_um2"] == pytest.approx((30 * 100 + 10 * 80) / 40)
    assert well["dc_area_mean_um2"] == 140
    assert well["overlap_area_sum_um2"] == 760
    # 760 of 40 cells of 95 um2
    assert well["overlap_percent"] == pytest.approx(20)
    assert well["overlap_over_tcell_area"] == pytest.approx(0.2)
    assert well["stimulation"] == "ConA"


def test_it_says_what_made_the_masks() -> None:
    assert table()["mask"].tolist() == ["otsu", "otsu"]


def test_where_no_cell_is_nothing_is_a_mean_of_it() -> None:
    well = table().loc["B02"]
    assert (well["tcell_count"], well["dc_count"]) == (0, 4)
    assert math.isnan(well["tcell_area_mean_um2"])
    assert math.isnan(well["overlap_percent"])
