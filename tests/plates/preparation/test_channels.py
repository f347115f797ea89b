"""Plates with other channels than DCs and T cells, from files to tables."""

from pathlib import Path

import numpy as np
import pytest

from ck19ml.core.measurements.panel import PAIR
from ck19ml.core.quality import measures
from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.well_measures import measured, well_measures
from ck19ml.plates.folder import find_plate
from ck19ml.plates.preparation.prepare import open_prepared, prepare_plates
from ck19ml.plates.preparation.settings import Preparation, Source
from tests.plates.made_plates import grey, labels, write_image

SETTINGS = Preparation(mask="otsu", patch_size=16)
OF_PAIR = {"overlap", "tcell_overlap", "dc_overlap", "overlap_area_px", "tcell_count"}


def written(folder: Path, waves: dict[str, int], told: str) -> Source:
    """Two wells with these waves, the seed of each its own."""
    folder.mkdir()
    for number, well in enumerate(("A - 1", "A - 2")):
        for wave, seed in waves.items():
            name = f"P - {well}(fld 1 wv {wave} - {wave}).tif"
            write_image(folder / name, grey(10 * number + seed))
    (folder / "plate.yaml").write_text(told)
    return Source(find_plate(folder), labels(["A01", "A02"]))


def prepared(source: Source) -> Dataset:
    return prepare_plates([source], source.plate.folder.with_suffix(".zarr"), SETTINGS)


def test_one_channel_has_its_own_measures_only(tmp_path: Path) -> None:
    dataset = prepared(written(tmp_path / "P", {"DAPI": 1}, "channels: {nuclei: DAPI}"))
    every = np.arange(len(dataset.table))
    assert dataset.read(every).shape == dataset.read_masks(every).shape == (8, 16, 16, 1)
    area = dataset.read_masks(every).sum(axis=(1, 2, 3))
    assert dataset.table["nuclei_area_px"].tolist() == area.tolist()
    assert (area > 0).all()
    columns = {*dataset.table, *dataset.fields, *dataset.measurements, *dataset.cells}
    assert not OF_PAIR & columns
    assert not [name for name in columns if "dc" in name or "tcell" in name or "contact" in name]
    assert not (dataset.path / "instrument.csv").exists()
    assert set(dataset.cells["channel"]) == {"nuclei"}
    assert dataset.info["channels"] == ["nuclei"]
    assert list(well_measures(dataset))[6:] == measured(dataset.panel)
    with pytest.raises(ConfigError, match="a regressor needs the overlap of DCs and T cells"):
        dataset.require_pair("a regressor")


def test_brightfield_is_measured_where_the_stained_cells_are(tmp_path: Path) -> None:
    told = "channels: {light: BF, nuclei: DAPI}\nstained: [nuclei]"
    source = written(tmp_path / "P", {"DAPI": 1, "BF": 5}, told)
    dataset = prepared(source)
    every = np.arange(len(dataset.table))
    masks, patches = dataset.read_masks(every), dataset.read(every)
    assert (masks[..., 0] == masks[..., 1]).all()
    assert patches[..., 0].min() < 255 <= patches[..., 1].min()  # raised where it is stained
    assert {"focus_light", "saturated_light", "cells_nuclei"} <= set(dataset.fields)
    assert not {"cells_light", "covered_light", "light_area_px"} & {*dataset.fields, *dataset.table}
    inside = patches[0, ..., 0][masks[0, ..., 0]].mean()
    assert dataset.measurements["light_inside_intensity_mean"][0] == pytest.approx(inside)
    assert open_prepared([source], dataset.path, SETTINGS) is not None


def test_a_third_channel_leaves_the_two_as_they_were(tmp_path: Path) -> None:
    waves = {"TexasRed": 1, "FITC": 2}
    two = prepared(written(tmp_path / "P", waves, "name: P"))
    (tmp_path / "more").mkdir()
    told = "channels: {nuclei: DAPI, tcell: FITC, dc: TexasRed}"
    three = prepared(written(tmp_path / "more" / "P", waves | {"DAPI": 3}, told))
    assert three.panel.names == ("dc", "tcell", "nuclei")
    assert two.panel == PAIR
    same = [name for name in two.table if name != "faulty"]
    assert three.table[same].equals(two.table[same])
    assert three.fields[measures()].equals(two.fields[measures()])
    assert two.measurements.equals(three.measurements[list(two.measurements)])
    assert set(three.cells["channel"]) == {"dc", "tcell", "nuclei"}
    assert "channels" not in two.parameters


def test_a_stack_may_hold_one_channel(tmp_path: Path) -> None:
    folder = tmp_path / "P"
    folder.mkdir()
    for column in (1, 2):
        write_image(folder / f"A{column}.tif", grey(column))
    told = "files: '(?P<row>[A-H])(?P<column>\\d)\\.tif'\nchannels: {nuclei: 0}"
    (folder / "plate.yaml").write_text(told)
    dataset = prepared(Source(find_plate(folder), labels(["A01", "A02"])))
    assert dataset.read(np.arange(1)).shape == (1, 16, 16, 1)


def test_a_channel_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlateError, match=r"lacks the channel 'DAPI' \(nuclei\).*'FITC'"):
        written(tmp_path / "P", {"FITC": 1}, "channels: {nuclei: DAPI}")


def test_patches_follow_fields_that_are_smaller(tmp_path: Path) -> None:
    source, said = written(tmp_path / "P", {"DAPI": 1}, "channels: {nuclei: DAPI}"), []
    asked, target = SETTINGS.changed(patch_size=192), tmp_path / "P.zarr"
    dataset = prepare_plates([source], target, asked, say=said.append)
    assert said == [
        "note: fields of 40 x 40 pixels are smaller than a patch of 192 x 192; patches of 32 x 32 "
        "are cut"
    ]
    assert dataset.parameters["patch_size"] == 32
    assert dataset.read(np.arange(2)).shape == (2, 32, 32, 1)
    for size in (192, 32):  # asked for again, or what became of it
        assert open_prepared([source], target, asked.changed(patch_size=size)) is not None
    with pytest.raises(ConfigError, match="patch_size 32 not 16"):
        open_prepared([source], target, asked.changed(patch_size=16))
