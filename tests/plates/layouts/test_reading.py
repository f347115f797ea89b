import importlib.util
import math
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ck19ml.core.wells import well_name
from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.layouts.amounts import rounded
from ck19ml.plates.layouts.reading import (
    LAYOUT_COLUMNS,
    BuiltinName,
    builtin_layout,
    open_layout,
    read_layout,
    write_layout,
)
from ck19ml.plates.layouts.records import WellRecord, as_layout
from ck19ml.plates.layouts.vocabulary import kind_of_label, one_spelling
from tests.places import REFERENCE

needs_reference = pytest.mark.skipif(
    not REFERENCE.is_dir(), reason=f"the reference data are not at {REFERENCE}"
)
needs_wellmap = pytest.mark.skipif(
    importlib.util.find_spec("wellmap") is None, reason="wellmap is not installed"
)
DOSES = [30, 10, 3, 1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001]


def csv_file(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "layout.csv"
    path.write_bytes(text.encode(encoding))
    return path


def error_of(path: Path, columns: dict[str, str] | None = None) -> str:
    with pytest.raises(PlateError) as caught:
        read_layout(path, columns)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


def at(layout: pd.DataFrame, well: str) -> tuple[object, ...]:
    row = layout.set_index("well").loc[well]
    return row["stimulation"], row["compound"], row["concentration_um"], row["control"]


def test_ck19_holds_294_wells_98_a_condition() -> None:
    layout = builtin_layout("ck19")
    assert layout["stimulation"].value_counts().to_dict() == {
        "Unstimulated": 98,
        "OVA": 98,
        "ConA": 98,
    }
    assert layout["control"].value_counts().to_dict() == {"": 270, "vehicle": 18, "untreated": 6}
    assert sorted(layout["compound"].unique(), key=lambda text: int(text or 0)) == [
        "",
        *map(str, range(1, 46)),
    ]
    assert at(layout, "A03") == ("Unstimulated", "1", 10.0, "")
    assert at(layout, "P10") == ("OVA", "17", 10.0, "")
    assert at(layout, "M21") == ("ConA", "45", 10.0, "")
    assert at(layout, "N15")[::3] == ("OVA", "vehicle")
    assert at(layout, "B22")[::3] == ("ConA", "untreated")
    assert math.isnan(layout.set_index("well").loc["N15", "concentration_um"])
    assert not set(layout["well"]) & {"A01", "A02", "A12", "C22"}


@needs_reference
def test_ck19_is_the_plate_that_was_imaged() -> None:
    measured = pd.read_csv(REFERENCE / "ck19_incell_24h.csv").sort_values("well", ignore_index=True)
    layout = builtin_layout("ck19")
    assert layout["well"].tolist() == measured["well"].tolist()
    assert layout["stimulation"].tolist() == measured["stimulation"].tolist()


@pytest.mark.parametrize(("name", "stimulus"), [("ck21", "ConA"), ("ck22", "OVA")])
def test_dose_response_plates_hold_320_wells(name: BuiltinName, stimulus: str) -> None:
    layout = builtin_layout(name)
    assert layout["stimulation"].value_counts().to_dict() == {"Unstimulated": 160, stimulus: 160}
    assert layout["control"].value_counts().to_dict() == {"": 280, "vehicle": 40}
    row = layout[layout["well"].str[0] == "J"]
    assert row["concentration_um"].tolist() == DOSES * 2
    assert row["compound"].unique().tolist() == ["7"]
    assert set(layout.loc[layout["control"] == "vehicle", "well"].str[0]) == {"H", "P"}
    assert sorted(layout["well"].str[1:].astype(int).unique()) == [*range(2, 12), *range(14, 24)]


def test_there_is_no_other_builtin_layout() -> None:
    with pytest.raises(ConfigError, match="ck19, ck21 or ck22, found 'ck20'"):
        builtin_layout("ck20")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["ck19", "ck21", "ck22"])
def test_written_and_read_back_is_equal(name: BuiltinName, tmp_path: Path) -> None:
    layout = builtin_layout(name)
    write_layout(layout, tmp_path / "layout.csv")
    pd.testing.assert_frame_equal(read_layout(tmp_path / "layout.csv"), layout)
    text = pd.Series(["a"]).dtype  # pandas 3 has a type of its own
    assert list(layout.dtypes) == [text, text, text, "float64", text]


