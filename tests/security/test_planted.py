"""Files that people are handed with a plate, a config or a dataset: nothing in them runs."""

import shutil
import time
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from ck19ml.networks.checkpoint import read_state
from ck19ml.plates.dataset.store import Dataset
from ck19ml.workflows.tuning.features import read_features
from tests.command import ck19ml, in_one_line
from tests.plates.made_plates import contents, labels, write_well
from tests.security.conftest import Payload

CALL = "!!python/object/apply:os.system ['touch {}']"


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """A plate of one well."""
    folder = tmp_path / "plate"
    write_well(folder, "A", 1)
    labels(["A01"]).to_csv(folder / "layout.csv", index=False)
    return folder


def pickled(marker: Path) -> np.ndarray:
    return np.array([Payload(marker)], dtype=object)


class TestArrays:
    def test_features_kept_beside_a_study(self, tmp_path: Path, marker: Path) -> None:
        path = tmp_path / "features-0123.npy"
        np.save(path, pickled(marker), allow_pickle=True)
        assert read_features(path, 1) is None  # they are computed anew

    def test_a_pickle_under_the_name_of_an_array(self, tmp_path: Path, marker: Path) -> None:
        import pickle

        path = tmp_path / "features-0123.npy"
        path.write_bytes(pickle.dumps(Payload(marker)))
        assert read_features(path, 1) is None

    def test_features_that_were_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "features-0123.npy"
        np.save(path, np.ones((3, 2), np.float32))
        found = read_features(path, 3)
        assert found is not None
        assert found.sum() == 6
        assert read_features(path, 4) is None  # of other patches

    @pytest.mark.parametrize("name", ["content", "variable_00000"])
    def test_the_state_of_a_training(self, tmp_path: Path, marker: Path, name: str) -> None:
        path = tmp_path / "network.npz"
        arrays = {"content": np.array("{}")} | {name: pickled(marker)}
        np.savez(path, **arrays)  # type: ignore[arg-type]
        assert read_state(path) is None


class TestYaml:
    def test_a_config(self, tmp_path: Path, marker: Path) -> None:
        (tmp_path / "c.yaml").write_text(f"dataset: {CALL.format(marker)}\n")
        ended = ck19ml("classifier", "-c", tmp_path / "c.yaml")
        assert ended.code == 2
        in_one_line(ended, "c.yaml", "python/object/apply")

    @pytest.mark.parametrize("key", ["dataset", "fit.epochs"])
    def test_an_override(self, tmp_path: Path, marker: Path, key: str) -> None:
        (tmp_path / "c.yaml").write_text("dataset: d.zarr\n")
        ended = ck19ml(
            "classifier", "-c", tmp_path / "c.yaml", "-s", f"{key}={CALL.format(marker)}"
        )
        assert ended.code == 2
        in_one_line(ended)

    def test_thresholds_of_quality(self, plate: Path, marker: Path) -> None:
        ended = ck19ml("prepare", plate, plate.parent / "d.zarr", "--quality", CALL.format(marker))
        assert ended.code == 2
        in_one_line(ended, "quality")

    def test_the_description_of_a_plate(self, plate: Path, marker: Path) -> None:
        (plate / "plate.yaml").write_text(f"name: {CALL.format(marker)}\n")
        ended = ck19ml("prepare", plate, plate.parent / "d.zarr")
        assert ended.code == 1
        in_one_line(ended, "plate.yaml")


class TestPlates:
    @pytest.mark.parametrize("name", ["../../secret.csv", "/etc/passwd", "..", "sub/layout.csv"])
    def test_a_layout_outside_the_folder(self, plate: Path, name: str) -> None:
        (plate / "plate.yaml").write_text(f"layout: {name}\n")
        ended = ck19ml("prepare", plate, plate.parent / "d.zarr")
        assert ended.code == 1
        in_one_line(ended, "layout: must be the name of a file in the plate's folder")
        assert not (plate.parent / "d.zarr").exists()

    @pytest.mark.parametrize("pattern", ["(\\w|\\w)*!", "(a|a|aa)+!"])
    def test_a_pattern_that_never_ends(self, plate: Path, pattern: str) -> None:
        (plate / "plate.yaml").write_text(
            f"files: '(?P<row>[A-P])(?P<column>){pattern}'\nchannels: {{dc: 0, tcell: 1}}\n"
        )
        (plate / f"A{'a' * 200}!.tif").touch()
        start = time.monotonic()
        ended = ck19ml("prepare", plate, plate.parent / "d.zarr")
        assert time.monotonic() - start < 30
        assert ended.code == 1
        in_one_line(ended, "simplify 'files' in plate.yaml")

    def test_a_link_that_leads_out_of_an_unfinished_dataset(self, plate: Path, store: Path) -> None:
        outside = plate.parent / "outside"
        outside.mkdir()
        (outside / "precious").write_text("x")
        partial = plate.parent / "d.zarr.partial"
        partial.mkdir()
        for name in ("patches", "progress", "mask_network"):
            (partial / name).symlink_to(outside)
        ck19ml("prepare", plate, plate.parent / "d.zarr", "--patch-size", 16)
        assert contents(outside).keys() == {"precious"}

    def test_a_link_instead_of_an_image_says_nothing_of_what_it_leads_to(
        self, plate: Path, tmp_path: Path
    ) -> None:
        secret = tmp_path / "secret"
        secret.write_text("THE-SECRET-LINE\n" * 9)
        for image in plate.glob("*TexasRed*"):
            image.unlink()
            image.symlink_to(secret)
        ended = ck19ml("prepare", plate, tmp_path / "d.zarr")
        assert ended.code == 1
        in_one_line(ended, "the image is damaged (not a TIFF file)")
        assert "SECRET" not in ended.err


