"""Plates that the instruments' own metadata describe; made in the formats' published structure."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ck19ml.core.overlap import DC, TCELL
from ck19ml.errors import PlateError
from ck19ml.plates.folder import find_plate, read_field
from ck19ml.plates.preparation.settings import estimate_levels
from ck19ml.plates.proposal import propose
from tests.plates.made_plates import grey, write_image

WELLS = ((2, 3), (2, 4), (28, 1))
FIELDS = (1, 2)
CHANNELS = ("FITC", "Texas Red")
METAXPRESS = (
    '<MetaData>\r\n<prop id="ApplicationName" type="string" value="MetaMorph"/>\r\n<PlaneInfo>\r\n'
    '<prop id="pixel-size-x" type="int" value="40"/>\r\n'
    '<prop id="spatial-calibration-state" type="bool" value="{state}"/>\r\n'
    '<prop id="spatial-calibration-x" type="float" value="{size}"/>\r\n'
    '<prop id="spatial-calibration-units" type="string" value="{unit}"/>\r\n'
    "</PlaneInfo>\r\n</MetaData>\r\n"
)
"""What MetaXpress writes into each TIFF's description, of which the .HTD says nothing."""
GUID = "6C9B2CD0-0BB3-4B8A-9187-2805F4C90506"


def plane(row: int, column: int, field: int, channel: int, z: int = 1) -> np.ndarray:
    return grey(10_000 * row + 1000 * column + 100 * field + 10 * channel + z)


def every(planes: int = 1) -> list[tuple[int, int, int, int, int]]:
    """Row, column, field, channel and focal plane of each image, all from 1."""
    return [
        (row, column, field, channel, z)
        for row, column in WELLS
        for field in FIELDS
        for channel in (1, 2)
        for z in range(1, planes + 1)
    ]


def letters(row: int) -> str:
    return "?ABCDEFGHIJKLMNOPQRSTUVWXYZ"[row] if row <= 26 else "A" + "?ABCDEF"[row - 26]


def incell(folder: Path, planes: int = 1) -> None:
    images = []
    for row, column, field, channel, z in every(planes):
        name = f"{letters(row)} - {column}(fld {field} wv {CHANNELS[channel - 1]} z {z}).tif"
        write_image(folder / name, plane(row, column, field, channel, z))
        images.append(
            f'<Image acquisition_time_ms="0" filename="{name}">'
            f'<Well label="x"><Row number="{row}"/><Column number="{column}"/></Well>'
            f'<Identifier field_index="{field - 1}" time_index="0" wave_index="{channel - 1}" '
            f'z_index="{z - 1}"/></Image>'
        )
    waves = "".join(
        f'<Wavelength index="{n}" fusion_wave="false"><ExcitationFilter name="{name}"/>'
        f'<EmissionFilter name="{name}"/></Wavelength>'
        for n, name in enumerate(CHANNELS)
    )
    (folder / "scan.xdce").write_text(
        '<?xml version="1.0"?><ImageStack><AutoLeadAcquisitionProtocol>'
        '<ObjectiveCalibration magnification="10" pixel_width="0.65" pixel_height="0.65"/>'
        f'<Wavelengths>{waves}</Wavelengths><Plate rows="32" columns="48"/>'
        f'</AutoLeadAcquisitionProtocol><Images number="{len(images)}">{"".join(images)}</Images>'
        "</ImageStack>"
    )


def operetta(folder: Path, planes: int = 1) -> None:
    (folder / "Images").mkdir()
    images = []
    for row, column, field, channel, z in every(planes):
        name = f"r{row:02d}c{column:02d}f{field:02d}p{z:02d}-ch{channel}sk1fk1fl1.tiff"
        write_image(folder / "Images" / name, plane(row, column, field, channel, z))
        images.append(
            f"<Image Version='1'><id>{name}</id><URL>{name}</URL><Row>{row}</Row>"
            f"<Col>{column}</Col><FieldID>{field}</FieldID><PlaneID>{z}</PlaneID>"
            f"<TimepointID>0</TimepointID><ChannelID>{channel}</ChannelID>"
            f"<ChannelName>{CHANNELS[channel - 1]}</ChannelName>"
            "<ImageResolutionX Unit='m'>6.5E-07</ImageResolutionX>"
            "<MaxIntensity>4096</MaxIntensity></Image>"
        )
    (folder / "Images" / "Index.idx.xml").write_text(
        '<?xml version="1.0"?><EvaluationInputData '
        'xmlns="http://www.perkinelmer.com/PEHH/HarmonyV5"><Plates><Plate><Name>scan</Name>'
        "<PlateRows>32</PlateRows><PlateColumns>48</PlateColumns></Plate></Plates>"
        f"<Images>{''.join(images)}</Images></EvaluationInputData>"
    )