texts = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=8)
records = st.builds(
    WellRecord,
    st.builds(well_name, st.sampled_from("ABCP"), st.integers(1, 24)),
    texts.filter(bool),
    texts.filter(lambda text: kind_of_label(text) == "compound" and text not in "-–—"),
    st.floats(1e-9, 1e6).map(rounded) | st.just(math.nan),
    st.sampled_from(["", "vehicle", "untreated"]),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(records, min_size=1, max_size=6, unique_by=lambda record: record.well))
def test_any_layout_is_read_back_equal(tmp_path: Path, wells: list[WellRecord]) -> None:
    for column in ("stimulation", "compound"):
        assume(not one_spelling([str(getattr(well, column)) for well in wells])[1])
    layout = as_layout(wells)
    write_layout(layout, tmp_path / "layout.csv")
    pd.testing.assert_frame_equal(read_layout(tmp_path / "layout.csv"), layout, check_exact=True)


def test_other_column_names_delimiters_and_well_spellings(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path, "colrow;treatment;dose;note\n03B;OVA;0,3;a\n10A;ConA;;b\n\n", "utf-8-sig"
    )
    layout = read_layout(
        path, {"well": "colrow", "stimulation": "treatment", "concentration_um": "dose"}
    )
    assert layout.columns.tolist() == list(LAYOUT_COLUMNS)
    assert layout["well"].tolist() == ["A10", "B03"]
    assert layout["stimulation"].tolist() == ["ConA", "OVA"]
    assert layout["concentration_um"].fillna(-1).tolist() == [-1, 0.3]


def test_words_that_look_like_missing_values_are_kept(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "well,stimulation,compound\nA1,None,NA\nA2,NA,dmso\n")
    layout = read_layout(path)
    assert at(layout, "A01")[:2] == ("None", "NA")
    assert at(layout, "A02")[1::2] == ("", "vehicle")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["is empty"]),
        ("well,stim\nA1,OVA\n", ["column stimulation", "only well, stim", "layout_columns"]),
        ("a\n1\n", ["column well and stimulation", "only a;"]),
        ("well,stimulation\nA1,OVA\nAG7,OVA\n", ["'AG7' at line 3"]),
        ("well,stimulation\nA1,OVA\nA01,ConA\n", ["A01 (line 2, line 3)"]),
        ("well,stimulation\nA1,\n", ["a stimulation", "'' at line 2"]),
        ("well,stimulation\nA1,OVA,3\n", ["line 2", "2 fields"]),
        ("well,stimulation\nA1\n", ["line 2", "2 fields"]),
        ("well,well,stimulation\nA1,A1,OVA\n", ["well twice"]),
        ("well,stimulation,control\nA1,OVA,maybe\n", ["'maybe' at line 2", "vehicle, untreated"]),
        ("well,stimulation,concentration_um\nA1,OVA,ten\n", ["'ten' at line 2", "uM"]),
        ("well,stimulation,concentration_um\nA1,OVA,-1\n", ["'-1' at line 2"]),
        ("well,stimulation,concentration_um\nA1,OVA,inf\n", ["'inf' at line 2"]),
        ('well;stimulation;concentration_um\nA1;OVA;"1,000"\n', ["'1,000' at line 2"]),
        ('well,stimulation\nA1,"OVA\n', ["line 2"]),
    ],
)
def test_a_faulty_table_is_refused_in_one_line(tmp_path: Path, text: str, words: list[str]) -> None:
    message = error_of(csv_file(tmp_path, text))
    assert [word for word in words if word not in message] == []


def test_at_most_five_rows_are_named(tmp_path: Path) -> None:
    lines = "".join(f"AZ{number},OVA\n" for number in range(1, 13))
    message = error_of(csv_file(tmp_path, f"well,stimulation\n{lines}"))
    assert "'AZ5' at line 6 and 7 more" in message
    assert "AZ6" not in message


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    assert "no wells" in error_of(csv_file(tmp_path, "well,stimulation\n"))


def test_a_wrong_encoding_is_named(tmp_path: Path) -> None:
    message = error_of(csv_file(tmp_path, "well,stimulation\nA1,für\n", "latin-1"))
    assert "byte 0xfc" in message
    assert "CSV UTF-8" in message
    assert "UTF-8" in error_of(csv_file(tmp_path, "well,stimulation\nA1,OVA\n", "utf-16"))


