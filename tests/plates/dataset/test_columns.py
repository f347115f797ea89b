"""The columns of a dataset's tables are those that are described."""

from pathlib import Path

import pandas as pd
import pytest

from ck19ml.core.measurements import (
    binary_patterns,
    cooccurrence,
    granularity,
    intensity,
    table,
)
from ck19ml.plates.dataset import columns
from tests.command import ck19ml

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dataset(tiny_plate: Path, store: Path) -> Path:
    ended = ck19ml("prepare", tiny_plate, store / "tiny.zarr", "--chance")
    assert ended.code == 0, ended.err
    return store / "tiny.zarr"


@pytest.mark.parametrize(
    ("name", "meanings"),
    [
        ("patches.parquet", columns.PATCHES),
        ("fields.parquet", columns.FIELDS),
        ("instrument.csv", columns.INSTRUMENT),
        ("cells.parquet", columns.CELLS),
    ],
)
def test_each_column_is_described(dataset: Path, name: str, meanings: dict[str, str]) -> None:
    read = pd.read_csv if name.endswith("csv") else pd.read_parquet
    assert set(read(dataset / name).columns) == set(meanings)


def test_each_measurement_is_described(dataset: Path) -> None:
    tokens = {
        "CHANNEL": ("dc", "tcell"),
        "REGION": table.REGIONS,
        "STATISTIC": intensity.NAMES,
        "granularity_RADIUS": granularity.NAMES,
        "TEXTURE": cooccurrence.NAMES,
        "PATTERN": binary_patterns.NAMES,
    }
    names = set(columns.MEASUREMENTS)
    for token, values in tokens.items():
        names = {name.replace(token, value) for name in names for value in values}
    assert set(pd.read_parquet(dataset / "measurements.parquet").columns) == names


def test_each_column_of_a_layout_is_described(tiny_plate: Path) -> None:
    assert list(pd.read_csv(tiny_plate / "layout.csv").columns) == list(columns.LAYOUT)
