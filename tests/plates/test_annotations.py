from pathlib import Path

import numpy as np
import pytest
import tifffile

from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.annotations import annotated_fields, read_annotations
from ck19ml.plates.images import ImageError


def write(folder: Path, name: str, suffix: str = "_labels", dtype: type = np.uint16) -> None:
    labels = np.zeros((30, 40), np.uint16)
    labels[2:12, 3:13], labels[15:25, 20:30] = 4, 9
    tifffile.imwrite(folder / f"{name}.tif", (100 + 50 * (labels > 0)).astype(dtype))
    tifffile.imwrite(folder / f"{name}{suffix}.tif", labels)


def test_images_come_with_the_labels_beside_them(tmp_path: Path) -> None:
    write(tmp_path, "nuclei")
    write(tmp_path, "P - A - 03(fld 1 wv FITC - FITC)", "_cp_masks")
    write(tmp_path, "P - A - 03(fld 1 wv TexasRed - TexasRed)", "-labels", np.uint8)
    (tmp_path / "notes.txt").write_text("by hand")
    tcell, dc, nuclei = read_annotations(tmp_path)
    assert [each.unit for each in (nuclei, tcell, dc)] == ["nuclei", "P - A - 03", "P - A - 03"]
    assert nuclei.plane.shape == (30, 40)
    assert np.unique(nuclei.labels).tolist() == [0, 1, 2]
    assert nuclei.diameter_px == pytest.approx(2 * (100 / np.pi) ** 0.5)
    assert dc.plane.dtype == np.uint8
    assert nuclei.sha256 != dc.sha256


def test_a_longer_name_is_another_image(tmp_path: Path) -> None:
    write(tmp_path, "a1")
    write(tmp_path, "a12")
    assert [each.name for each in read_annotations(tmp_path)] == ["a1.tif", "a12.tif"]


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlateError, match="is not a folder of annotated images; check annotations"):
        read_annotations(tmp_path / "nowhere")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 9), np.uint8))
    with pytest.raises(PlateError, match=r"holds no image with a label image .*; name them"):
        read_annotations(tmp_path)


def test_two_label_images_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a")
    write(tmp_path, "a", "_other")
    with pytest.raises(PlateError, match=r"a\.tif has 2 label images; keep one"):
        read_annotations(tmp_path)


def test_labels_without_a_cell_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a")
    tifffile.imwrite(tmp_path / "a_labels.tif", np.zeros((30, 40), np.uint16))
    with pytest.raises(PlateError, match=r"a_labels\.tif holds no cell; leave it out"):
        read_annotations(tmp_path)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros((30, 41), np.uint16), "30 x 40"),
        (np.zeros((30, 40), np.float32), "whole numbers"),
    ],
)
def test_wrong_labels_are_refused(tmp_path: Path, labels: np.ndarray, reason: str) -> None:
    write(tmp_path, "a")
    tifffile.imwrite(tmp_path / "a_labels.tif", labels)
    with pytest.raises(ImageError, match=reason):
        read_annotations(tmp_path)


def test_images_of_fractions_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a", dtype=np.float32)
    with pytest.raises(ImageError, match="expected 8 or 16 bits, found float32"):
        read_annotations(tmp_path)


def test_the_images_of_a_well_stay_together(tmp_path: Path) -> None:
    for number in range(10):
        for wave in ("FITC", "TexasRed"):
            write(tmp_path, f"P - A - {number}(fld 1 wv {wave} - {wave})")
    parts = annotated_fields(tmp_path, seed=1)
    units = {role: {field.unit for field in part} for role, part in parts.items()}
    assert {role: len(own) for role, own in units.items()} == {
        "train": 6, "validation": 2, "gate": 2,
    }  # fmt: skip
    assert len(set.union(*units.values())) == 10
    assert [len(part) for part in parts.values()] == [12, 4, 4]
    first = parts["train"][0]
    assert first.image.shape == first.masks.shape == (1, 30, 40)
    assert first.diameters_px == pytest.approx([2 * (100 / np.pi) ** 0.5])


def test_two_wells_are_too_few(tmp_path: Path) -> None:
    write(tmp_path, "a")
    write(tmp_path, "b")
    with pytest.raises(ConfigError, match=r"holds 2 annotated wells or images.*; annotate 3"):
        annotated_fields(tmp_path, seed=1)
