from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from ck19ml.config import SplitConfig
from ck19ml.core.splits import split_wells
from ck19ml.errors import ConfigError
from ck19ml.networks.batches import load_patches
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.truth import OF_MASKS, with_truth
from ck19ml.workflows.steps.split import Split, _roles, split_dataset

ROLES = ("train", "validation", "test")


@pytest.fixture(scope="module")
def split(tiny_dataset: Dataset) -> Split:
    return split_dataset(tiny_dataset, SplitConfig())


def wells_of(split: Split, *roles: str, faulty: bool = True) -> set[tuple[str, str]]:
    table = split.dataset.table.iloc[split.rows(*roles, faulty=faulty)]
    return set(zip(table["plate"], table["well"], strict=True))


def faulty_in(dataset: Dataset, *wells: str, patches: int = 4) -> Dataset:
    """The same dataset with the first patches of these wells marked as faulty."""
    table = dataset.table.copy()
    marked = table["well"].isin(wells) & (table["patch"] < patches)
    return replace(dataset, table=table.assign(faulty=table["faulty"] | marked))


def test_no_well_stands_on_two_sides_and_none_is_lost(split: Split) -> None:
    parts = [wells_of(split, role) for role in ROLES]
    assert sum(len(part) for part in parts) == len(set.union(*parts)) == 30
    rows = [split.rows(role, faulty=True) for role in ROLES]
    assert sorted(np.concatenate(rows)) == list(range(120))


def test_each_stimulation_stands_in_each_role_in_the_same_share(split: Split) -> None:
    counts = pd.crosstab(split.wells["stimulation"], split.wells["role"])
    assert (counts[list(ROLES)] == [6, 2, 2]).all(axis=None)


def test_classes_stand_from_the_weakest_interaction_to_the_strongest(split: Split) -> None:
    assert split.classes == ["Unstimulated", "OVA", "ConA"]


def test_the_same_seed_splits_the_same(tiny_dataset: Dataset, split: Split) -> None:
    again = split_dataset(tiny_dataset, SplitConfig())
    pd.testing.assert_frame_equal(again.wells, split.wells)
    other = split_dataset(tiny_dataset, SplitConfig(seed=1))
    assert other.hashes("test") != split.hashes("test")


def test_fingerprints_are_the_wells_own(split: Split, tiny_dataset: Dataset) -> None:
    marks = split.fingerprints()
    assert {role: len(marks[role]) for role in ROLES} == {"train": 18, "validation": 6, "test": 6}
    every = [mark for role in ROLES for mark in marks[role]]
    assert sorted(every) == sorted(tiny_dataset.wells["sha256"])
    assert len(set(every)) == 30


def test_rows_are_of_the_roles_asked_for(split: Split) -> None:
    both = split.rows("train", "validation", faulty=True)
    parts = [split.rows(role, faulty=True) for role in ("train", "validation")]
    assert sorted(both) == sorted(np.concatenate(parts))


def test_faulty_patches_are_left_out_unless_asked_for(tiny_dataset: Dataset) -> None:
    well = str(tiny_dataset.wells["well"].iloc[0])
    split = split_dataset(faulty_in(tiny_dataset, well, patches=3), SplitConfig())
    marked = split.dataset.table["faulty"].to_numpy(bool)
    assert marked.sum() >= 3
    assert not marked[split.rows(*ROLES)].any()
    assert len(split.rows(*ROLES, faulty=True)) == len(split.rows(*ROLES)) + marked.sum()


def test_wells_without_a_usable_patch_are_left_out(tiny_dataset: Dataset) -> None:
    lost = list(tiny_dataset.wells["well"].iloc[[0, 1]])
    split = split_dataset(faulty_in(tiny_dataset, *lost), SplitConfig())
    assert len(split.wells) == 28
    assert not set(split.wells["well"]) & set(lost)
    left = split.dataset.table.iloc[split.rows(*ROLES, faulty=True)]
    assert not set(left["well"]) & set(lost)


