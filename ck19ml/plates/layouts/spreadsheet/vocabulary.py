"""What people write into plate sheets: amounts with units, empty marks, controls, stimulations."""

import math
import re
from typing import Literal, NamedTuple

from ck19ml.plates.layouts.table import parse_number

WellKind = Literal["empty", "vehicle", "untreated", "compound", "control"]
UnitKind = Literal["molar", "stimulus"]

# To uM. A lower-case pM or M is left out: "3 pm" is a time and "m" a metre.
_TO_UM: dict[str, float] = {"M": 1e6, "mM": 1e3, "uM": 1.0, "nM": 1e-3, "pM": 1e-6}
_MOLAR = re.compile(
    r"(?<![A-Za-zµμ])(?:(?P<micro>[uUµμ][Mm]|micromolar|[uµμ]mol\s*/\s*[lL])"
    r"|(?P<nano>[nN]M|nm|nanomolar|nmol\s*/\s*[lL])|(?P<milli>mM|millimolar|mmol\s*/\s*[lL])"
    r"|(?P<pico>pM)|(?P<one>M))(?![A-Za-z/])"
)
_MOLAR_NAMES = {"micro": "uM", "nano": "nM", "milli": "mM", "pico": "pM", "one": "M"}
_MASS = re.compile(r"(?<![A-Za-z])(?:[uµμnmp]g|mcg|I?U|units?)\s*(?:/|per)\s*[muµμ]?[lL]\b")
_LONGEST_LABEL = 60
_NUMBER = r"[0-9]+(?:[.,][0-9]+)?(?:[eE][-+]?[0-9]+)?|[.,][0-9]+"
_AMOUNT = re.compile(rf"(?P<number>{_NUMBER})\s*(?P<unit>.*)")
_DOSE_AT_END = re.compile(
    rf"(?P<name>.*[^\s(\[@,;+])[\s(\[@,;+]+(?:at\s+)?(?P<dose>(?:{_NUMBER})\s*[^\d\s()\[\]][^()\[\]]*)[)\]]?"
)
_DOSE_AT_START = re.compile(
    rf"(?P<dose>(?:{_NUMBER})\s*(?:[uµμnmp]g|I?U)\s*/\s*m?[lL])\s+(?:of\s+)?(?P<name>.+)"
)

_EMPTY = {"", "-", "–", "—", "x", "e", "empty", "empty well", "no cells", "not used", "unused"}
_LETTER_MARKS = {"x", "e"}
_VEHICLE = re.compile(
    r"(?:[0-9.,]+\s*%\s*)?(?:dmso|vehicle|veh\.?|solvent)(?:\s*(?:control|ctrl|only|\([^()]*\)))*",
    re.I,
)
_UNTREATED = re.compile(
    r"(?:untreated|not treated|non[- ]treated|no (?:treatment|compound|drug))"
    r"(?:\s*(?:control|ctrl|cells|wells))*",
    re.I,
)
_CONTROL = re.compile(
    r".*\b(?:controls?|ctrl|ctl)\b.*|blank|medi(?:um|a)(?: only)?|pbs|water|none|nil|n/?a|\?|0",
    re.I,
)
_LEGEND = re.compile(r"\s*(?P<mark>[^=:]{1,20}?)\s*(?:=|:|\bmeans\b)\s*(?P<meaning>[^=]+)")
_MEANINGS: dict[WellKind, re.Pattern[str]] = {
    "empty": re.compile(r"\bempty\b|\b(?:un|not )used\b|\bno cells\b", re.I),
    "vehicle": re.compile(r"\bdmso\b|\bvehicle\b|\bsolvent\b", re.I),
    "untreated": re.compile(r"\buntreated\b|\bno[nt]?[- ](?:treat|compound|drug)", re.I),
}

# The same condition as the laboratory's sheets and slides write it; any other name stays as it is.
_STIMULATION_NAMES = {
    "Unstimulated": r"(?:un|non|no|not)[- ]?stim(?:ulated|ulus|ulation|\.)?",
    "OVA": r"p?-?ova(?:[- ]?pep(?:tide)?)?|peptide ova",
    "ConA": r"con[- ]?a|concanavalin[- ]?a",
}
_STIMULATION_PREFIX = re.compile(
    r"(?:(?:stimulated|stimulation|treated|activated)\s+(?:with|by)\s+"
    r"|(?:stimulation|stimulus|condition|treatment)\s*[:=]\s*|\+\s*)",
    re.I,
)
_STIMULATION_WORD = re.compile(
    r"stim|\bp?ova\b|\bcon[- ]?a\b|concanavalin|peptide|antigen|\blps\b|\bpma\b|cd3|\bpha\b", re.I
)
_STIMULATION_TITLE = re.compile(r"(?:stimul\w*|conditions?|treatments?)\b.{0,12}", re.I)
_AXIS_TITLE = re.compile(
    r"(?:col(?:umn)?s?|rows?)\.?(?:\s*(?:id|ids|no\.?|numbers?|letters?))?", re.I
)
_DOSE_TITLE = re.compile(r"\bconc|\bdos(?:e|es|age)\b", re.I)


class Unit(NamedTuple):
    """A unit, its usual name and its spelling; `to_um` is NaN for those of a stimulus (ug/mL)."""

    kind: UnitKind
    text: str
    to_um: float
    as_written: str


