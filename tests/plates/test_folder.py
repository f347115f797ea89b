from pathlib import Path

import numpy as np
import pytest

from ck19ml.core.overlap import DC, TCELL
from ck19ml.errors import PlateError
from ck19ml.plates.folder import find_plate, read_field, some
from tests.plates.made_plates import grey, write_image, write_well


def names(folder: Path) -> list[tuple[str, str, int, str, str]]:
    """What a plate folder's fields are, with the files of both channels."""
    return [
        (field.plate, field.well, field.field, field.dc.name, field.tcell.name)
        for field in find_plate(folder).fields
    ]


def error_of(folder: Path) -> str:
    with pytest.raises(PlateError) as caught:
        find_plate(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("column", ["3", "03"])
@pytest.mark.parametrize(("prefix", "plate"), [("CK19", "CK19"), ("", "folder")])
def test_names_with_and_without_the_plate_and_padding(
    tmp_path: Path, prefix: str, plate: str, column: str
) -> None:
    folder = tmp_path / "folder"
    write_well(folder, "A", column, plate=prefix)
    found = find_plate(folder)
    assert (found.name, found.wells) == (plate, ["A03"])
    assert [(field.plate, field.well, field.field) for field in found.fields] == [(plate, "A03", 1)]


def test_fields_stand_in_the_order_of_wells_and_of_field_numbers(tmp_path: Path) -> None:
    for row, column, field in [("B", 1, 1), ("A", 10, 1), ("A", 2, 10), ("A", 2, 2)]:
        write_well(tmp_path / "p", row, column, field=field)
    order = [(well, field) for _, well, field, _, _ in names(tmp_path / "p")]
    assert order == [("A02", 2), ("A02", 10), ("A10", 1), ("B01", 1)]


def test_brightfield_and_other_files_are_ignored(tmp_path: Path) -> None:
    dc, _ = write_well(tmp_path, "A", 3)
    write_image(Path(str(dc).replace("TexasRed", "Brightfield")), grey(0))
    for name in ("layout.csv", "Thumbs.db", "CK19 - A - 3(fld 1 wv FITC - FITC).tif.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "more").mkdir()
    assert len(find_plate(tmp_path).fields) == 1


def test_channels_are_paired_by_name_where_the_sorted_order_misleads(tmp_path: Path) -> None:
    # Sorted, the T-cell files stand 1, 10, 2 and the DC files 01, 02, 10.
    for column in (1, 2, 10):
        write_image(tmp_path / f"A - {column}(fld 1 wv FITC - FITC).tif", grey(column))
        write_image(
            tmp_path / f"A - {column:02d}(fld 1 wv TexasRed - TexasRed).tif", grey(100 + column)
        )
    plate = find_plate(tmp_path)
    assert [field.well for field in plate.fields] == ["A01", "A02", "A10"]
    for field, column in zip(plate.fields, (1, 2, 10), strict=True):
        image = read_field(field, plate.description)
        np.testing.assert_array_equal(image[..., TCELL], grey(column))
        np.testing.assert_array_equal(image[..., DC], grey(100 + column))


def test_a_missing_file_is_named_and_shifts_nothing(tmp_path: Path) -> None:
    for column in (1, 2, 3):
        dc, _ = write_well(tmp_path, "A", column)
        if column == 2:
            dc.unlink()
    assert "no dc file for A02 (1 of 3 wells)" in error_of(tmp_path)


def test_a_well_that_lacks_several_fields_is_named_once(tmp_path: Path) -> None:
    for field in (1, 2, 3):
        _, tcell = write_well(tmp_path, "A", 1, field=field)
        if field > 1:
            tcell.unlink()
    assert "no tcell file for A01 (1 of 1 wells)" in error_of(tmp_path)


def test_two_files_of_one_channel_are_refused(tmp_path: Path) -> None:
    write_well(tmp_path, "A", "3")
    write_well(tmp_path, "A", "03")
    message = error_of(tmp_path)
    assert "A03" in message
    assert "CK19 - A - 03(fld 1 wv FITC - FITC).tif" in message
    assert "CK19 - A - 3(fld 1 wv FITC - FITC).tif" in message


def test_fields_and_plates_keep_files_of_one_well_apart(tmp_path: Path) -> None:
    write_well(tmp_path, "A", 3, plate="CK19")
    write_well(tmp_path, "A", 3, plate="CK19", field=2)
    write_well(tmp_path, "A", 3, plate="CK21")
    plate = find_plate(tmp_path)
    assert [(f.plate, f.field) for f in plate.fields] == [("CK19", 1), ("CK19", 2), ("CK21", 1)]
    assert plate.wells == ["A03"]
    assert plate.name == tmp_path.name  # no one plate's name is the folder's


def test_a_well_that_no_plate_has_is_refused_with_its_file(tmp_path: Path) -> None:
    dc, _ = write_well(tmp_path, "A", 24)
    dc.rename(tmp_path / "CK19 - A - 49(fld 1 wv TexasRed - TexasRed).tif")
    assert "CK19 - A - 49(fld 1 wv TexasRed - TexasRed).tif" in error_of(tmp_path)


def test_a_folder_without_images_shows_what_names_are_expected(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert f"{tmp_path}: found no images" in error_of(tmp_path)
    write_image(tmp_path / "well A1 red.tif", grey(0))
    message = error_of(tmp_path)
    assert "no file name is like 'CK19 - A - 3(fld 1 wv FITC - FITC).tif'" in message
    assert "'well A1 red.tif'" in message


@pytest.mark.parametrize("name", ["nosuch", "file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    assert str(tmp_path / name) in error_of(tmp_path / name)


def test_channels_of_two_sizes_name_the_file(tmp_path: Path) -> None:
    _, tcell = write_well(tmp_path, "A", 1)
    write_image(tcell, grey(1, (40, 30)))
    plate = find_plate(tmp_path)
    with pytest.raises(PlateError, match=r"40 x 30 pixels where its partner .* has 40 x 40") as e:
        read_field(plate.fields[0], plate.description)
    assert str(tcell) in str(e.value)


class TestOtherInstruments:
    def test_names_and_channels_as_the_plate_yaml_says(self, tmp_path: Path) -> None:
        (tmp_path / "plate.yaml").write_text(
            "name: other\n"
            r"files: '(?P<row>[A-H])(?P<column>\d\d)_f(?P<field>\d)_(?P<channel>\w+)\.png'"
            "\nchannels: {dc: w2, tcell: w1}\nbit_depth: 8\n"
        )
        from imagecodecs import imwrite

        for field in (0, 1):
            for channel in (1, 2, 3):
                plane = grey(10 * field + channel, bits=8)
                imwrite(tmp_path / f"B07_f{field}_w{channel}.png", plane)
        plate = find_plate(tmp_path)
        assert plate.name == "other"
        assert [(f.well, f.field) for f in plate.fields] == [("B07", 0), ("B07", 1)]
        image = read_field(plate.fields[1], plate.description)
        np.testing.assert_array_equal(image[..., DC], grey(12, bits=8))
        np.testing.assert_array_equal(image[..., TCELL], grey(11, bits=8))

    @pytest.mark.parametrize("axis", [0, 2, -1])
    def test_one_file_may_hold_a_stack(self, tmp_path: Path, axis: int) -> None:
        (tmp_path / "plate.yaml").write_text(
            r"files: '(?P<row>[A-H])(?P<column>\d+)\.tif'"
            f"\nchannels: {{dc: 2, tcell: 0}}\nchannel_axis: {axis}\n"
        )
        planes = [grey(seed) for seed in range(3)]
        write_image(tmp_path / "C5.tif", np.stack(planes, axis=axis), planarconfig="contig")
        plate = find_plate(tmp_path)
        assert plate.fields[0].dc == plate.fields[0].tcell
        image = read_field(plate.fields[0], plate.description)
        np.testing.assert_array_equal(image[..., DC], planes[2])
        np.testing.assert_array_equal(image[..., TCELL], planes[0])

    @pytest.mark.parametrize("channels", ["{dc: '1', tcell: '02'}", "{dc: 1, tcell: 2}"])
    def test_rows_and_channels_may_be_numbers(self, tmp_path: Path, channels: str) -> None:
        (tmp_path / "plate.yaml").write_text(
            r"files: 'r(?P<row>\d+)c(?P<column>\d+)ch(?P<channel>\d)\.tif'"
            f"\nchannels: {channels}\n"
        )
        for row in ("02", "28", "33"):
            for channel in (1, 2):
                write_image(tmp_path / f"r{row}c03ch{channel}.tif", grey(channel))
        assert "r33c03ch1.tif: a row is A to AF or 1 to 32" in error_of(tmp_path)
        assert find_plate(tmp_path, strict=False).wells == ["B03", "AB03"]

    def test_a_field_that_is_no_number_is_refused_with_its_file(self, tmp_path: Path) -> None:
        (tmp_path / "plate.yaml").write_text(
            r"files: '(?P<row>[A-H])(?P<column>\d)_(?P<field>\w)_(?P<channel>\d)\.tif'"
            "\nchannels: {dc: '1', tcell: '2'}\n"
        )
        write_image(tmp_path / "A1_x_1.tif", grey(0))
        assert "A1_x_1.tif: the field 'x' is not a number" in error_of(tmp_path)


def test_many_wells_are_named_by_the_first_few() -> None:
    assert some(["A01"]) == "A01"
    assert some(["A01", "A02", "A03", "A04", "A05"]) == "A01, A02, A03, A04, A05"
    assert some([f"A{n:02d}" for n in range(1, 8)]) == "A01, A02, A03, A04, A05 and 2 more"
