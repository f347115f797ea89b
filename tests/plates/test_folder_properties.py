"""The grammar of file names: every name that the instrument writes is read, and nothing else."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from ck19ml.core.wells import ROW_NAMES, well_name
from ck19ml.errors import PlateError
from ck19ml.plates.description import INCELL
from ck19ml.plates.folder import Plate, find_plate
from ck19ml.plates.simulation import file_name

rows = st.sampled_from(ROW_NAMES[:16])
columns = st.integers(1, 24)
fields = st.integers(0, 9999)
plates = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs", "Cc", "Zl", "Zp"]),
    min_size=1,
    max_size=20,
).filter(lambda name: " - " not in f" {name} ")
endings = st.sampled_from(["tif", "tiff"])


@contextmanager
def folder(*names: str) -> Iterator[Path]:
    with TemporaryDirectory() as place:
        for name in names:
            (Path(place) / name).write_bytes(b"x")
        yield Path(place)


@given(plates | st.just(""), rows, columns, st.booleans(), fields, endings)
def test_a_name_of_the_instrument_is_read_padded_or_not(
    plate: str, row: str, column: int, padded: bool, field: int, ending: str
) -> None:
    number = f"{column:02d}" if padded else f"{column}"
    start = f"{plate} - {row} - {number}" if plate else f"{row} - {number}"
    names = [f"{start}(fld {field} wv {wave} - {wave}).{ending}" for wave in ("FITC", "TexasRed")]
    with folder(*names) as place:
        (found,) = find_plate(place).fields
        assert found.plate == (plate or place.name)
    assert (found.well, found.field) == (well_name(row, column), field)
    assert [found.tcell.name, found.dc.name] == names


@given(rows, columns)
def test_what_the_simulator_writes_is_a_name_of_the_instrument(row: str, column: int) -> None:
    match = re.fullmatch(INCELL, file_name("CK19", well_name(row, column), "FITC"))
    assert match is not None
    assert match.groupdict() == {
        "plate": "CK19", "row": row, "column": str(column), "field": "1", "channel": "FITC",
        "z": None, "time": None,
    }  # fmt: skip


file_names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60
).filter(lambda name: name not in (".", "..") and len(name.encode()) < 256)
near_misses = st.builds(
    "{}{} - {}(fld {} wv {} - {}).{}".format,
    st.sampled_from(["", "CK19 - ", " - "]),
    st.text("ABPQap1 ", max_size=2),
    st.text("0123٣²- ", max_size=3),
    st.text("01x", max_size=3),
    st.sampled_from(["FITC", "TexasRed", "", "DAPI"]),
    st.sampled_from(["FITC", "TexasRed", ""]),
    st.sampled_from(["tif", "TIF", "tiff", "png", "tif.bak"]),
)


@given(st.lists(file_names | near_misses, min_size=1, max_size=6, unique=True))
def test_any_names_are_a_plate_or_one_line(names: list[str]) -> None:
    with folder(*names) as place:
        try:
            found = find_plate(place)
        except PlateError as error:
            message = str(error)
        else:
            message = f"{place}"
            _hold(found)
    assert str(place) in message


def _hold(found: Plate) -> None:
    """Hold what was found to the names that it was found by."""
    for field in found.fields:
        for path in (field.dc, field.tcell):
            match = re.fullmatch(INCELL, path.name)
            assert match is not None
            assert well_name(match["row"], int(match["column"])) == field.well
