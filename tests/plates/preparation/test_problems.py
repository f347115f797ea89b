"""All problems of a plate are found before any is judged, and may be skipped."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from ck19ml import cli
from ck19ml.config import PrepareConfig
from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.dataset.store import Dataset, open_dataset
from ck19ml.plates.folder import Plate, find_plate
from ck19ml.plates.layouts.reading import write_layout
from ck19ml.plates.preparation import checks
from ck19ml.plates.preparation.prepare import open_prepared, prepare_plates
from ck19ml.plates.preparation.settings import Preparation, Source
from ck19ml.plates.problems import KINDS, PlateProblems
from ck19ml.workflows import prepare
from tests.plates.made_plates import SIDE, contents, grey, labels, write_image, write_well

SMALL = Preparation(patch_size=16, keep_empty=False)
GOOD = ["A01", "A02", "A03"]
WELLS = [f"{row}{column:02d}" for row in "AB" for column in range(1, 9)]


def spoil(folder: Path) -> dict[str, str]:
    """Write a plate with one problem of each kind; returns the kinds by well."""
    files = {well: write_well(folder, well[0], int(well[1:])) for well in WELLS}
    bright, dark = np.full((SIDE, SIDE), 4095, np.uint16), np.full((SIDE, SIDE), 255, np.uint16)
    files["A04"][0].unlink()
    write_well(folder, "A", "05")[1].unlink()
    files["A06"][1].write_bytes(files["A06"][1].read_bytes()[:700])
    files["A07"][0].write_bytes(b"")
    write_image(files["A08"][1], grey(0, (SIDE, 8)))
    for path in files["B01"]:
        write_image(path, grey(0, (SIDE, 48)))
    write_image(files["B02"][0], grey(0, bits=8))
    write_image(files["B03"][0], bright + 1)
    write_image(files["B04"][1], bright)
    write_image(files["B05"][0], dark)
    files["B06"][0].rename(folder / "CK19 - B - 49(fld 1 wv TexasRed - TexasRed).tif")
    damaged = write_image(files["B07"][1], grey(3), compression="zlib", rowsperstrip=8)
    packed = bytearray(damaged.read_bytes())
    packed[400:460] = bytes(60)  # the header is whole, the pixels are not
    damaged.write_bytes(packed)
    write_layout(labels([well for well in WELLS if well != "B08"]), folder / "layout.csv")
    return {
        "A04": "missing partner", "A05": "duplicate file", "A06": "unreadable",
        "A07": "unreadable", "A08": "wrong size", "B01": "wrong size", "B02": "wrong bit depth",
        "B03": "wrong bit depth", "B04": "saturated", "B05": "empty", "B06": "missing partner",
        "B07": "unreadable", "B08": "not in the layout", "": "wrong name",
    }  # fmt: skip


PIXELS = {"B03", "B04", "B05", "B07"}
"""Wells whose problems no header shows."""


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A plate with each kind of problem, and three good wells."""
    spoil(tmp_path / "plate")
    plate = find_plate(tmp_path / "plate", strict=False)
    return Source(plate, labels([well for well in WELLS if well != "B08"]))


def test_the_cheap_checks_find_what_needs_no_pixels(tmp_path: Path) -> None:
    kinds = spoil(tmp_path / "plate")
    plate = find_plate(tmp_path / "plate", strict=False)
    found = checks.check(Source(plate, labels([well for well in WELLS if well != "B08"])))
    assert {problem.well: problem.kind for problem in found.problems} == {
        well: kind for well, kind in kinds.items() if well not in PIXELS
    }
    assert {field.well for field in found.fields} == {*GOOD, *PIXELS}
    assert found.shape == (SIDE, SIDE)


