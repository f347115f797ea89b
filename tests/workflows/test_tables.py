"""The cells of a dataset as files."""

from pathlib import Path

import pandas as pd
import pytest

from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.well_measures import WELL_MEASURES, well_measures
from ck19ml.workflows.tables import cells_command


def test_cells_wells_and_figure_are_written(tiny_dataset: Dataset, tmp_path: Path) -> None:
    out, wells, figure = (tmp_path / name for name in ("cells.csv", "wells.csv", "contacts.png"))
    told = cells_command(tiny_dataset.path, out, wells, figure, overwrite=False)
    cells = pd.read_csv(out)
    assert len(cells) == len(tiny_dataset.cells) == told.data["cells"]
    assert list(cells.columns) == list(tiny_dataset.cells.columns)
    assert figure.stat().st_size > 10_000
    found = pd.read_csv(wells).set_index("well")
    assert len(told.lines) == 1 + found["stimulation"].nunique()
    for well, own in cells[cells["channel"] == "tcell"].groupby("well"):
        assert found.loc[well, "cells_tcell"] == len(own)
        assert found.loc[well, "tcells_in_contact"] == (own["partners"] > 0).sum()
    with pytest.raises(PlateError, match="already exists; use --overwrite"):
        cells_command(tiny_dataset.path, out, None, None, overwrite=False)


def test_the_measures_of_wells_agree_with_the_tables(tiny_dataset: Dataset) -> None:
    measures = well_measures(tiny_dataset).set_index("well")
    assert set(WELL_MEASURES) <= set(measures)
    fields = tiny_dataset.fields.set_index("well")  # one field a well
    for name in set(WELL_MEASURES) - {"overlap", "tcell_overlap", "dc_overlap"}:
        pd.testing.assert_series_equal(
            measures[name], fields[name], check_names=False, check_dtype=False, rtol=1e-5
        )
    for name in ("tcell_overlap", "dc_overlap"):
        full = fields[name] > 0  # the field's is 0 and the well's missing without a cell
        pd.testing.assert_series_equal(measures[name][full], fields[name][full])


def test_a_figure_of_another_kind_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"does not end with \.png"):
        cells_command(tmp_path, tmp_path / "c.csv", None, tmp_path / "c.gif", overwrite=False)
