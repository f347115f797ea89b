"""What a dataset says of overlap, chance and cells."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ck19ml.core.chance import by_chance, measures
from ck19ml.core.overlap import TARGETS
from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.dataset.store import Dataset, open_dataset
from ck19ml.plates.folder import find_plate
from ck19ml.plates.layouts.reading import read_layout
from ck19ml.plates.preparation.prepare import open_prepared, prepare_plates
from ck19ml.plates.preparation.settings import Preparation, Source

Z = "overlap_z"


@pytest.fixture(scope="module")
def source(tiny_plate: Path) -> Source:
    return Source(find_plate(tiny_plate), read_layout(tiny_plate / "layout.csv"))


@pytest.fixture(scope="module")
def beyond(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The tiny plate, prepared with z-scores."""
    target = tmp_path_factory.mktemp("beyond") / "d.zarr"
    return prepare_plates([source], target, Preparation(patch_size=96, chance=True))


def test_excess_is_what_m1_has_beyond_the_coverage_by_dcs(tiny_dataset: Dataset) -> None:
    table, pixels = tiny_dataset.table, tiny_dataset.parameters["patch_size"] ** 2
    cells = table["tcell_area_px"] > 0
    np.testing.assert_allclose(
        table.loc[cells, "overlap_expected"], table.loc[cells, "dc_area_px"] / pixels
    )
    assert (table.loc[~cells, ["overlap_expected", "overlap_excess"]] == 0).all(axis=None)
    np.testing.assert_allclose(
        table["overlap_excess"], table["tcell_overlap"] - table["overlap_expected"]
    )
    np.testing.assert_allclose(
        table["dc_overlap"] * table["dc_area_px"], table["overlap_area_px"], atol=1e-9
    )


def test_a_field_s_overlap_is_that_of_its_patches_together(tiny_dataset: Dataset) -> None:
    table, fields = tiny_dataset.table, tiny_dataset.fields
    sums = table.groupby("well", sort=False)[["tcell_area_px", "dc_area_px", "overlap_area_px"]]
    areas = sums.sum().reset_index(drop=True)
    pd.testing.assert_frame_equal(fields[areas.columns.tolist()], areas)
    patches = len(table) // len(fields)
    m1 = areas["overlap_area_px"] / areas["tcell_area_px"].clip(lower=1)
    np.testing.assert_allclose(fields["tcell_overlap"], m1)
    pixels = patches * tiny_dataset.parameters["patch_size"] ** 2
    expected = np.where(areas["tcell_area_px"] > 0, areas["dc_area_px"] / pixels, 0)
    np.testing.assert_allclose(fields["overlap_excess"], m1 - expected)


def test_z_scores_are_there_where_they_were_asked_for(
    beyond: Dataset, tiny_dataset: Dataset
) -> None:
    assert Z not in tiny_dataset.table
    assert Z not in tiny_dataset.fields
    masks = beyond.read_masks(np.arange(len(beyond.table)))
    np.testing.assert_allclose(beyond.table[Z], by_chance(masks).z, rtol=1e-3, atol=1e-3)
    rows = np.flatnonzero(beyond.table["well"] == beyond.fields["well"][0])
    side = round(len(rows) ** 0.5)
    grid = masks[rows].reshape(side, side, 96, 96, 2).swapaxes(1, 2)
    whole = by_chance(grid.reshape(1, side * 96, side * 96, 2))
    assert beyond.fields[Z][0] == pytest.approx(whole.z[0], rel=1e-3)


def test_a_dataset_with_z_scores_will_do_for_one_without_but_not_the_reverse(
    source: Source, beyond: Dataset, tmp_path: Path
) -> None:
    asked = Preparation(patch_size=96)
    assert open_prepared([source], beyond.path, asked) is not None
    plain = tmp_path / "d.zarr"
    prepare_plates([source], plain, asked)
    with pytest.raises(ConfigError, match="chance None not True"):
        open_prepared([source], plain, Preparation(patch_size=96, chance=True))


def test_instrument_csv_stands_beside_the_tables(tiny_dataset: Dataset) -> None:
    table = pd.read_csv(tiny_dataset.path / "instrument.csv").set_index("well")
    fields = tiny_dataset.fields.set_index("well")
    assert sorted(table.index) == sorted(fields.index)
    np.testing.assert_array_equal(table["tcell_count"], fields["cells_tcell"][table.index])
    cells = table["tcell_count"] > 0
    per_cell = table["tcell_area_mean_um2"] * table["tcell_count"]
    np.testing.assert_allclose(
        table["overlap_percent"][cells],
        (100 * table["overlap_area_sum_um2"] / per_cell)[cells],
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip
    labels = tiny_dataset.table.groupby("well")["stimulation"].first()
    assert table["stimulation"].to_dict() == labels.to_dict()


def test_a_field_s_entry_takes_less_than_half_of_its_two_files(
    tiny_plate: Path, tiny_dataset: Dataset
) -> None:
    files = sum(path.stat().st_size for path in tiny_plate.glob("*.tif"))
    entry = sum(path.stat().st_size for path in tiny_dataset.path.rglob("*") if path.is_file())
    assert entry < files / 2


def test_the_dataset_holds_no_masked_copy(tiny_dataset: Dataset) -> None:
    arrays = [path.parent.name for path in tiny_dataset.path.glob("*/zarr.json")]
    assert sorted(arrays) == ["masks", "patches"]
    info = json.loads((tiny_dataset.path / "masks" / "zarr.json").read_text())
    assert info["data_type"] == "bool"
    assert open_dataset(tiny_dataset.path).read_masks(np.arange(2)).dtype == bool


@pytest.mark.parametrize("target", TARGETS)
def test_any_measure_can_stand_for_the_overlap(tiny_dataset: Dataset, target: str) -> None:
    chosen = tiny_dataset.with_target(target)
    np.testing.assert_array_equal(chosen.table["overlap"], tiny_dataset.table[target])
    assert chosen.content_hash == tiny_dataset.content_hash
    masks = tiny_dataset.read_masks(np.arange(len(tiny_dataset.table)))
    np.testing.assert_allclose(chosen.table["overlap"], measures(masks)[target], atol=1e-12)


def test_a_measure_that_an_older_dataset_lacks_is_asked_for(tiny_dataset: Dataset) -> None:
    older = replace(tiny_dataset, table=tiny_dataset.table.drop(columns="dc_overlap"))
    with pytest.raises(PlateError, match="no column dc_overlap; prepare the plate again"):
        older.with_target("dc_overlap")
