"""Several plates in one dataset."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ck19ml.cli.plates import _plates_and_dataset
from ck19ml.config import PrepareConfig
from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.dataset.store import Dataset, open_dataset
from ck19ml.plates.folder import find_plate
from ck19ml.plates.layouts.reading import write_layout
from ck19ml.plates.preparation.prepare import open_prepared, prepare_plates
from ck19ml.plates.preparation.settings import Preparation, Source
from ck19ml.workflows import prepare
from tests.plates.made_plates import SIDE, contents, grey, labels, write_image, write_well

SMALL = Preparation(patch_size=16)


def plate(folder: Path, name: str, stimulation: str, seed: int) -> Source:
    for column in (1, 2):
        write_well(folder / name, "A", column, plate=name, seed=seed)
    layout = labels(["A01", "A02"], stimulation)
    write_layout(layout, folder / name / "layout.csv")
    return Source(find_plate(folder / name), layout)


@pytest.fixture
def sources(tmp_path: Path) -> list[Source]:
    """Two plates of the same wells, each with a stimulation of its own."""
    return [plate(tmp_path, "CK22", "OVA", 1), plate(tmp_path, "CK21", "ConA", 2)]


@pytest.fixture
def dataset(sources: list[Source], tmp_path: Path) -> Dataset:
    return prepare_plates(sources, tmp_path / "d.zarr", SMALL)


def test_plates_are_kept_apart_and_each_has_its_own_layout(dataset: Dataset) -> None:
    assert dataset.wells[["plate", "well", "stimulation"]].to_numpy().tolist() == [
        ["CK21", "A01", "ConA"],
        ["CK21", "A02", "ConA"],
        ["CK22", "A01", "OVA"],
        ["CK22", "A02", "OVA"],
    ]
    assert dataset.fields["plate"].tolist() == ["CK21"] * 2 + ["CK22"] * 2


def test_each_plate_s_patches_are_those_of_a_dataset_of_its_own(
    dataset: Dataset, sources: list[Source], tmp_path: Path
) -> None:
    for source in sources:
        alone = prepare_plates([source], tmp_path / "alone.zarr", SMALL)
        rows = np.flatnonzero(dataset.table["plate"] == source.plate.name)
        np.testing.assert_array_equal(dataset.read(rows), alone.read(np.arange(len(rows))))
        own = dataset.table.iloc[rows].reset_index(drop=True)
        pd.testing.assert_frame_equal(own, alone.table)


def test_the_order_in_which_they_are_named_does_not_matter(
    dataset: Dataset, sources: list[Source], tmp_path: Path
) -> None:
    other = prepare_plates(sources[::-1], tmp_path / "other.zarr", SMALL)
    assert other.content_hash == dataset.content_hash
    assert open_prepared(sources[::-1], dataset.path, SMALL) is not None


def test_a_part_of_the_plates_is_another_dataset(dataset: Dataset, sources: list[Source]) -> None:
    with pytest.raises(ConfigError, match="other images or another layout"):
        open_prepared(sources[:1], dataset.path, SMALL)


def test_that_the_plate_gives_the_stimulation_away_is_recorded(dataset: Dataset) -> None:
    assert [sentence for sentence in dataset.info["confounding"] if "plate alone" in sentence]


def test_two_plates_of_one_name_are_refused(sources: list[Source], tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    twin = plate(tmp_path / "more", "CK21", "OVA", 3)
    before = contents(tmp_path)
    with pytest.raises(PlateError, match=r"two plates are named 'CK21': .* and ") as caught:
        prepare_plates([*sources, twin], tmp_path / "d.zarr", SMALL)
    assert str(twin.plate.folder) in str(caught.value)
    assert contents(tmp_path) == before


def test_plates_of_two_sizes_are_refused(sources: list[Source], tmp_path: Path) -> None:
    for field in sources[0].plate.fields:
        write_image(field.dc, grey(1, (SIDE, 32)))
        write_image(field.tcell, grey(2, (SIDE, 32)))
    with pytest.raises(PlateError, match=r"CK22 has fields of 40 x 32 pixels, but .* of 40 x 40"):
        prepare_plates(sources, tmp_path / "d.zarr", SMALL)


def test_plates_of_two_cameras_are_refused(sources: list[Source], tmp_path: Path) -> None:
    (tmp_path / "CK21" / "plate.yaml").write_text("background: 300")
    other = Source(find_plate(tmp_path / "CK21"), sources[1].layout)
    with pytest.raises(PlateError, match=r"CK21 has another camera \(12 bits, backgr"):
        prepare_plates([sources[0], other], tmp_path / "d.zarr", SMALL)


def test_one_layout_does_not_hold_for_several_plates(sources: list[Source], tmp_path: Path) -> None:
    config = PrepareConfig(patch_size=16, layout=tmp_path / "CK21" / "layout.csv")
    with pytest.raises(ConfigError, match="each needs its own layout"):
        prepare.prepare([source.plate for source in sources], tmp_path / "d.zarr", config)


class TestTheCommandLine:
    def test_the_last_path_is_the_dataset(self) -> None:
        assert _plates_and_dataset(["a", "b", "c.zarr"]) == ([Path("a"), Path("b")], Path("c.zarr"))

    def test_one_parameter_may_hold_several_folders(self, tmp_path: Path) -> None:
        (tmp_path / "one plate").mkdir()
        spaced = str(tmp_path / "one plate")
        assert _plates_and_dataset(["a b", "c.zarr"]) == ([Path("a"), Path("b")], Path("c.zarr"))
        assert _plates_and_dataset([spaced, "c.zarr"]) == ([Path(spaced)], Path("c.zarr"))

    def test_a_dataset_alone_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="only one path is given, 'a'; give"):
            _plates_and_dataset(["a"])

    @pytest.mark.slow
    def test_the_command_takes_several_plates(self, sources: list[Source], workplace: Path) -> None:
        arguments = ["CK21", "CK22", "d.zarr", "--patch-size", "16"]
        command = [sys.executable, "-m", "ck19ml", "prepare", *arguments]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr
        assert "note: stimulation can be told from the plate alone" in found.stderr
        assert len(open_dataset(workplace / "d.zarr").wells) == 4
        figures = {path.name for path in workplace.rglob("quality-*")}
        assert figures == {"quality-CK21.png", "quality-CK22.png"}
