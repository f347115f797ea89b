import re
from pathlib import Path

import pytest
import regex

from ck19ml.errors import PlateError
from ck19ml.plates.description import INCELL, PlateDescription, read_description
from tests.places import ROOT

NAMED = r"(?P<row>[A-P])(?P<column>\d+)_(?P<channel>\w+)\.tif"
STACKED = r"(?P<row>[A-P])(?P<column>\d+)\.tif"


def described(folder: Path, text: str) -> PlateDescription:
    (folder / "plate.yaml").write_text(text, encoding="utf-8")
    return read_description(folder)


def error_of(folder: Path, text: str) -> str:
    with pytest.raises(PlateError) as caught:
        described(folder, text)
    message = str(caught.value)
    assert "\n" not in message
    assert "plate.yaml" in message
    return message


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("CK19 - A - 3(fld 1 wv FITC - FITC).tif", ("CK19", "A", "3", "1", "FITC")),
        ("CK01 - B - 02(fld 1 wv TexasRed - TexasRed).tif", ("CK01", "B", "02", "1", "TexasRed")),
        ("A - 03(fld 12 wv FITC - FITC).tif", (None, "A", "03", "12", "FITC")),
        ("P - 24(fld 1 wv Brightfield - Brightfield).tiff", (None, "P", "24", "1", "Brightfield")),
        ("24 h - run 2 - H - 7(fld 1 wv FITC - FITC).tif", ("24 h - run 2", "H", "7", "1", "FITC")),
        ("AB - 3(fld 1 wv Green - dsRed z 3).tif", (None, "AB", "3", "1", "Green")),
        ("A - 3(fld 1 wv FITC - FITC - time 2 - 0ms).tif", (None, "A", "3", "1", "FITC")),
        ("A - 3(fld 1 wv Cy3 - Cy3 wix 1).tif", (None, "A", "3", "1", "Cy3")),
    ],
)
def test_the_instrument_s_names(name: str, groups: tuple[str | None, ...]) -> None:
    match = re.fullmatch(INCELL, name)
    assert match is not None
    assert tuple(match[key] for key in ("plate", "row", "column", "field", "channel")) == groups


@pytest.mark.parametrize(
    "name", ["CK19 - AG - 3(fld 1 wv FITC - FITC) - Copy.tif", "A - 03.tif", "x.tif"]
)
def test_other_names_are_not_the_instrument_s(name: str) -> None:
    assert re.fullmatch(INCELL, name) is None


def test_without_a_plate_yaml_the_plate_is_an_incell_plate(tmp_path: Path) -> None:
    description = read_description(tmp_path)
    assert description == PlateDescription()
    assert description.channels == {"dc": "TexasRed", "tcell": "FITC"}
    assert (description.bit_depth, description.levels) == (12, (255, 255))


def test_an_empty_plate_yaml_changes_nothing(tmp_path: Path) -> None:
    assert described(tmp_path, "# nothing yet\n") == PlateDescription()


@pytest.mark.parametrize(
    ("bits", "level"), [(16, None), (14, None), (13, None), (12, 255), (8, 15), (4, 0), (1, 0)]
)
def test_up_to_12_bits_the_background_is_the_study_s_and_beyond_it_is_estimated(
    bits: int, level: int | None
) -> None:
    levels = None if level is None else (level, level)
    assert PlateDescription(bit_depth=bits).levels == levels


@pytest.mark.parametrize(
    ("text", "levels"),
    [("0", (0, 0)), ("{tcell: 380, dc: 410}", (410, 380)), ("auto", None)],
)
def test_a_background_of_its_own_counts(
    tmp_path: Path, text: str, levels: tuple[int, int] | None
) -> None:
    assert described(tmp_path, f"background: {text}").levels == levels