class Amount(NamedTuple):
    """A number and the unit behind it, None where there is none."""

    number: float
    unit: Unit | None


def find_unit(text: str) -> Unit | None:
    """Find the first unit of concentration in a text; None if there is none."""
    if match := _MASS.search(text):
        return Unit("stimulus", match[0].replace(" ", ""), math.nan, match[0])
    if match := _MOLAR.search(text):
        name = _MOLAR_NAMES[str(match.lastgroup)]
        return Unit("molar", name, _TO_UM[name], match[0])
    return None


def to_um(number: float, unit: Unit) -> float:
    """Turn a molar amount into uM; divides by whole numbers, so that 300 nM is exactly 0.3."""
    return number * unit.to_um if unit.to_um >= 1 else number / round(1 / unit.to_um)


def parse_amount(value: str | float) -> Amount | None:
    """Read a number, or a number and its unit; None if the value is anything else.

    Raises
    ------
    ValueError
        If the comma of a number may group thousands, or the number is below 0.
    """
    if not isinstance(value, str):
        if value < 0:
            raise ValueError(f"expected a number of 0 or more, found {value:g}")
        return Amount(float(value), None)
    match = _AMOUNT.fullmatch(value)
    if match is None:
        return None
    unit = find_unit(match["unit"])
    if match["unit"] and not (unit and unit.as_written == match["unit"].strip("()[] ")):
        return None
    return Amount(parse_number(match["number"]), unit)


def split_dose(text: str) -> tuple[str, Amount | None]:
    """Split "4 (10 uM)" into the name and the amount; the amount is None where there is none."""
    if len(text) <= _LONGEST_LABEL and (match := _DOSE_AT_END.fullmatch(text)):
        amount = parse_amount(match["dose"].strip())
        if amount is not None and amount.unit is not None:
            return match["name"], amount
    return text, None


def read_legend(texts: list[str]) -> dict[str, WellKind]:
    """Read what marks mean from remarks such as "e = empty well", by the mark in lower case.

    A mark whose meaning is something else is a compound's name, whatever it looks like.
    """
    legend: dict[str, WellKind] = {}
    for part in (part for text in texts for part in re.split(r"[;,\n]", text)):
        if match := _LEGEND.fullmatch(part):
            meant = (kind for kind, words in _MEANINGS.items() if words.search(match["meaning"]))
            ambiguous: WellKind = "control" if _CONTROL.fullmatch(match["meaning"]) else "compound"
            legend[match["mark"].lower()] = next(meant, ambiguous)
    return legend


def kind_of_well(text: str, legend: dict[str, WellKind]) -> WellKind:
    """Say what a cell of the grid means.

    Returns
    -------
    str
        "empty", "vehicle", "untreated" or "compound"; "control" where the text speaks of a
        control, of nothing or of a stimulation, and so leaves open what is in the well.
    """
    word = text.lower()
    if word in legend:
        return legend[word]
    if word in _EMPTY:
        return "empty"
    if _VEHICLE.fullmatch(text):
        return "vehicle"
    if _UNTREATED.fullmatch(text):
        return "untreated"
    unclear = _CONTROL.fullmatch(text) or _known_stimulation(text)
    return "control" if unclear else "compound"


def is_letter_mark(text: str) -> bool:
    """Tell whether an empty mark could be a compound's name as well ("x", "e")."""
    return text.lower() in _LETTER_MARKS


def stimulation_name(text: str) -> tuple[str, str]:
    """Reduce a label to the stimulation's name and its dose.

    Examples
    --------
    >>> stimulation_name("Stimulated with ConA (5 ug/mL)")
    ('ConA', '5 ug/mL')
    """
    name = _STIMULATION_PREFIX.sub("", text, count=1) if _STIMULATION_PREFIX.match(text) else text
    if match := _DOSE_AT_START.fullmatch(name):
        name = f"{match['name']} {match['dose']}"
    name, amount = split_dose(name.strip())
    dose = f"{amount.number:g} {amount.unit.text}" if amount and amount.unit else ""
    return _known_stimulation(name) or name, dose


def _known_stimulation(name: str) -> str:
    names = _STIMULATION_NAMES.items()
    return next((known for known, spelling in names if re.fullmatch(spelling, name, re.I)), "")


def is_label(text: str) -> bool:
    """Tell whether a text beside a grid could be a label: no remark, amount or axis title."""
    if len(text) > _LONGEST_LABEL or "=" in text or text.lower() in _EMPTY:
        return False
    if _AXIS_TITLE.fullmatch(text) or _is_amount(text):
        return False
    return speaks_of_stimulation(text) or not is_dose_title(text)


def _is_amount(text: str) -> bool:
    try:
        return parse_amount(text) is not None
    except ValueError:
        return True


def speaks_of_stimulation(text: str) -> bool:
    """Tell whether a text holds a word that stimulations are named by."""
    return _STIMULATION_WORD.search(text) is not None


def is_stimulation_title(text: str) -> bool:
    """Tell whether a text declares the line beside it to hold the stimulation."""
    return _STIMULATION_TITLE.fullmatch(text) is not None


def is_dose_title(text: str) -> bool:
    """Tell whether a text declares the line beside it to hold concentrations."""
    return _DOSE_TITLE.search(text) is not None
