import numpy as np
import pandas as pd
import pytest

from ck19ml.core.simulation.conditions import NO_INFLUENCE
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.core.simulation.position import Position, Terms
from ck19ml.errors import PlateError
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.plates.simulated_wells import (
    influences,
    is_odd,
    normalise,
    treated,
    true_effects,
    well_generator,
)

PARAMETERS = Parameters()


def layout(**columns: object) -> pd.DataFrame:
    base = {"well": ["A03", "B04"], "stimulation": ["OVA", "ConA"]}
    return pd.DataFrame(base | columns)


def test_a_layout_of_two_columns_is_completed() -> None:
    wells = normalise(layout())
    assert wells["compound"].tolist() == ["", ""]
    assert wells["control"].tolist() == ["", ""]
    assert wells["concentration_um"].isna().all()


def test_numbers_of_compounds_and_loose_well_names_are_brought_to_one_form() -> None:
    wells = normalise(
        layout(well=["A3", "b - 04"], compound=[7.0, np.nan], concentration_um=["10", None])
    )
    assert wells["well"].tolist() == ["A03", "B04"]
    assert wells["compound"].tolist() == ["7", ""]
    assert wells["concentration_um"][0] == 10


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"well": ["A03", "A3"]}, "names A03 twice"),
        ({"well": ["A03", "Z99"]}, "found 99"),
        (
            {"compound": ["4", "4"], "concentration_um": [1.0, None]},
            r"1 of 2 wells have a compound and no concentration \(B04\)",
        ),
    ],
)
def test_a_layout_that_cannot_be_says_what_is_wrong(
    columns: dict[str, object], message: str
) -> None:
    with pytest.raises(PlateError, match=message):
        normalise(layout(**columns))


def test_a_layout_needs_its_columns_and_rows() -> None:
    with pytest.raises(PlateError, match="no column stimulation"):
        normalise(pd.DataFrame({"well": ["A03"]}))
    with pytest.raises(PlateError, match="no wells"):
        normalise(layout().iloc[:0])


def test_vehicle_and_untreated_wells_are_not_inhibited() -> None:
    wells = normalise(
        pd.DataFrame(
            {
                "well": ["A03", "A04", "A05", "A06"],
                "stimulation": "ConA",
                "compound": ["4", "DMSO", "4", ""],
                "concentration_um": [10.0, 10.0, 10.0, np.nan],
                "control": ["", "vehicle", "vehicle", "untreated"],
            }
        )
    )
    assert treated(wells).tolist() == [True, False, False, False]
    acting = influences(wells, true_effects(wells, 1), PARAMETERS, plate="CK01", seed=1)
    assert acting[0].response.inhibition > 0.3
    assert [one.response for one in acting[1:]] == [NO_INFLUENCE.response] * 3


def test_a_well_has_the_terms_of_its_row_and_column() -> None:
    wells = normalise(pd.DataFrame({"well": ["A03", "A09", "P24", "B03"], "stimulation": "OVA"}))
    only_edges = PARAMETERS.model_copy(
        update={"position": Position(rows=Terms(), columns=Terms(), edge=Terms(tcell_count=0.5))}
    )
    acting = influences(wells, {}, only_edges, plate="CK01", seed=1)
    assert [one.terms.tcell_count for one in acting] == [0.5, 0.5, 0.5, 0.0]
    rows = influences(wells, {}, PARAMETERS, plate="CK01", seed=1)
    assert len({one.terms.dc_count for one in rows}) == 4
    again = influences(wells.iloc[[3]], {}, PARAMETERS, plate="CK01", seed=1)
    assert again == rows[3:]


def test_on_ck19_some_compounds_inhibit_and_on_ck21_all_with_rising_doses() -> None:
    screen = true_effects(normalise(builtin_layout("ck19")), seed=2211)
    active = [name for name, effect in screen.items() if effect.largest > 0]
    assert len(screen) == 45
    assert {"4", "7", "9", "10", "11", "18", "36"} <= set(active)
    assert 8 <= len(active) <= 22
    wells = normalise(builtin_layout("ck21"))
    effects = true_effects(wells, seed=2211)
    acting = influences(wells, effects, PARAMETERS, plate="CK21", seed=2211)
    wells["inhibition"] = [one.response.inhibition for one in acting]
    doses = wells[wells["compound"] == "9"].groupby("concentration_um")["inhibition"].max()
    assert len(doses) == 10
    assert (np.diff(doses) > 0).all()


def test_an_effect_depends_on_the_seed_and_the_compound_alone() -> None:
    wells = normalise(builtin_layout("ck19"))
    part = wells[wells["compound"].isin(["9", "12"])]
    assert true_effects(part, 5)["12"] == true_effects(wells, 5)["12"]
    assert true_effects(part, 5)["9"] != true_effects(part, 6)["9"]


def test_each_well_has_a_generator_of_its_own() -> None:
    draws = {
        (well, seed): well_generator(well, seed).random()
        for well in ("A03", "A04", "B03")
        for seed in (0, 1)
    }
    assert len(set(draws.values())) == 6
    assert well_generator("A03", 0).random() == draws["A03", 0]


def test_one_well_in_eight_of_ck19_is_odd_and_none_elsewhere() -> None:
    wells = builtin_layout("ck19")
    odd = np.array([is_odd("CK19", well, 2211, 8) for well in wells["well"]])
    for stimulation in ("Unstimulated", "OVA", "ConA"):
        assert odd[wells["stimulation"] == stimulation].mean() == pytest.approx(1 / 8, abs=0.02)
    assert not any(is_odd("CK21", well, 2211, 8) for well in wells["well"])
    assert not any(is_odd("CK19", well, 2211, 0) for well in wells["well"])
