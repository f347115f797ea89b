"""Hits beside toxicity, position and the choice of vehicle wells."""

import numpy as np
import pandas as pd
import pytest

from ck19ml.workflows.screening.hits import (
    hit_table,
    hits_without_vehicle_rows,
    replicate_agreement,
    vehicle_spread,
)
from ck19ml.workflows.screening.tables import with_adjusted
from tests.workflows.screening.wells import INHIBITORS, made_wells

REFERENCE = "Unstimulated"


def test_a_hit_needs_the_asked_strength() -> None:
    wells = made_wells("ck19")
    weak, strong = (hit_table(wells, 0.05, REFERENCE, least) for least in (0.0, 10.0))
    assert strong["score_hit"].sum() < weak["score_hit"].sum()
    assert (strong.loc[strong["score_hit"], "score_ssmd"].abs() >= 10).all()


def test_compounds_that_cost_cells_are_flagged_and_others_are_not() -> None:
    wells = made_wells("ck19")
    rng = np.random.default_rng(3)
    wells["cells_dc"] = rng.normal(100, 5, len(wells))
    wells["cells_tcell"] = rng.normal(300, 10, len(wells))
    wells.loc[wells["compound"] == "30", "cells_dc"] *= 0.5
    wells.loc[wells["compound"] == "31", "cells_tcell"] *= 0.9  # a loss below a fifth
    hits = hit_table(wells, 0.05, REFERENCE)
    assert set(hits.loc[hits["toxic"], "compound"]) == {"30"}
    lost = hits[hits["compound"] == "30"]
    assert lost["cells_dc_effect"].to_numpy() == pytest.approx(-0.5, abs=0.08)
    assert (lost["cells_dc_q"] < 0.05).all()


def test_the_adjusted_score_does_not_move_with_the_counts_alone() -> None:
    wells = made_wells("ck19")
    rng = np.random.default_rng(4)
    wells["cells_dc"] = rng.normal(100, 5, len(wells))
    killed = wells["compound"].isin(["30", "31", "32"])
    wells.loc[killed, "cells_dc"] *= 0.4
    effect = 4 * np.log(wells["cells_dc"] / 100)
    wells["score"] += effect.where(wells["stimulation"] != REFERENCE, 0.0)
    hits = hit_table(with_adjusted(wells), 0.05, REFERENCE).set_index(["compound", "stimulation"])
    toxic = hits.loc[[(name, "ConA") for name in ("30", "31", "32")]]
    assert toxic["score_hit"].all()
    assert not toxic["adjusted_hit"].any()
    assert hits.loc[[(name, "ConA") for name in INHIBITORS], "adjusted_hit"].all()


def test_too_few_wells_leave_the_score_as_it_is() -> None:
    wells = made_wells("ck19").iloc[:6]
    pd.testing.assert_series_equal(
        with_adjusted(wells)["adjusted"], wells["score"], check_names=False
    )


def rows(wells: pd.DataFrame) -> "pd.Series[int]":
    return wells["well"].str[0].map(ord) - ord("A")


def test_rows_that_differ_are_no_hits() -> None:
    found, nominal = [], []
    for seed in range(10):
        wells = made_wells("ck19")
        rng = np.random.default_rng(seed)
        wells["score"] = rng.normal(size=len(wells)) + rng.normal(0, 1, 16)[rows(wells)]
        found.append(hit_table(wells, 0.05, REFERENCE)["score_hit"].sum())
        nominal.append(hit_table(wells, 0.05, "no such class")["score_hit"].sum())
    assert np.count_nonzero(found) <= 2
    assert np.count_nonzero(nominal) >= 5  # by the spread of replicates alone


def test_an_unknown_effect_of_position_is_nominal() -> None:
    wells = made_wells("ck19")
    assert not hit_table(wells, 0.05, REFERENCE)["nominal"].any()
    stimulated = wells[wells["stimulation"] != REFERENCE]
    assert hit_table(stimulated, 0.05, REFERENCE)["nominal"].all()


def test_the_vehicle_wells_are_compared_with_replicates() -> None:
    wells = made_wells("ck19")
    ratio, p = vehicle_spread(wells, "score")
    assert 0.3 < ratio < 3
    assert p > 0.001
    vehicle = wells["kind"] == "vehicle"
    wells.loc[vehicle, "score"] += 3.0 * (rows(wells)[vehicle] % 2)
    ratio, p = vehicle_spread(wells, "score")
    assert ratio > 10
    assert p < 1e-6
    assert np.isnan(vehicle_spread(wells[~vehicle], "score")).all()


def test_replicates_agree_fully_partly_or_not_at_all() -> None:
    wells = pd.DataFrame(
        {"plate": "P", "stimulation": "ConA", "compound": [*"aabbcc"], "kind": "compound",
         "concentration_um": 10.0, "score": [1.0, 1.0, 2.0, 2.0, 4.0, 4.0]}
    )  # fmt: skip
    assert replicate_agreement(wells, "score") == {"ConA": (pytest.approx(1.0), 1.0)}
    # Pairs (1, 3), (2, 2), (3, 1), both orders: covariance -4/6 against a variance of 4/6.
    crossed = wells.assign(score=[1.0, 3.0, 2.0, 2.0, 3.0, 1.0])
    assert replicate_agreement(crossed, "score")["ConA"] == (pytest.approx(-1.0), 0.0)
    assert replicate_agreement(wells[wells["compound"] != "c"], "score") == {}
    assert replicate_agreement(wells.assign(score=1.0), "score") == {}


def test_hits_are_counted_without_each_row_of_vehicle_wells() -> None:
    wells = made_wells("ck19")
    found = hits_without_vehicle_rows(wells, 0.05, REFERENCE, 0.0)
    assert list(found) == ["N", "O", "P"]
    left = wells[~((wells["kind"] == "vehicle") & wells["well"].str.startswith("O"))]
    assert found["O"] == hit_table(left, 0.05, REFERENCE)["score_hit"].sum()
    one = wells[(wells["kind"] != "vehicle") | wells["well"].str.startswith("P")]
    assert hits_without_vehicle_rows(one, 0.05, REFERENCE, 0.0) == {}
