"""A plate folder is shown before anything is prepared, and a plate.yaml is proposed for it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ck19ml.errors import PlateError
from ck19ml.plates.folder import find_plate
from ck19ml.plates.layouts.reading import write_layout
from ck19ml.plates.preparation.settings import estimate_levels
from ck19ml.workflows.layout import column_names, layout_command
from ck19ml.workflows.prepare import understood
from tests.plates.made_plates import grey, labels, write_image, write_well


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    folder = tmp_path / "CK19"
    for column in (1, 2):
        dc, _ = write_well(folder, "A", column)
    write_image(folder / f"{dc.stem} - Copy.tif", grey(0))
    write_image(Path(str(dc).replace("TexasRed", "Brightfield")), grey(0))
    (folder / "._CK19 - A - 1(fld 1 wv FITC - FITC).tif").write_bytes(b"x")
    (folder / "Thumbs.db").write_bytes(b"x")
    write_layout(labels(["A01", "A02", "A03", "B01"]), folder / "layout.csv")
    return folder


def test_five_lines_and_all_that_is_not_used(plate: Path) -> None:
    lines = understood(find_plate(plate), None)
    assert lines[0].endswith("plate CK19, 4 of 6 image files used")
    assert lines[1] == "wells: 2 of 96 with images, 1 fields each"
    assert lines[2] == "channels: DC is TexasRed, T cell is FITC (assumed)"
    assert lines[4] == "layout: 4 wells, 4 OVA; no control wells"
    copy, brightfield, lacking = lines[5:]
    assert copy.endswith("TexasRed) - Copy.tif; they match no pattern")
    assert "1 of 6 image files was not used" in copy
    assert "channel Brightfield is neither dc nor tcell" in brightfield
    assert lacking == "note: 2 of 4 wells of the layout have no images: A03, B01"


def test_other_tables_and_a_second_plate_are_named(plate: Path) -> None:
    for name in ("Layout.CSV", "platemap.xlsx"):
        (plate / name).write_text("x")
    write_well(plate, "A", 1, plate="CK20")
    lines = understood(find_plate(plate), None)
    assert "note: images of 2 plates, CK19, CK20; the layout counts for each" in lines
    assert "note: tables in the folder that are not used: Layout.CSV, platemap.xlsx" in lines
    (plate / "layout.csv").unlink()
    with pytest.raises(PlateError, match=r"no layout at .*; the folder has Layout\.CSV, platemap"):
        understood(find_plate(plate), None)


def test_the_table_and_the_picture_show_wells_without_images(plate: Path, tmp_path: Path) -> None:
    out, figure = tmp_path / "wells.csv", tmp_path / "wells.png"
    outcome = layout_command(plate, out, figure, overwrite=False)
    assert outcome.data["without_images"] == ["A03", "B01"]
    assert pd.read_csv(out).set_index("well")["fields"].to_dict() == {
        "A01": 1, "A02": 1, "A03": 0, "B01": 0,
    }  # fmt: skip
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("names", "channels"),
    [
        ("r01c0{column}f01p01-ch{channel}sk1fk1fl1.tiff", ("1", "2")),
        ("P7_A0{column}_s1_w{channel}.tif", ("1", "2")),
        ("P7_A0{column}_T0001F001L01A01Z01C0{channel}.tif", ("1", "2")),
        ("Channel {channel}-0{column}-A-0{column}-00.tif", ("1", "2")),
        ("A{column}_f1_{channel}.tif", ("GFP", "RFP")),
        ("A0{column} {channel}.tif", ("CFSE", "CMTPX")),
        ("{channel}/100/A0{column}_f01.tif", ("W1", "W2")),
    ],
)
def test_a_proposed_plate_yaml_reads_the_folder(
    tmp_path: Path, names: str, channels: tuple[str, str]
) -> None:
    folder = tmp_path / "P7"
    folder.mkdir()
    for column in (1, 2, 3):
        for channel in channels:
            plane = grey(column) // np.uint16(1 + channels.index(channel))
            path = folder / names.format(column=column, channel=channel)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, plane)
    with pytest.raises(PlateError, match="ck19ml layout FOLDER --write"):
        find_plate(folder)
    outcome = layout_command(folder, None, None, False, write=folder / "plate.yaml")
    found = find_plate(folder)
    assert found.wells == ["A01", "A02", "A03"]
    assert found.description.bit_depth == 12
    dc, tcell = estimate_levels(found)
    assert found.description.background == {"dc": dc, "tcell": tcell}
    assert dc != tcell
    assert all("#" in line for line in outcome.lines[1:])


def test_one_name_is_no_pair_of_channels(tmp_path: Path) -> None:
    for column in (1, 2):
        write_image(tmp_path / f"A{column}_scan.tif", grey(column))
    with pytest.raises(PlateError, match=r"no known way of naming fits 'A1_scan\.tif'"):
        layout_command(tmp_path, None, None, False, write=tmp_path / "plate.yaml")


def test_a_background_that_no_image_tells_is_left_to_the_reader(tmp_path: Path) -> None:
    for path in write_well(tmp_path / "P7", "A", 1):
        path.write_bytes(path.read_bytes()[:100])
    outcome = layout_command(tmp_path / "P7", None, None, False, write=tmp_path / "plate.yaml")
    assert outcome.lines[-1].startswith("# background: not estimated, no field can be read")


def test_a_layout_s_own_columns_may_be_said_on_the_command_line_or_beside_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text("colrow,treatment\n1A,OVA\n")
    columns = column_names("{well: colrow, stimulation: treatment}")
    assert layout_command(path, None, None, False, columns=columns).data["wells"] == 1
    (tmp_path / "plate.yaml").write_text("layout_columns: {well: colrow, stimulation: treatment}")
    assert layout_command(path, None, None, False).data["wells"] == 1


def test_layouts_that_differ_are_refused_and_equal_ones_are_not(plate: Path) -> None:
    labels(["A01"]).to_excel(plate / "layout.xlsx", index=False)
    with pytest.raises(PlateError, match=r"layout.xlsx differ in 3 wells, such as A02"):
        understood(find_plate(plate), None)
    labels(["A01", "A02", "A03", "B01"]).to_excel(plate / "layout.xlsx", index=False)
    assert understood(find_plate(plate), None)