def workbook(path: Path, sheet: str) -> Path:
    """An .xlsx by openpyxl, its sheet replaced."""
    import openpyxl

    stream = BytesIO()
    openpyxl.Workbook().save(stream)
    with zipfile.ZipFile(stream) as made, zipfile.ZipFile(path, "w") as archive:
        for name in made.namelist():
            content = made.read(name)
            archive.writestr(name, sheet if name.endswith("sheet1.xml") else content)
    return path


ROW = '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&{};</t></is></c></row></sheetData>'
NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LAUGHS = "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha" * 10}">' for n in range(10)
)  # fmt: skip


@pytest.mark.parametrize(
    ("entities", "name"),
    [('<!ENTITY e SYSTEM "file://{secret}">', "e"), (LAUGHS, "l9")],
    ids=["external entity", "billion laughs"],
)
def test_entities_of_a_workbook(tmp_path: Path, entities: str, name: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("THE-SECRET-LINE")
    doctype = f"<!DOCTYPE worksheet [{entities.replace('{secret}', str(secret))}]>"
    sheet = f'{doctype}<worksheet xmlns="{NAMESPACE}">{ROW.format(name)}</worksheet>'
    ended = ck19ml("layout", workbook(tmp_path / "layout.xlsx", sheet))
    assert ended.code == 1
    in_one_line(ended, "DOCTYPE")
    assert "SECRET" not in ended.out + ended.err


def test_a_workbook_s_parts_are_not_unpacked_elsewhere(tmp_path: Path) -> None:
    import openpyxl

    path = tmp_path / "in" / "layout.xlsx"
    path.parent.mkdir()
    openpyxl.Workbook().save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../planted.xml", "<a/>")
    ck19ml("layout", path)
    assert {found.name for found in tmp_path.rglob("*")} == {"in", "layout.xlsx"}


@pytest.mark.slow  # `prepare` draws all its figures
def test_labels_that_are_paths_formulas_and_pages(
    tmp_path: Path, store: Path, marker: Path
) -> None:
    """Names of plates, stimulations and compounds go into files, artifacts and metrics."""
    labelled = labels(["A01", "A02"], "../../../planted")
    labelled.loc[1, ["stimulation", "compound"]] = ["=cmd|' /C calc'!A0", "<script>x</script>"]
    folder = tmp_path / "plate"
    for well in ("A01", "A02"):
        write_well(folder, "A", int(well[1:]), plate="=1..%2f")
    labelled.to_csv(folder / "layout.csv", index=False)
    ended = ck19ml("prepare", folder, tmp_path / "d.zarr", "--patch-size", 16)
    assert (ended.code, ended.err) == (0, ended.err)
    assert {path.name for path in tmp_path.iterdir()} == {"plate", "d.zarr"}
    everything = [path.name for path in store.rglob("*")]
    assert not [name for name in everything if "planted" in name and "mean_overlap" not in name]
    for table in (*store.rglob("*.csv"), *(tmp_path / "d.zarr").glob("*.csv")):
        text = table.read_text()
        assert not any(cell.startswith("=") for cell in text.replace("\n", ",").split(",")), table


def test_a_dataset_whose_source_leads_elsewhere(tiny_dataset: Dataset, tmp_path: Path) -> None:
    """`check` reads what stands in the folder, whatever its files name."""
    folder = shutil.copytree(tiny_dataset.path, tmp_path / "d.zarr")
    path = folder / "dataset.json"
    path.write_text(path.read_text().replace('"patches.parquet"', '"../../../../../etc/passwd"'))
    ended = ck19ml("check", folder)
    assert ended.code == 1
    in_one_line(ended, "dataset.json")