def test_a_missing_file_and_an_unknown_kind_are_refused(tmp_path: Path) -> None:
    assert "No such file" in error_of(tmp_path / "layout.csv")
    assert ".csv, .xlsx or .toml" in error_of(tmp_path / "layout.ods")


def test_an_unknown_layout_column_is_the_config_s_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found colour"):
        read_layout(csv_file(tmp_path, "well,stimulation\nA1,OVA\n"), {"colour": "x"})


@needs_wellmap
def test_wellmap_layouts_are_read(tmp_path: Path) -> None:
    path = tmp_path / "layout.toml"
    path.write_text(
        "[expt]\ntreatment = 'ConA'\n[block.2x1.A1]\ncompound = 4\n[block.2x2.A1]\nplate = 1\n"
        "[col.1]\nconc_uM = 0.3\n[col.2]\nconc_uM = 3\n"
    )
    layout = read_layout(path, {"stimulation": "treatment", "concentration_um": "conc_uM"})
    assert layout["well"].tolist() == ["A01", "A02", "B01", "B02"]
    assert layout["stimulation"].tolist() == ["ConA"] * 4
    assert layout["compound"].tolist() == ["4", "4", "", ""]
    assert layout["concentration_um"].tolist() == [0.3, 3.0, 0.3, 3.0]


@needs_wellmap
@pytest.mark.parametrize("text", ["[expt", "", "row = 3", "[well.A1]\nx = 1"])
def test_a_faulty_wellmap_layout_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "layout.toml"
    path.write_text(text)
    error_of(path)


def test_without_wellmap_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wellmap", None)
    assert "install ck19ml[wellmap]" in error_of(tmp_path / "layout.toml")


def rows(tmp_path: Path, text: str, **more: object) -> pd.DataFrame:
    """A layout of CSV text, by well."""
    reading = open_layout(csv_file(tmp_path, text), **more)  # type: ignore[arg-type]
    return reading.layout.set_index("well")


@pytest.mark.parametrize("word", ["DMSO", "0.1% DMSO", "DMSO 0.1%", "DMSO (0.1 % v/v)", "Vehicle"])
def test_words_for_the_vehicle_are_those_of_grids(tmp_path: Path, word: str) -> None:
    made = rows(tmp_path, f"well,stimulation,compound\nA1,OVA,{word}\nA2,OVA,X\n")
    assert made["control"].tolist() == ["vehicle", ""]
    assert made["compound"].tolist() == ["", "X"]


def test_untreated_and_empty_wells_and_dose_0(tmp_path: Path) -> None:
    text = (
        "well,stimulation,compound,concentration_um\n"
        "A1,OVA,untreated,\nA2,OVA,empty,\nA3,OVA,Y,0\nA4,OVA,-,\nA5,OVA,x,1\n"
    )
    reading = open_layout(csv_file(tmp_path, text))
    made = reading.layout.set_index("well")
    assert made["control"].to_dict() == {"A01": "untreated", "A03": "vehicle", "A04": "", "A05": ""}
    assert made["compound"].to_dict() == {"A01": "", "A03": "", "A04": "", "A05": "x"}
    assert "empty wells are left out: A02" in reading.notes
    assert "concentration 0 is the vehicle: A03" in reading.notes


def test_labels_that_differ_by_case_space_or_micro_sign_are_one_and_said(tmp_path: Path) -> None:
    text = (
        "well,stimulation,compound\nA1,OVA 5 \u00b5g,drug x\nA2,OVA 5 \u03bcg,Drug X\n"
        "A3,ova 5\u00b5g,Drug X\nA4,ConA,\n"
    )
    reading = open_layout(csv_file(tmp_path, text))
    assert reading.layout["stimulation"].tolist() == ["OVA 5 \u00b5g"] * 3 + ["ConA"]
    assert reading.layout["compound"].tolist() == ["Drug X"] * 3 + [""]
    assert sum("are one label" in note for note in reading.notes) == 2