def test_they_are_judged_before_any_pixel_is_read(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("a field was read")

    monkeypatch.setattr("ck19ml.plates.preparation.field.read_field", read)
    before = contents(tmp_path)
    with pytest.raises(PlateProblems) as caught:
        prepare_plates([source], tmp_path / "d.zarr", SMALL)
    assert len(caught.value.problems) == len(caught.value.report) == 10
    assert contents(tmp_path) == before


def test_with_skip_bad_all_others_are_prepared_and_the_rest_is_listed(
    source: Source, tmp_path: Path
) -> None:
    kinds = spoil(tmp_path / "plate")
    dataset = prepare_plates([source], tmp_path / "d.zarr", SMALL, skip_bad=True)
    skipped = pd.read_csv(dataset.path / "skipped.csv", keep_default_na=False)
    assert dict(zip(skipped["well"], skipped["kind"], strict=True)) == kinds
    others = {"wrong axes", "wrong pixel size", "missing labels", "wrong labels"}
    assert set(skipped["kind"]) == set(KINDS) - others
    assert list(skipped.columns) == ["plate", "well", "field", "file", "kind", "message"]
    assert dataset.wells["well"].tolist() == GOOD
    assert dataset.info["skipped"] == len(kinds)


def only_good(tmp_path: Path) -> Dataset:
    for well in GOOD:
        write_well(tmp_path / "good", well[0], int(well[1:]))
    plate = find_plate(tmp_path / "good")
    return prepare_plates([Source(plate, labels(GOOD))], tmp_path / "good.zarr", SMALL)


def test_what_is_left_is_as_if_the_rest_had_never_been(source: Source, tmp_path: Path) -> None:
    dataset = prepare_plates([source], tmp_path / "d.zarr", SMALL, skip_bad=True)
    alone = only_good(tmp_path)
    pd.testing.assert_frame_equal(dataset.table, alone.table)
    pd.testing.assert_frame_equal(dataset.fields, alone.fields)
    every = np.arange(len(alone.table))
    np.testing.assert_array_equal(dataset.read(every), alone.read(every))
    np.testing.assert_array_equal(dataset.read_masks(every), alone.read_masks(every))
    assert dataset.content_hash == alone.content_hash
    assert not (alone.path / "skipped.csv").exists()


class TestPixels:
    """Problems that only the pass over the pixels finds."""

    @pytest.fixture
    def plate(self, tmp_path: Path) -> Plate:
        files = [write_well(tmp_path / "plate", "A", column) for column in (1, 2, 3, 4)]
        write_image(files[0][0], np.full((SIDE, SIDE), 4096, np.uint16))
        write_image(files[2][1], np.full((SIDE, SIDE), 4095, np.uint16))
        return find_plate(tmp_path / "plate")

    def sources(self, plate: Plate) -> list[Source]:
        return [Source(plate, labels(["A01", "A02", "A03", "A04"]))]

    def test_the_pass_goes_on_to_its_end_and_leaves_nothing(
        self, plate: Plate, tmp_path: Path
    ) -> None:
        told: list[int] = []
        before = contents(tmp_path)
        with pytest.raises(PlateProblems) as caught:
            prepare_plates(
                self.sources(plate), tmp_path / "d.zarr", SMALL,
                progress=lambda done, _: told.append(done),
            )  # fmt: skip
        assert told == [1, 2, 3, 4]
        assert [(p.well, p.kind) for p in caught.value.problems] == [
            ("A01", "wrong bit depth"),
            ("A03", "saturated"),
        ]
        assert contents(tmp_path) == before

    def test_fields_between_bad_ones_keep_their_pixels(self, plate: Plate, tmp_path: Path) -> None:
        dataset = prepare_plates(self.sources(plate), tmp_path / "d.zarr", SMALL, skip_bad=True)
        assert dataset.wells["well"].tolist() == ["A02", "A04"]
        left = self.sources(plate)[0]
        assert open_prepared([left], dataset.path, SMALL, skip_bad=True) is not None
        with pytest.raises(ConfigError, match=r"with 2 skipped fields; .*--overwrite"):
            open_prepared([left], dataset.path, SMALL)
        other = Preparation(patch_size=16, keep_empty=False, saturated_limit=0.5)
        with pytest.raises(ConfigError, match=r"saturated_limit 0\.05 not 0\.5"):
            open_prepared([left], dataset.path, other, skip_bad=True)

    def test_where_nothing_is_left_nothing_is_written(self, tmp_path: Path) -> None:
        for path in write_well(tmp_path / "plate", "A", 1):
            write_image(path, np.zeros((SIDE, SIDE), np.uint16))
        sources = self.sources(find_plate(tmp_path / "plate"))
        before = contents(tmp_path)
        with pytest.raises(PlateError, match=r"all \d+ fields have problems; omit"):
            prepare_plates(sources, tmp_path / "d.zarr", SMALL, skip_bad=True)
        assert contents(tmp_path) == before


@pytest.mark.parametrize(("share", "limit", "problems"), [(0.1, 0.05, 1), (0.1, 0.2, 0)])
def test_how_much_saturation_is_a_problem_can_be_chosen(
    tmp_path: Path, share: float, limit: float, problems: int
) -> None:
    plane = grey(1) // 2
    plane[: round(SIDE * share)] = 4095
    write_image(write_well(tmp_path / "plate", "A", 1)[0], plane)
    source = Source(find_plate(tmp_path / "plate"), labels(["A01"]))
    chosen = Preparation(patch_size=16, saturated_limit=limit)
    if problems:
        with pytest.raises(
            PlateProblems, match=r"10\.0% .* maximum 4095, more than the limit of 5\.0%"
        ):
            prepare_plates([source], tmp_path / "d.zarr", chosen)
    else:
        assert prepare_plates([source], tmp_path / "d.zarr", chosen).info["skipped"] == 0


def test_an_empty_field_may_be_kept_as_faulty(tmp_path: Path) -> None:
    write_image(write_well(tmp_path / "p", "A", 1)[0], np.zeros((SIDE, SIDE), np.uint16))
    write_well(tmp_path / "p", "A", 2)
    source = Source(find_plate(tmp_path / "p"), labels(["A01", "A02"]))
    dataset = prepare_plates([source], tmp_path / "d.zarr", Preparation(patch_size=16))
    assert dataset.fields["empty"].tolist() == [True, False]
    assert dataset.fields["faulty_share"].tolist() == [1, 0]
    assert dataset.fields["flagged"].str.contains("faulty").tolist() == [True, False]
    with pytest.raises(ConfigError, match="1 empty or saturated fields"):
        open_prepared([source], dataset.path, SMALL)


class TestTheReport:
    def test_it_stands_before_the_one_line(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        spoil(tmp_path / "plate")
        plate = find_plate(tmp_path / "plate", strict=False)
        config = PrepareConfig(patch_size=16)
        before = contents(tmp_path)
        code = cli._guard(lambda: prepare.prepare(plate, tmp_path / "d.zarr", config), debug=False)
        lines = capsys.readouterr().err.splitlines()
        assert code == 1
        assert len(lines) == 17, "of the plate, of its problems and one error"
        assert lines[-1].startswith("error: the plate has 10 problems in ")
        assert "and 7 more; correct them, or use --skip-bad" in lines[-1]
        assert all("plate" in line for line in lines[-11:-1]), "the ten problems"
        assert not any(line.startswith("error") for line in lines[:-1])
        assert contents(tmp_path) == before

    @pytest.mark.slow
    def test_the_command_skips_and_says_so(self, workplace: Path) -> None:
        spoil(workplace / "plate")
        arguments = "prepare plate d.zarr --patch-size 16 --skip-bad --json"
        command = [sys.executable, "-m", "ck19ml", *arguments.split()]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr
        assert "14 fields were skipped, see d.zarr/skipped.csv" in found.stderr
        assert open_dataset(workplace / "d.zarr").info["skipped"] == 14


def test_files_that_deny_the_plate_s_pixel_size_or_axes_are_named(tmp_path: Path) -> None:
    for number, size in enumerate((0.5, 0.5, 0.65), start=1):
        for path in write_well(tmp_path, "A", number):
            metadata = {"axes": "YX", "PhysicalSizeX": size, "PhysicalSizeY": size}
            tifffile.imwrite(path, grey(number), ome=True, metadata=metadata)
    tifffile.imwrite(write_well(tmp_path, "A", 4)[0], grey(4), append=True)
    source = Source(find_plate(tmp_path), labels(["A01", "A02", "A03", "A04"]))
    checked = checks.check(source)
    assert [(p.well, p.kind) for p in checked.problems] == [
        ("A03", "wrong pixel size"),
        ("A04", "wrong axes"),
    ]
    assert "the pixels measure 0.65 um, those of the rest of the plate 0.5 um" in str(
        checked.problems[0].message
    )
    (tmp_path / "plate.yaml").write_text("pixel_size_um: 0.65\nz: 1\n")
    assert checks.check(Source(find_plate(tmp_path), source.layout)).problems == ()
