import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.core.splits import ROLES, split_wells

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
    with pytest.raises(ValueError, match="'ConA', found 2 wells of which 1 are for test"):
        split(["OVA"] * 10 + ["ConA"] * 2)


def test_fractions_that_leave_no_training_well_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one training well"):
        split(["OVA"] * 10, validation=0.5, test=0.5)