@pytest.mark.parametrize(
    ("header", "value", "um"),
    [
        ("concentration_um", "0,3", 0.3),
        ("concentration_um", "1,5E3", 1500.0),
        ("Concentration (nM)", "300", 0.3),
        ("concentration_mmoles_per_liter", "2", 2000.0),
        ("conc [\u00b5M]", "10 nM", 0.01),
        ("concentration_um", "0.30000000000000004", 0.3),
        ("concentration", "7", 7.0),
    ],
)
def test_units_and_numbers_of_a_table(tmp_path: Path, header: str, value: str, um: float) -> None:
    made = rows(tmp_path, f"well;stimulation;compound;{header}\nA1;OVA;X;{value}\n")
    assert made["concentration_um"].tolist() == [um]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("well;stimulation;concentration_um\nA1;OVA;1.000\nA2;OVA;0,3\n", None),
        ("well;stimulation;concentration_um\nA1;OVA;10.000 nM\n", None),
        ("well;stimulation;concentration_um\nA1;OVA;1.000\nA2;OVA;0.300\n", [1.0, 0.3]),
        ("well,stimulation,concentration_um\nA1,OVA,1.000\nA2,OVA,10.000\n", [1.0, 10.0]),
        ('well,stimulation,concentration_um\nA1,OVA,1.000\nA2,OVA,"0,3"\n', None),
    ],
)
def test_a_dot_that_may_group_thousands_is_asked_for(
    tmp_path: Path, text: str, numbers: list[float] | None
) -> None:
    if numbers is None:
        assert "groups thousands; write 1" in error_of(csv_file(tmp_path, text))
    else:
        assert rows(tmp_path, text)["concentration_um"].tolist() == numbers


def test_headers_in_another_case_and_row_and_column(tmp_path: Path) -> None:
    text = "Row,Col,STIMULATION,Drug,Control,replicate\nAB,3,OVA,X,,1\n2,4,OVA,,Vehicle,2\n"
    reading = open_layout(csv_file(tmp_path, text))
    assert reading.layout["well"].tolist() == ["B04", "AB03"]
    assert reading.layout["compound"].tolist() == ["", "X"]
    assert reading.notes == ["columns that are not used: replicate"]


def test_a_condition_table_without_a_stimulation_says_so(tmp_path: Path) -> None:
    text = "row,column,drug,concentration\nA,1,DMSO,0\nA,2,X,0.1\n"
    reading = open_layout(csv_file(tmp_path, text))
    assert reading.layout["stimulation"].tolist() == ["not given"] * 2
    assert reading.layout["control"].tolist() == ["vehicle", ""]
    first, second = reading.notes
    assert "add layout_columns: {stimulation: 'drug'} to plate.yaml" in first
    assert second == "'concentration' is taken as uM"
    made = rows(tmp_path, text, columns={"stimulation": "drug"})
    assert made["stimulation"].tolist() == ["DMSO", "X"]


def test_two_columns_that_could_be_one_are_asked_for(tmp_path: Path) -> None:
    text = "well,stimulation,compound,conc uM,concentration_nM\nA1,OVA,X,1,1000\n"
    path = csv_file(tmp_path, text)
    assert "layout_columns: {concentration_um: 'conc uM'}" in error_of(path)
    assert read_layout(path, {"concentration_um": "conc uM"})["concentration_um"].tolist() == [1.0]


def test_a_separator_line_of_excel_is_no_header(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "sep=;\r\nwell;stimulation\r\nA1;OVA,1\r\nA2;\r\n")
    assert "'' at line 4" in error_of(path)


def test_rows_of_several_plates_are_told_apart_by_the_plate_s_name(tmp_path: Path) -> None:
    text = "plate,well,stimulation\nP1,A1,OVA\nP2,A1,ConA\nP2,A2,ConA\n"
    path = csv_file(tmp_path, text)
    assert "holds the plates P1, P2" in error_of(path)
    reading = open_layout(path, plates=["P2"])
    assert reading.layout["stimulation"].tolist() == ["ConA", "ConA"]
    assert reading.notes == ["1 rows of other plates than P2 are left out"]


@needs_wellmap
def test_two_plates_in_one_wellmap_file_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "layout.toml"
    path.write_text(
        "[plate.P1.block.2x1.A1]\nstimulation = 'OVA'\n"
        "[plate.P2.block.2x1.A1]\nstimulation = 'ConA'\n"
    )
    assert "holds the plates P1, P2" in error_of(path)
    assert set(open_layout(path, plates=["P1"]).layout["stimulation"]) == {"OVA"}