@pytest.mark.parametrize(
    ("text", "named"),
    [("{dc: 4}", "keys dc and tcell"), ("{dc: 4, tcell: 4096}", "4095"), ("auot", "background")],
)
def test_a_background_that_cannot_be_is_refused(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(PlateError, match=named):
        described(tmp_path, f"background: {text}")


def test_a_stack_has_channel_indices(tmp_path: Path) -> None:
    text = f"files: '{STACKED}'\nchannels: {{dc: 1, tcell: 0}}\nchannel_axis: -1\n"
    description = described(tmp_path, text)
    assert (description.channels["dc"], description.channel_axis) == (1, -1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("bit_dept: 12", "unknown key 'bit_dept'; did you mean 'bit_depth'?"),
        ("bit_depth: 0", "1 to 16 bits"),
        ("bit_depth: 32", "1 to 16 bits"),
        ("bit_depth: many", "bit_depth"),
        ("background: 4096", "background must be between 0 and 4095, found 4096"),
        ("bit_depth: 8\nbackground: 300", "background must be between 0 and 255, found 300"),
        ("background: -1", "found -1"),
        ("pixel_size_um: 0", "pixel_size_um"),
        ("files: '(?P<row>[A-P])'", "lacks the group(s) column"),
        ("files: '('", "is not a regular expression"),
        ("channels: {}", "channels: must name a channel, found none"),
        ("channels: {d-c: TexasRed}", "names of letters and digits, as in nuclei, found 'd-c'"),
        ("channels: {a: X, b: Y, c: x}", "channels: must name 3 channels, found X twice"),
        ("channels: {a: X}\nstained: [b]", "stained: 'b' is none of a"),
        ("channels: {a: X}\nstained: []", "stained must name a channel, found none"),
        ("channels: {dc: X, a: Y}\nstained: [a]", "stained lacks dc"),
        ("channels: {a: X}\ncells: {b: {diameter_um: 9}}", "cells: 'b' is none of a"),
        ("cells: {bcell: {}}", "cells: 'bcell' is none of dc, tcell"),
        ("channels: {a: X}\nbackground: {dc: 4}", "background must have the keys a, found dc"),
        ("channels: {dc: FITC, tcell: FITC}", "found FITC twice"),
        ("channels: {dc: '1', tcell: 1}", "found 1 twice"),
        (f"files: '{STACKED}'", "add 'channels: {dc: 0, tcell: 1}'"),
        ("z: median", "z: must be max, mean or"),
        ("z: 0", "z: must be max, mean or"),
        ("time: 0", "time"),
        ("wells: 100", "wells: must be 6, 12, 24, 48, 96, 384, 1536, found 100"),
        (f"files: '{STACKED}'\nchannels: {{dc: -1, tcell: 0}}", "negative"),
        ("- a list", "dictionary"),
        ("files: [", "cannot be read as YAML"),
        ("files: \ttab", "cannot be read as YAML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    assert says in error_of(tmp_path, text)


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plate.yaml").write_bytes("name: Übersicht".encode("latin-1"))
    with pytest.raises(PlateError, match=r"plate\.yaml cannot be read as YAML"):
        read_description(tmp_path)


def test_the_examples_of_the_docs_are_descriptions(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "plates.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", text, re.S)
    names = (
        "CK19 - A - 3(fld 1 wv Cy5 - Cy5).tif",
        "TimePoint_1/scan_B03_s2_w16C9B2CD0-0BB3-4B8A-9187-2805F4C90506.tif",
        "scan_B03_T0001F002L01A01Z03C02.tif",
        "Images/r02c03f01p01-ch2sk1fk1fl1.tiff",
        "scan_B03_2.ome.tif",
        "03B.tif",
    )
    channels = ({"green"}, {"green", "light"}, {"dc", "tcell", "nuclei"})
    assert len(examples) == len(names) + len(channels)
    for example, known in zip(examples[len(names) :], channels, strict=True):
        assert set(described(tmp_path, example).channels) == known
    for example, name in zip(examples, names, strict=False):
        assert regex.fullmatch(described(tmp_path, example).files, name), name
    thumbnail = names[1].replace("_w1", "_w1_thumb")
    assert not regex.fullmatch(described(tmp_path, examples[1]).files, thumbnail)