def test_a_role_with_nothing_usable_is_refused(tiny_dataset: Dataset, split: Split) -> None:
    names = split.wells.loc[split.wells["role"] == "test", "well"]
    spoiled = replace(split, dataset=faulty_in(tiny_dataset, *names))
    assert len(spoiled.rows("test", faulty=True)) == 24
    with pytest.raises(ConfigError, match=r"all patches in the test wells of .* are faulty; take"):
        spoiled.rows("test")


def test_wells_of_other_stimulations_are_left_out(tiny_dataset: Dataset) -> None:
    split = split_dataset(tiny_dataset, SplitConfig(), ["ConA", "OVA"])
    assert split.classes == ["ConA", "OVA"], "in the order that was asked for"
    assert set(split.wells["stimulation"]) == {"ConA", "OVA"}
    rows = split.rows(*ROLES)
    names = split.dataset.table["stimulation"].to_numpy()[rows]
    assert [split.classes[label] for label in split.labels(rows)] == names.tolist()


def test_faulty_is_a_class_where_it_is_asked_for(tiny_dataset: Dataset) -> None:
    well = str(tiny_dataset.wells["well"].iloc[0])
    dataset = faulty_in(tiny_dataset, well, patches=1)
    split = split_dataset(dataset, SplitConfig(), faulty_class=True)
    assert split.classes == ["Unstimulated", "OVA", "ConA", "Faulty"]
    rows = split.rows(*ROLES, faulty=True)
    faulty = dataset.table["faulty"].to_numpy(bool)[rows]
    np.testing.assert_array_equal(split.labels(rows) == 3, faulty)


def test_an_unknown_class_is_refused(tiny_dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match=r"Unstimulated, OVA, ConA and not 'Oxa'"):
        split_dataset(tiny_dataset, SplitConfig(), ["ConA", "Oxa"])


def test_too_few_wells_are_refused_with_the_dataset_s_name(tiny_dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match=r"tiny\.zarr: .* has no well left for training"):
        split_dataset(tiny_dataset, SplitConfig(validation=0.49, test=0.5))


def test_targets_are_those_of_the_rows(split: Split) -> None:
    rows = split.rows("validation")
    table = split.dataset.table.iloc[rows]
    np.testing.assert_allclose(split.overlap(rows), table["overlap"], rtol=1e-6)
    assert split.overlap(rows).dtype == np.float32
    assert [split.classes[label] for label in split.labels(rows)] == table["stimulation"].tolist()


def test_baselines_see_their_roles_only(split: Split, tiny_dataset: Dataset) -> None:
    rows = split.rows("train")
    baselines = split.baselines("train")
    overlap = tiny_dataset.table["overlap"].to_numpy()
    assert baselines.mean_overlap == pytest.approx(overlap[rows].mean())
    changed = tiny_dataset.table.copy()
    changed.loc[split.rows("test"), "overlap"] = 1.0
    other = replace(split, dataset=replace(tiny_dataset, table=changed))
    assert other.baselines("train") == baselines
    assert other.baselines("train", "test") != split.baselines("train", "test")


def test_where_the_truth_is_known_a_line_leads_from_the_masks_to_it(tiny_dataset: Dataset) -> None:
    split = split_dataset(with_truth(tiny_dataset, "overlap"), SplitConfig())
    slope, intercept = split.baselines("train").line or (0.0, 0.0)
    own = split.dataset.table.iloc[split.rows("train")]
    left = own["overlap"] - (slope * own[OF_MASKS] + intercept)
    assert left.mean() == pytest.approx(0, abs=1e-9)
    assert np.corrcoef(left, own[OF_MASKS])[0, 1] == pytest.approx(0, abs=1e-6)
    assert split_dataset(tiny_dataset, SplitConfig()).baselines("train").line is None


