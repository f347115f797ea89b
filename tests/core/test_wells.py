import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ck19ml.core.wells import (
    ROW_NAMES,
    column,
    parse_well,
    place,
    plate_format,
    row_letter,
    well_name,
)

rows = st.sampled_from(ROW_NAMES)
columns = st.integers(1, 48)


@pytest.mark.parametrize(
    "text", ["A3", "A03", "03A", "3a", "a03", "A - 3", "A-03", " a - 03 ", "A 3", "A003", "A_3"]
)
def test_all_spellings_name_one_well(text: str) -> None:
    assert parse_well(text) == "A03"


@pytest.mark.parametrize(
    "text",
    ["", "A", "3", "AG3", "A0", "A49", "BA3", "A3B", "A1.5", "A-", "A3 A4", "Ä3", "A٣", "1A2"],
)
def test_what_is_no_well_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"A-AF|A to AF|1 to 48"):
        parse_well(text)


@settings(deadline=None)
@given(
    rows, columns, st.sampled_from(["{r}{c}", "{r}{c:02d}", "{c}{r}", "{r} - {c}", "{c:03d}{r}"])
)
def test_any_spelling_of_any_well_is_read(row: str, number: int, spelling: str) -> None:
    text = spelling.format(r=row, c=number)
    assert parse_well(text) == parse_well(text.lower()) == well_name(row, number)
    assert (row_letter(text), column(text)) == (row, number)


@settings(deadline=None)
@given(st.text(string.printable, max_size=6))
def test_any_text_is_a_well_or_a_value_error(text: str) -> None:
    try:
        well = parse_well(text)
    except ValueError:
        return
    assert parse_well(well) == well
    assert len(well) in (3, 4)


@settings(deadline=None)
@given(st.sets(st.tuples(rows, columns)))
def test_names_sort_as_rows_then_columns(pairs: set[tuple[str, int]]) -> None:
    names = sorted((well_name(*pair) for pair in pairs), key=place)
    by_place = sorted(pairs, key=lambda pair: (ROW_NAMES.index(pair[0]), pair[1]))
    assert names == [well_name(*pair) for pair in by_place]


@pytest.mark.parametrize(
    ("row", "number"), [("AG", 1), ("", 1), ("0", 1), ("33", 1), ("A", 0), ("A", 49)]
)
def test_no_name_for_a_place_off_the_plate(row: str, number: int) -> None:
    with pytest.raises(ValueError, match=r"A to AF|1 to 48"):
        well_name(row, number)


@pytest.mark.parametrize(
    ("wells", "expected"),
    [
        (["A1", "H12"], (8, 12)),
        (["A1", "I1"], (16, 24)),
        (["A13"], (16, 24)),
        (["P24"], (16, 24)),
        (["Q1"], (32, 48)),
        (["A25"], (32, 48)),
        (["AF48"], (32, 48)),
    ],
)
def test_format_is_the_smallest_plate_that_holds_the_wells(
    wells: list[str], expected: tuple[int, int]
) -> None:
    assert plate_format(wells) == expected


def test_format_of_no_wells_is_refused() -> None:
    with pytest.raises(ValueError, match="found none"):
        plate_format([])


@pytest.mark.parametrize(
    ("row", "well"), [("1", "A03"), ("03", "C03"), ("26", "Z03"), ("27", "AA03")]
)
def test_a_row_may_be_a_number(row: str, well: str) -> None:
    assert well_name(row, 3) == well


def test_a_known_size_decides_the_format() -> None:
    assert plate_format(["A1", "B3"], 6) == (2, 3)
    assert plate_format(["A1"], 1536) == (32, 48)
    with pytest.raises(ValueError, match="a plate of 6 wells has 2 rows and 3 columns: no C1"):
        plate_format(["A1", "C1"], 6)
