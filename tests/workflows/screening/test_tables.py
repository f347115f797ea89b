import numpy as np
import pandas as pd
import pytest

from ck19ml.workflows.screening import tables
from ck19ml.workflows.screening.hits import hit_table
from ck19ml.workflows.screening.tables import (
    control_table,
    dose_table,
    position_table,
    well_table,
    with_residuals,
)
from tests.workflows.screening.wells import INHIBITORS, made_wells

PATCHES = pd.DataFrame(
    {
        "plate": "P",
        "well": ["A01"] * 3 + ["A02"] * 2,
        "stimulation": ["ConA"] * 3 + ["OVA"] * 2,
        "compound": ["4"] * 3 + [None] * 2,
        "concentration_um": [10.0] * 3 + [np.nan] * 2,
        "control": [""] * 3 + ["vehicle"] * 2,
        "faulty": [False, False, True, True, True],
        "overlap": [0.1, 0.3, 0.0, 0.0, 0.0],
        "overlap_area_px": [10, 20, 0, 0, 0],
        "tcell_area_px": [100, 50, 0, 0, 0],
        "tcell_count": [6, 4, 9, 0, 0],
        "tcells_in_contact": [3, 1, 9, 0, 0],
        "cells_dc": [4, 4, 8, 1, 1],
        "cells_tcell": [10, 10, 40, 1, 1],
    }
)


def test_a_well_is_the_mean_of_its_usable_patches() -> None:
    wells = well_table(PATCHES, np.array([1.0, 3.0, 99.0, 99.0, 99.0]))
    first = wells.iloc[0]
    assert (first["score"], first["overlap"]) == pytest.approx((2.0, 0.2))
    assert first["tcell_overlap"] == pytest.approx(30 / 150)  # areas, not the mean of shares
    assert first["contact"] == pytest.approx(4 / 10)
    assert (first["patches"], first["faulty_share"]) == (3, pytest.approx(1 / 3))
    assert wells["kind"].tolist() == ["compound", "vehicle"]
    assert wells.loc[1, ["score", "overlap", "tcell_overlap"]].isna().all()


def test_dmso_is_a_vehicle_and_a_well_without_a_compound_is_not_called_untreated() -> None:
    patches = PATCHES.assign(control="", compound=["dmso"] * 3 + [""] * 2)
    assert well_table(patches, np.zeros(5))["kind"].tolist() == ["vehicle", "no compound"]


def test_the_hits_are_the_compounds_that_do_something() -> None:
    hits = hit_table(made_wells("ck19"), 0.05, "Unstimulated")
    assert len(hits) == 45 * 3
    assert hits["rank"].tolist() == list(range(1, 136))
    called = hits[hits["score_hit"]]
    expected = {(name, stimulation) for name in INHIBITORS for stimulation in ("OVA", "ConA")}
    assert expected <= set(zip(called["compound"], called["stimulation"], strict=True))
    assert len(called) <= len(expected) + 2
    assert set(hits["wells"]) == {2}
    assert set(hits["against"]) == {"controls"}
    top = hits.iloc[0]
    assert top["stimulation"] == "ConA"
    assert top["score_effect"] == pytest.approx(-8, abs=0.8)
    assert hits["overlap_hit"].sum() <= 3


def test_without_vehicle_wells_all_wells_are_the_reference() -> None:
    wells = made_wells("ck19")
    hits = hit_table(wells[wells["kind"] != "vehicle"], 0.05, "Unstimulated")
    assert set(hits["against"]) == {"all wells"}
    assert set(hits.loc[:3, "compound"]) == set(INHIBITORS)


def test_a_layout_without_compounds_has_no_hits() -> None:
    wells = made_wells("ck19")
    controls = wells[wells["kind"] != "compound"]
    assert hit_table(controls, 0.05, "Unstimulated").empty
    assert len(position_table(controls, pd.DataFrame(), np.random.default_rng(0))) == 3 * len(
        tables.MEASURES
    )


def test_controls_are_judged_against_the_reference() -> None:
    table = control_table(made_wells("ck19"), "Unstimulated", np.random.default_rng(0))
    assert len(table) == 2 * len(tables.MEASURES)
    row = table[(table["stimulation"] == "ConA") & (table["measure"] == "score")].iloc[0]
    assert (row["controls"], row["wells"], row["reference_wells"]) == ("vehicle", 6, 6)
    assert 0.6 < row["z_prime"] < 0.95  # 1 - 3 (0.3 + 0.3) / 8 = 0.78
    assert row["z_prime_low"] < row["z_prime"] < row["z_prime_high"]


def test_untreated_wells_stand_in_for_missing_vehicles() -> None:
    wells = made_wells("ck19")
    left = wells[wells["kind"] != "vehicle"]
    table = control_table(left, "Unstimulated", np.random.default_rng(0))
    assert set(table["controls"]) == {"untreated"}
    left = left[left["kind"] != "untreated"]
    table = control_table(left, "Unstimulated", np.random.default_rng(0))
    assert set(table["controls"]) == {"all"}
    assert control_table(left, "Y3-P", np.random.default_rng(0)).empty


def test_dose_curves_find_the_ic50s_and_no_others() -> None:
    doses = dose_table(made_wells("ck21"))
    assert len(doses) == 7 * 2 * len(tables.MEASURES)
    fits = doses[doses["measure"] == "score"].set_index(["stimulation", "compound"])
    for name, ic50 in INHIBITORS.items():
        fit = fits.loc["ConA", name]
        assert fit["supported"]
        assert fit["direction"] == "IC50"
        assert fit["low_um"] < ic50 < fit["high_um"]
    others = doses[~doses["compound"].isin(INHIBITORS) | (doses["stimulation"] != "ConA")]
    assert others["supported"].mean() < 0.1
    assert set(others.loc[~others["supported"], "reason"]) != {""}


def test_a_single_dose_has_no_curve() -> None:
    assert dose_table(made_wells("ck19")).empty


def test_residuals_are_within_a_plate_and_stimulation() -> None:
    wells = with_residuals(made_wells("ck19"))
    medians = wells.groupby("stimulation")["score_residual"].median()
    assert medians.to_numpy() == pytest.approx([0, 0, 0], abs=1e-12)


def test_a_column_effect_is_found_within_the_stimulations() -> None:
    wells = made_wells("ck19")
    column = wells["well"].str[1:].astype(int)
    shifted = wells.assign(overlap=wells["overlap"] + 1.0 * (column % 3 == 0))
    hits = hit_table(shifted, 0.05, "Unstimulated")
    table = position_table(shifted, hits, np.random.default_rng(0))
    found = table.set_index(["measure", "factor"])
    assert found.loc[("overlap", "column"), "q"] < 0.05
    assert found.loc[("score", "column"), "q"] > 0.05
    assert found.loc[("overlap", "edge"), "q"] > 0.05


def test_hits_do_not_pass_for_position() -> None:
    wells = made_wells("ck19")
    hits = hit_table(wells, 0.05, "Unstimulated")
    left = tables.tested_wells(wells, hits, "score")
    assert not set(left.loc[left["stimulation"] == "ConA", "compound"]) & set(INHIBITORS)
    assert len(left) >= len(wells) - 2 * (int(hits["score_hit"].sum()))


def test_on_a_dose_plate_only_the_vehicle_wells_tell_of_position() -> None:
    wells = made_wells("ck21")
    left = tables.tested_wells(wells, hit_table(wells, 0.05, "Unstimulated"), "score")
    assert set(left["kind"]) == {"vehicle"}
    assert len(left) == 40
