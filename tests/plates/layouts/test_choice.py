import math

import pandas as pd
import pytest

from ck19ml.core.wells import well_name
from ck19ml.errors import ConfigError
from ck19ml.plates.layouts.reading import (
    BuiltinName,
    builtin_layout,
    choose_wells,
    confounding,
)
from ck19ml.plates.layouts.records import WellRecord, as_layout


@pytest.mark.parametrize("name", ["ck19", "ck21"])
@pytest.mark.parametrize("number", [3, 12, 31, 60, 150, 290])
def test_chosen_wells_are_even_spread_and_a_part_of_the_whole(
    name: BuiltinName, number: int
) -> None:
    layout = builtin_layout(name)
    chosen = choose_wells(layout, number)
    sizes = chosen["stimulation"].value_counts()
    assert len(chosen) == number
    assert sizes.max() - sizes.min() <= 1
    pd.testing.assert_frame_equal(chosen, choose_wells(layout, number))
    pd.testing.assert_frame_equal(
        chosen, layout[layout["well"].isin(chosen["well"])].reset_index(drop=True)
    )
    for stimulation, wells in chosen.groupby("stimulation"):
        whole = layout[layout["stimulation"] == stimulation]
        assert_spread(wells["well"].str[0], whole["well"].str[0].nunique())
        assert_spread(wells["well"].str[1:], whole["well"].str[1:].nunique())


def assert_spread(places: pd.Series, possible: int) -> None:
    assert places.nunique() >= min(possible, len(places)) - 2
    assert places.value_counts().max() <= math.ceil(len(places) / possible) + 2


def test_controls_keep_their_share() -> None:
    layout = builtin_layout("ck21")  # an eighth of each stimulation is vehicle
    chosen = choose_wells(layout, 80)
    vehicles = chosen[chosen["control"] == "vehicle"]["stimulation"].value_counts().to_dict()
    assert vehicles == {"Unstimulated": 5, "ConA": 5}


def test_a_small_stimulation_leaves_its_places_to_the_others() -> None:
    records = [WellRecord(well_name("A", n), "OVA") for n in range(1, 4)]
    records += [WellRecord(well_name("B", n), "ConA") for n in range(1, 13)]
    chosen = choose_wells(as_layout(records), 11)
    assert chosen["stimulation"].value_counts().to_dict() == {"ConA": 8, "OVA": 3}


def test_wells_that_share_no_row_or_column_are_far_apart() -> None:
    records = [WellRecord(well_name(row, n), "OVA") for row in "ABCDEFGH" for n in range(1, 9)]
    chosen = choose_wells(as_layout(records), 3)
    # First A01, then H08, then B07, which is sqrt(37) wells from both; the middle is 5 from one.
    assert chosen["well"].tolist() == ["A01", "B07", "H08"]


def test_all_wells_are_chosen_by_none() -> None:
    pd.testing.assert_frame_equal(
        choose_wells(builtin_layout("ck19"), None), builtin_layout("ck19")
    )


@pytest.mark.parametrize("number", [-1, 0, 2, 295])
def test_too_few_and_too_many_wells_are_refused(number: int) -> None:
    with pytest.raises(ConfigError, match=f"^{number} wells were asked for; choose 3 .* to 294$"):
        choose_wells(builtin_layout("ck19"), number)


def plate(pattern: dict[str, str]) -> pd.DataFrame:
    """Lay out one letter a well: U, O or C by row and column, a dot where there is none."""
    return as_layout(
        WellRecord(well_name(row, number), stimulation)
        for row, letters in pattern.items()
        for number, stimulation in enumerate(letters, start=1)
        if stimulation != "."
    )


def test_ck19_gives_the_stimulation_away_by_column() -> None:
    assert confounding(builtin_layout("ck19")) == [
        "stimulation can be told from the column alone (21 of 21 columns hold one stimulation)"
    ]


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        ({"A": "UOC", "B": "UOC"}, ["column"]),
        ({"A": "UUU", "B": "OOO"}, ["row"]),
        ({"A": "UO", "B": "OU"}, []),
        ({"A": "UUU", "B": "UUU"}, []),
        ({"A": "UOC"}, []),
        ({"A": "U.", "B": ".O"}, []),
        ({"A": "UO", "B": "U.", "C": "CO"}, []),
    ],
)
def test_confounding_needs_two_wells_a_place_and_two_stimulations(
    pattern: dict[str, str], places: list[str]
) -> None:
    found = confounding(plate(pattern))
    assert [sentence.split(" from the ")[1].split()[0] for sentence in found] == places


def test_places_with_one_well_are_left_out_of_the_count() -> None:
    found = confounding(plate({"A": "UOC", "B": "UO."}))
    assert found == [
        "stimulation can be told from the column alone "
        "(2 of 2 columns with two wells or more hold one stimulation)"
    ]


def test_a_plate_a_stimulation_is_confounded() -> None:
    layout = pd.concat([plate({"A": "UU"}), plate({"A": "OO"})], ignore_index=True)
    assert confounding(layout) == []
    found = confounding(layout.assign(plate=["P1", "P1", "P2", "P2"]))
    assert found == [
        "stimulation can be told from the plate alone (2 of 2 plates hold one stimulation)"
    ]
    assert confounding(layout.assign(plate="P1")) == []