def test_patches_are_read_with_their_masks_where_asked_for(
    split: Split, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    rows = split.rows("test")[:3]
    plain = load_patches(tiny_dataset, rows, masked=False)
    assert plain.masks is None
    np.testing.assert_array_equal(plain.raw, tiny_dataset.read(rows))
    masked = load_patches(tiny_dataset, rows, masked=True)
    np.testing.assert_array_equal(masked.masks, tiny_dataset.read_masks(rows))


def test_an_audit_holds_out_patches_of_the_training_wells_only(tiny_dataset: Dataset) -> None:
    plain = split_dataset(tiny_dataset, SplitConfig())
    audited = split_dataset(tiny_dataset, SplitConfig(audit=0.25))
    assert audited.hashes("test") == plain.hashes("test")
    train, held = audited.rows("train", faulty=True), audited.rows("same_wells", faulty=True)
    assert sorted([*train, *held]) == sorted(plain.rows("train", faulty=True))
    assert len(held) == 18  # one of the four patches of each training well
    for role in ("validation", "test"):
        np.testing.assert_array_equal(audited.rows(role), plain.rows(role))
    assert audited.roles == (*ROLES, "same_wells")
    assert plain.roles == ROLES


def test_columns_can_be_left_out(tiny_dataset: Dataset) -> None:
    wells = split_dataset(tiny_dataset, SplitConfig(by="column")).wells
    roles = wells.groupby(wells["well"].str[1:])["role"].nunique()
    assert (roles == 1).all()


def test_a_split_by_plate_wants_plates(tiny_dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match="at least 3 groups of wells"):
        split_dataset(tiny_dataset, SplitConfig(by="plate"))


def many_wells(copies: dict[str, str] | None = None, plates: int = 1) -> pd.DataFrame:
    """The wells of a plate of 120, some of them copies of others."""
    rows = [
        {"plate": f"P{plate}", "well": f"{row}{column:02d}", "stimulation": names,
         "sha256": f"{plate}{row}{column}"}
        for plate in range(plates)
        for row in "ABCDEFGHIJ"
        for column, names in zip(range(1, 13), ["Unstimulated", "OVA", "ConA"] * 4, strict=True)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    marks = dict(zip(table["well"], table["sha256"], strict=True))
    copied = [marks.get((copies or {}).get(well, "")) for well in table["well"]]
    return table.assign(sha256=pd.Series(copied, dtype=object).fillna(table["sha256"]))


def test_half_of_24_validation_wells_are_set_aside_for_the_gate() -> None:
    wells = many_wells()
    roles = _roles(wells, SplitConfig())
    counts = pd.crosstab(roles, wells["stimulation"])
    assert counts.loc["gate"].tolist() == [4, 4, 4]
    assert counts.loc["validation"].tolist() == [4, 4, 4]
    assert counts.loc["test"].tolist() == [8, 8, 8]
    few = wells[wells["well"].str[0] < "E"].reset_index(drop=True)
    assert "gate" not in _roles(few, SplitConfig())
    assert "gate" not in _roles(wells, SplitConfig(folds=3, fold=0))
    by_plate = _roles(many_wells(plates=8), SplitConfig(by="plate"))
    assert "gate" not in by_plate  # two plates are no twelve


@pytest.mark.parametrize("by", ["well", "column"])
def test_copies_of_a_well_have_one_role(by: Literal["well", "column"]) -> None:
    wells = many_wells({"B01": "A04", "C01": "A04", "B02": "B05", "B03": "A03"})
    for seed in range(5):
        roles = pd.Series(_roles(wells, SplitConfig(by=by, seed=seed)))
        assert roles.groupby(wells["sha256"]).nunique().max() == 1
        assert set(roles) >= {"train", "validation", "test"}


def test_a_plate_that_was_copied_under_another_name_is_one_plate() -> None:
    wells = pd.concat([many_wells(plates=4), many_wells().assign(plate="copy")], ignore_index=True)
    for seed in range(5):
        roles = pd.Series(_roles(wells, SplitConfig(by="plate", seed=seed)))
        assert roles[wells["plate"] == "copy"].tolist() == roles[wells["plate"] == "P0"].tolist()


def test_wells_without_a_copy_are_split_as_before() -> None:
    wells = many_wells()
    rng = np.random.default_rng(SplitConfig().seed)
    known = split_wells(list(wells["stimulation"]), validation=0.2, test=0.2, rng=rng)
    roles = _roles(wells, SplitConfig())
    assert np.array_equal(np.where(roles == "gate", "validation", roles), known)