def imagexpress(folder: Path, planes: int = 1, sized: bool = True) -> None:
    for row, column, field, channel, z in every(planes):
        place = folder / "TimePoint_1" / (f"ZStep_{z}" if planes > 1 else "")
        place.mkdir(parents=True, exist_ok=True)
        stem = f"scan_{letters(row)}{column:02d}_s{field}_w{channel}"
        noted = METAXPRESS.format(state="on", size=0.65, unit="um") if sized else None
        write_image(
            place / f"{stem}{GUID}.tif", plane(row, column, field, channel, z), description=noted
        )
        write_image(place / f"{stem}_thumb{GUID}.tif", grey(0, (8, 8)))
    (folder / "scan.HTD").write_text(
        '"HTSInfoFile", Version 1.0\r\n"TimePoints", 1\r\n"ZSeries", FALSE\r\n"XWells", 48\r\n'
        '"YWells", 32\r\n"XSites", 2\r\n"YSites", 1\r\n"Waves", TRUE\r\n"NWavelengths", 2\r\n'
        '"WaveName1", "FITC"\r\n"WaveName2", "Texas Red"\r\n"EndFile"\r\n'
    )


def cellvoyager(folder: Path, planes: int = 1) -> None:
    space = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0" bts:Version="1.0"'
    records = []
    for row, column, field, channel, z in every(planes):
        name = f"scan_{row:02d}{column:02d}_T0001F{field:03d}L01A01Z{z:02d}C{channel:02d}.tif"
        write_image(folder / name, plane(row, column, field, channel, z))
        records.append(
            f'<bts:MeasurementRecord bts:Time="x" bts:Column="{column}" bts:Row="{row}" '
            f'bts:TimePoint="1" bts:FieldIndex="{field}" bts:ZIndex="{z}" bts:Ch="{channel}" '
            f'bts:Type="IMG">{name}</bts:MeasurementRecord>'
        )
    records.append(
        '<bts:MeasurementRecord bts:Column="1" bts:Row="1" bts:Type="ERR">x</bts:MeasurementRecord>'
    )
    (folder / "MeasurementData.mlf").write_text(
        f"<bts:MeasurementData {space}>{''.join(records)}</bts:MeasurementData>"
    )
    channels = "".join(
        f'<bts:MeasurementChannel bts:Ch="{n}" bts:HorizontalPixelDimension="0.65" '
        'bts:VerticalPixelDimension="0.65" bts:InputBitDepth="12"/>'
        for n in (1, 2)
    )
    (folder / "MeasurementDetail.mrf").write_text(
        f'<bts:MeasurementDetail {space} bts:RowCount="32" bts:ColumnCount="48" '
        'bts:MeasurementSettingFileName="scan.mes"><bts:MeasurementSamplePlate bts:Name="scan"/>'
        f"{channels}</bts:MeasurementDetail>"
    )
    (folder / "scan.mes").write_text(
        f"<bts:MeasurementSetting {space}><bts:ChannelList>"
        '<bts:Channel bts:Ch="1" bts:Target="FITC"/>'
        '<bts:Channel bts:Ch="2" bts:Target="Texas Red"/>'
        "</bts:ChannelList></bts:MeasurementSetting>"
    )


Writer = Callable[..., None]
WRITERS = {"incell": incell, "operetta": operetta, "imagexpress": imagexpress, "cv": cellvoyager}
METADATA = {
    "incell": "scan.xdce", "operetta": "Images/Index.idx.xml",
    "imagexpress": "scan.HTD", "cv": "MeasurementData.mlf",
}  # fmt: skip
each = pytest.mark.parametrize("name", WRITERS)


@each
def test_a_folder_is_read_without_a_plate_yaml(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path)
    plate = find_plate(tmp_path)
    assert plate.name == "scan"
    assert plate.wells == ["B03", "B04", "AB01"]
    assert [field.field for field in plate.fields] == [1, 2] * 3
    assert plate.description.channels == {"dc": "Texas Red", "tcell": "FITC"}
    assert plate.description.wells == 1536
    assert plate.description.bit_depth == 12
    assert plate.description.pixel_size_um == pytest.approx(0.65)
    origin = "files" if name == "imagexpress" else METADATA[name].split("/")[-1]
    assert plate.origins["pixel_size_um"] == origin
    assert not any("pixel size" in note for note in plate.notes)
    image = read_field(plate.fields[3], plate.description)
    np.testing.assert_array_equal(image[..., TCELL], plane(2, 4, 2, 1))
    np.testing.assert_array_equal(image[..., DC], plane(2, 4, 2, 2))


@pytest.mark.parametrize("planes", [1, 2])
@each
def test_what_the_metadata_say_is_proposed(name: str, planes: int, tmp_path: Path) -> None:
    WRITERS[name](tmp_path, planes)
    target = tmp_path / "plate.yaml"
    target.write_text("layout: sheet.csv\ncells: {tcell: {diameter_um: 6.5}}\n")
    target.write_text(propose(tmp_path))
    plate = find_plate(tmp_path)
    known = plate.description
    assert (plate.name, len(plate.fields)) == ("scan", 6)
    assert known.channels == {"dc": "Texas Red", "tcell": "FITC"}
    assert (known.bit_depth, known.pixel_size_um) == (12, pytest.approx(0.65))
    assert (known.layout, known.cells.tcell.diameter_um) == ("sheet.csv", 6.5)
    assert known.z == ("max" if planes > 1 else None)
    assert known.background == dict(zip(("dc", "tcell"), estimate_levels(plate), strict=True))


