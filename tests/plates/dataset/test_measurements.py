from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ck19ml.core.contacts import summary
from ck19ml.core.measurements.table import measure, names
from ck19ml.core.patches import cut
from ck19ml.errors import PlateError
from ck19ml.plates.dataset.integrity import examine
from ck19ml.plates.dataset.measurements import CELLS, MEASUREMENTS, write_measurements
from ck19ml.plates.dataset.store import open_dataset
from ck19ml.plates.folder import find_plate, read_field
from tests.plates.made_plates import labels, write_well
from tests.plates.prepared import prepare_dataset


def test_the_raw_patches_of_each_field_are_measured(tmp_path: Path) -> None:
    for row in "AB":
        write_well(tmp_path / "plate", row, 3)
    plate = find_plate(tmp_path / "plate")
    dataset = prepare_dataset(
        plate, labels(["A03", "B03"]), tmp_path / "d.zarr", mask="instrument", patch_size=16
    )
    table, each = dataset.measurements, len(dataset.table) // 2
    assert list(table.columns) == names()
    assert (table["dc_area_px"] == dataset.table["dc_area_px"]).all()
    for index, field in enumerate(plate.fields):
        raw = np.asarray(cut(read_field(field, plate.description), 16))  # not raised
        rows = np.arange(index * each, (index + 1) * each)
        known = measure(raw, dataset.read_masks(rows), 4095)
        np.testing.assert_allclose(table.iloc[rows], known, rtol=1e-6)
        assert raw.min() < dataset.parameters["background"]


def test_many_fields_are_one_table(tmp_path: Path) -> None:
    values = np.arange(300, dtype=np.float32).reshape(100, 3)
    write_measurements(tmp_path, ["a", "b", "c"], iter(np.split(values, 100)))
    found = pd.read_parquet(tmp_path / MEASUREMENTS)
    assert np.array_equal(found.to_numpy(), values)
    assert list(found.columns) == ["a", "b", "c"]


def test_the_cells_are_those_of_the_fields_in_order(tmp_path: Path) -> None:
    for row in "AB":
        write_well(tmp_path / "plate", row, 3)
    plate = find_plate(tmp_path / "plate")
    dataset = prepare_dataset(
        plate, labels(["A03", "B03"]), tmp_path / "d.zarr", mask="instrument", patch_size=16
    )
    cells = dataset.cells
    assert cells["well"].drop_duplicates().tolist() == ["A03", "B03"]
    for row in dataset.fields.to_dict("records"):
        own = cells[(cells["well"] == row["well"]) & (cells["field"] == row["field"])]
        for channel in ("dc", "tcell"):
            kind = own[own["channel"] == channel]
            assert kind["label"].tolist() == list(range(1, row[f"cells_{channel}"] + 1))
            assert kind["area_um2"].mean() == pytest.approx(row[f"cell_area_um2_{channel}"])
        assert summary(own).items() <= row.items()
        patches = dataset.table[dataset.table["well"] == row["well"]]
        assert 0 < patches["tcell_count"].sum() <= row["cells_tcell"]  # the margin has no patch
    assert (dataset.table["tcell_contact"] <= 1).all()


@pytest.mark.parametrize("name", [MEASUREMENTS, CELLS])
def test_damaged_tables_are_noticed_and_missing_ones_said(tmp_path: Path, name: str) -> None:
    what = name.removesuffix(".parquet")
    write_well(tmp_path / "plate", "A", 3)
    target = tmp_path / "d.zarr"
    prepare_dataset(
        find_plate(tmp_path / "plate"), labels(["A03"]), target, mask="instrument", patch_size=16
    )
    getattr(open_dataset(target), what).iloc[1:].to_parquet(target / name, index=False)
    with pytest.raises(PlateError, match=f"{name} was changed"):
        getattr(open_dataset(target), what)
    assert [damage.part for damage in examine(target).damages] == [name]
    older = open_dataset(target)
    older.info["hashes"].pop(name)
    with pytest.raises(PlateError, match=f"holds no {what}; prepare the plate again"):
        getattr(older, what)
