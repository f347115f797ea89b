import contextlib
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ck19ml.plates.layouts.amounts import find_unit, parse_amount, to_um
from ck19ml.plates.layouts.vocabulary import (
    is_label,
    kind_of_well,
    read_legend,
    split_dose,
    stimulation_name,
)


@pytest.mark.parametrize(
    ("text", "um"),
    [
        ("10 uM", 10.0), ("10uM", 10.0), ("10 \u00b5M", 10.0), ("10 \u03bcM", 10.0),
        ("300 nM", 0.3),
        ("1 mM", 1000.0), ("3000 pM", 0.003), ("1e-6 M", 1.0), ("0,3 uM", 0.3), (".5 [uM]", 0.5),
        ("2 umol/L", 2.0),
    ],
)  # fmt: skip
def test_molar_amounts_become_um(text: str, um: float) -> None:
    amount = parse_amount(text)
    assert amount is not None
    assert amount.unit is not None
    assert to_um(amount.number, amount.unit) == um


@pytest.mark.parametrize("text", ["5 ug/mL", "5 \u00b5g/ml", "5ng / ml", "5 U/mL"])
def test_mass_and_units_are_those_of_a_stimulus(text: str) -> None:
    amount = parse_amount(text)
    assert amount is not None
    assert amount.unit is not None
    assert (amount.unit.kind, math.isnan(amount.unit.to_um)) == ("stimulus", True)


@pytest.mark.parametrize(
    "text", ["10 mm", "3 pm", "488 xnm", "uM", "10 uM ConA", "ten uM", "1.2.3", "10 %", "-", ""]
)
def test_what_is_no_amount(text: str) -> None:
    assert parse_amount(text) is None


def test_a_comma_that_may_group_thousands_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="thousands"):
        parse_amount("1,000 nM")
    assert parse_amount("0,001 uM") is not None


@pytest.mark.parametrize("text", ["Compound Conc. uM", "conc [\u00b5M]", "Drug (nM)", "dose in mM"])
def test_a_unit_is_found_in_a_title(text: str) -> None:
    assert find_unit(text) is not None


@pytest.mark.parametrize("text", ["Column M", "Mum", "some", "10 nMol plates"])
def test_a_unit_is_not_found_in_a_word(text: str) -> None:
    unit = find_unit(text)
    assert unit is None or (text, unit.text) == ("Column M", "M")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Stimulated with ConA (5 ug/mL)", ("ConA", "5 ug/mL")),
        ("OVA peptide 1 ug/ml", ("OVA", "1 ug/ml")),
        ("5 ug/mL of con A", ("ConA", "5 ug/mL")),
        ("pOVA", ("OVA", "")),
        ("Unstim.", ("Unstimulated", "")),
        ("non-stimulated", ("Unstimulated", "")),
        ("Stimulus: LPS", ("LPS", "")),
        ("+ anti-CD3", ("anti-CD3", "")),
        ("Y3-P", ("Y3-P", "")),
    ],
)
def test_labels_are_reduced_to_name_and_dose(text: str, expected: tuple[str, str]) -> None:
    assert stimulation_name(text) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "empty"), ("X", "empty"), ("no cells", "empty"), ("DMSO", "vehicle"),
        ("0.1% dmso control", "vehicle"), ("Vehicle (DMSO)", "vehicle"), ("untreated", "untreated"),
        ("Control", "control"), ("neg ctrl", "control"), ("Unstim", "control"), ("none", "control"),
        ("?", "control"), ("medium", "control"), ("7", "compound"), ("Controlin", "compound"),
        ("AZ in DMSO", "compound"),
    ],
)  # fmt: skip
def test_kinds_of_wells(text: str, kind: str) -> None:
    assert kind_of_well(text, {}) == kind


def test_a_legend_goes_before_what_marks_usually_mean() -> None:
    legend = read_legend(["x = DMSO; e = compound 5", "Control: no treatment", "4 = control"])
    assert legend == {
        "x": "vehicle", "e": "compound", "control": "untreated", "4": "control",
    }  # fmt: skip
    assert kind_of_well("X", legend) == "vehicle"


@pytest.mark.parametrize(
    "text", ["e = empty", "Column ID", "Rows", "10 uM", "-", "Conc.", "y" * 61]
)
def test_what_is_no_label(text: str) -> None:
    assert not is_label(text)


def test_the_compound_s_own_concentration() -> None:
    name, amount = split_dose("AZ-7 (10 nM)")
    assert name == "AZ-7"
    assert amount is not None
    assert amount.number == 10
    assert split_dose("AZ 7") == ("AZ 7", None)


@settings(deadline=None)
@given(st.text(max_size=80) | st.text("dmso()%1 .,uM/", max_size=80))
def test_any_text_is_read_without_a_surprise(text: str) -> None:
    kind_of_well(text, read_legend([text]))
    is_label(text)
    with contextlib.suppress(ValueError):
        split_dose(text)
    with contextlib.suppress(ValueError):
        parse_amount(text)
