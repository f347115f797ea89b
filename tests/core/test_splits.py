import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.core.splits import (
    ROLES,
    fold_groups,
    hold_out,
    merge_units,
    set_aside,
    split_groups,
    split_wells,
    unit_names,
)

sizes = st.dictionaries(
    st.sampled_from(["Unstimulated", "OVA", "ConA", "LPS"]), st.integers(3, 40), min_size=1
)
fractions = st.tuples(st.floats(0.01, 0.3), st.floats(0.01, 0.3))


def split(names: list[str], validation: float = 0.2, test: float = 0.2, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return split_wells(names, validation=validation, test=test, rng=rng).tolist()


def counts(roles: list[str]) -> dict[str, int]:
    return {role: roles.count(role) for role in ROLES}


def test_by_hand() -> None:
    # 98 wells: 0.25 x 98 = 24.5, to even 24; 0.2 x 98 = 19.6.
    roles = split(["OVA"] * 98, 0.2, 0.25)
    assert counts(roles) == {"train": 54, "validation": 20, "test": 24}


def test_each_stimulation_is_split_alike_wherever_its_wells_stand() -> None:
    names = ["Unstimulated", "OVA", "ConA"] * 10
    roles = split(names)
    for name in set(names):
        own = [role for role, known in zip(roles, names, strict=True) if known == name]
        assert counts(own) == {"train": 6, "validation": 2, "test": 2}


@given(sizes, fractions, st.integers(0, 10))
def test_every_role_has_wells_of_every_stimulation_in_proportion(
    wells: dict[str, int], parts: tuple[float, float], seed: int
) -> None:
    names = [name for name, size in wells.items() for _ in range(size)]
    np.random.default_rng(seed).shuffle(names)
    validation, test = parts
    roles = split(names, validation, test, seed)
    assert len(roles) == len(names)
    assert set(roles) <= set(ROLES)
    for name, size in wells.items():
        own = counts([role for role, known in zip(roles, names, strict=True) if known == name])
        assert min(own.values()) >= 1
        for role, share in (("validation", validation), ("test", test)):
            assert own[role] == 1 or abs(own[role] - share * size) <= 0.5


@given(sizes, st.integers(0, 1000))
def test_the_same_seed_gives_the_same_split(wells: dict[str, int], seed: int) -> None:
    names = [name for name, size in wells.items() for _ in range(size)]
    assert split(names, seed=seed) == split(names, seed=seed)


def test_another_seed_gives_another_split_of_the_same_sizes() -> None:
    names = ["OVA"] * 20 + ["ConA"] * 20
    one, other = split(names, seed=1), split(names, seed=2)
    assert one != other
    assert counts(one) == counts(other)


def test_every_well_is_chosen_for_the_test_in_some_split() -> None:
    chosen = {
        index
        for seed in range(60)
        for index, role in enumerate(split(["OVA"] * 10, seed=seed))
        if role == "test"
    }
    assert chosen == set(range(10))


def test_too_few_wells_name_the_stimulation_and_the_counts() -> None:
    with pytest.raises(ValueError, match=r"'ConA' .* of its 2 wells 1 are for test"):
        split(["OVA"] * 10 + ["ConA"] * 2)


def test_fractions_that_leave_no_training_well_are_refused() -> None:
    with pytest.raises(ValueError, match="no well left for training"):
        split(["OVA"] * 10, validation=0.5, test=0.5)


def columns_of_ck19() -> tuple[list[str], list[str]]:
    """Stimulation and column of each well of a plate laid out like CK19."""
    columns = [*range(3, 9), *range(9, 12), *range(13, 16), *range(16, 22)]
    names = ["Unstimulated"] * 6 + ["OVA"] * 6 + ["ConA"] * 6
    wells = [(name, f"{column:02d}") for name, column in zip(names, columns, strict=True)] * 16
    return [name for name, _ in wells], [column for _, column in wells]


def test_whole_columns_are_left_out() -> None:
    names, columns = columns_of_ck19()
    roles = split_groups(names, columns, validation=0.2, test=0.2, seed=0)
    for column in set(columns):
        own = {role for role, group in zip(roles, columns, strict=True) if group == column}
        assert len(own) == 1
    for role in ROLES:
        assert {n for n, r in zip(names, roles, strict=True) if r == role} == set(names)


@given(st.integers(2, 6), st.integers(0, 5))
def test_over_all_folds_each_well_is_tested_once(folds: int, seed: int) -> None:
    names, columns = columns_of_ck19()
    tested = np.zeros(len(names), int)
    for fold in range(folds):
        roles = fold_groups(names, columns, validation=0.2, folds=folds, fold=fold, seed=seed)
        assert set(roles) == set(ROLES)
        tested += roles == "test"
    assert (tested == 1).all()


def test_plates_can_be_groups() -> None:
    names = ["OVA", "ConA"] * 30
    plates = [f"CK{number:02d}" for number in range(3) for _ in range(20)]
    roles = split_groups(names, plates, validation=0.2, test=0.2, seed=1)
    assert sorted(counts(roles.tolist()).values()) == [20, 20, 20]


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 3 groups of wells .* one has 2"):
        split_groups(
            ["OVA", "ConA"] * 4, ["A", "A", "B", "B"] * 2, validation=0.2, test=0.2, seed=0
        )


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.floats(0, 0.9))
def test_held_out_patches_come_from_every_well_and_leave_it_some(
    sizes: list[int], share: float
) -> None:
    well = np.repeat(np.arange(len(sizes)), sizes)
    chosen = hold_out(well, share, np.random.default_rng(0))
    for index, size in enumerate(sizes):
        assert chosen[well == index].sum() == min(round(share * size), size - 1)


class TestUnits:
    def test_names_by_hand(self) -> None:
        plate, well = ["P", "P", "Q"], ["A03", "B03", "AA12"]
        assert unit_names(plate, well, "well").tolist() == ["P/A03", "P/B03", "Q/AA12"]
        assert unit_names(plate, well, "column").tolist() == ["P/03", "P/03", "Q/12"]
        assert unit_names(plate, well, "plate").tolist() == plate

    def test_copies_link_units_into_chains(self) -> None:
        units, pixels = ["c", "b", "b", "a", "d"], ["x", "x", "y", "y", "z"]
        assert merge_units(units, pixels).tolist() == ["a", "a", "a", "a", "d"]

    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8)), min_size=1, max_size=30))
    def test_the_same_unit_or_the_same_pixels_give_the_same_name(
        self, wells: list[tuple[int, int]]
    ) -> None:
        units, pixels = [str(unit) for unit, _ in wells], [str(mark) for _, mark in wells]
        merged = merge_units(units, pixels)
        for keys in (units, pixels):
            for key in set(keys):
                assert len({merged[i] for i, own in enumerate(keys) if own == key}) == 1
        if len(set(pixels)) == len(pixels):
            assert merged.tolist() == units


class TestSetAside:
    def test_half_of_each_stimulation_in_whole_units(self) -> None:
        names = ["OVA"] * 16 + ["ConA"] * 32
        units = [f"{index // 2:02d}" for index in range(48)]  # two wells a unit
        chosen = set_aside(names, units, np.random.default_rng(0))
        assert chosen[:16].sum() == 8
        assert chosen[16:].sum() == 16
        assert np.array_equal(chosen[::2], chosen[1::2])

    @pytest.mark.parametrize("wells", [1, 12, 22])
    def test_fewer_than_twelve_are_no_gate(self, wells: int) -> None:
        units = [str(index) for index in range(wells)]
        assert not set_aside(["OVA"] * wells, units, np.random.default_rng(0)).any()