@each
def test_focal_planes_are_asked_for_and_joined(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path, 3)
    with pytest.raises(PlateError, match=r"has 3 focal planes .*add 'z: max'"):
        find_plate(tmp_path)
    (tmp_path / "plate.yaml").write_text("z: max\n")
    plate = find_plate(tmp_path)
    image = read_field(plate.fields[0], plate.description)
    stack = np.stack([plane(2, 3, 1, 2, z) for z in (1, 2, 3)])
    np.testing.assert_array_equal(image[..., DC], stack.max(0))
    (tmp_path / "plate.yaml").write_text("z: 2\n")
    plate = find_plate(tmp_path)
    np.testing.assert_array_equal(read_field(plate.fields[0], plate.description)[..., DC], stack[1])
    assert sum(len(part.files) for part in plate.unused if "focal planes" in part.reason) == 24


@each
def test_images_that_the_metadata_do_not_name_are_named(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path)
    write_image(tmp_path / "other.tif", grey(0))
    unused = {part.reason: len(part.files) for part in find_plate(tmp_path).unused}
    source = Path(METADATA[name]).name
    assert unused[f"{source} does not name them"] == (1 if name != "imagexpress" else 13)


@each
@pytest.mark.parametrize(
    "content", ["", "no metadata", "<a>", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "<a/>"]
)
def test_damaged_metadata_are_one_line_with_what_to_do(
    name: str, content: str, tmp_path: Path
) -> None:
    WRITERS[name](tmp_path)
    (tmp_path / METADATA[name]).write_text(content)
    with pytest.raises(PlateError, match=r"cannot read the instrument's metadata .*'files'"):
        find_plate(tmp_path)


@pytest.mark.parametrize("path", ["../a.tif", "C:\\x\\a.tif", "x/../../a.tif", ""])
def test_metadata_lead_nowhere_else(path: str, tmp_path: Path) -> None:
    incell(tmp_path)
    text = (tmp_path / "scan.xdce").read_text()
    first = text.split('filename="')[1].split('"')[0]
    (tmp_path / "scan.xdce").write_text(text.replace(f'filename="{first}"', f'filename="{path}"'))
    with pytest.raises(PlateError, match="an image called"):
        find_plate(tmp_path)


@pytest.mark.parametrize(("state", "unit"), [("off", "um"), ("on", "pixel"), ("", "")])
def test_a_pixel_size_that_nothing_says_is_named_with_its_key(
    tmp_path: Path, state: str, unit: str
) -> None:
    imagexpress(tmp_path, sized=False)
    if state:
        noted = METAXPRESS.format(state=state, size=0.65, unit=unit)
        for path in tmp_path.glob("TimePoint_1/*"):
            write_image(path, grey(0), description=noted)
    plate = find_plate(tmp_path)
    assert plate.description.pixel_size_um == 1.34
    (note,) = (note for note in plate.notes if "pixel size" in note)
    assert "nothing says it, 1.34 um is assumed; if it is another, add 'pixel_size_um'" in note
    (tmp_path / "plate.yaml").write_text("pixel_size_um: 0.65\n")
    assert not any("pixel size" in note for note in find_plate(tmp_path).notes)


def test_a_field_that_lacks_a_focal_plane_is_named(tmp_path: Path) -> None:
    incell(tmp_path, 3)
    next(tmp_path.glob("B - 3(fld 1 wv FITC z 2*")).unlink()
    (tmp_path / "plate.yaml").write_text("z: max\n")
    notes = find_plate(tmp_path).notes
    assert any(
        "1 fields lack some of the 3 focal planes" in n and "B03 field 1" in n for n in notes
    )


def test_channels_that_nobody_can_tell_are_asked_for(tmp_path: Path) -> None:
    incell(tmp_path)
    path = tmp_path / "scan.xdce"
    path.write_text(path.read_text().replace("Texas Red", "Cy5").replace("FITC", "DAPI"))
    with pytest.raises(PlateError, match=r"channels: \{dc: 'DAPI', tcell: 'Cy5'\}"):
        find_plate(tmp_path)


def test_the_metadata_of_two_plates_are_refused(tmp_path: Path) -> None:
    incell(tmp_path)
    (tmp_path / "b.XDCE").write_text((tmp_path / "scan.xdce").read_text())
    with pytest.raises(PlateError, match=r"metadata of more than one plate: b.XDCE and scan.xdce"):
        find_plate(tmp_path)


def test_images_that_are_not_there_are_named_and_partners_missed(tmp_path: Path) -> None:
    incell(tmp_path)
    for path in sorted(tmp_path.glob("B - 4*")):
        path.unlink()
    plate = find_plate(tmp_path)
    assert plate.wells == ["B03", "AB01"]
    assert "4 images that scan.xdce names are not in the folder" in plate.notes
    next(tmp_path.glob("B - 3(fld 1 wv FITC*")).unlink()
    with pytest.raises(PlateError, match="has no tcell file for B03"):
        find_plate(tmp_path)
