"""Words of layouts, in grids and tables alike: empty marks, controls, stimulations."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from ck19ml.plates.layouts.amounts import NUMBER, Amount, parse_amount

WellKind = Literal["empty", "vehicle", "untreated", "compound", "control"]

_LONGEST_LABEL = 60
_DOSE_AT_END = re.compile(
    rf"(?P<name>.*[^\s(\[@,;+])[\s(\[@,;+]+(?:at\s+)?(?P<dose>(?:{NUMBER})\s*[^\d\s()\[\]][^()\[\]]*)[)\]]?"
)
_DOSE_AT_START = re.compile(
    rf"(?P<dose>(?:{NUMBER})\s*(?:[uµμnmp]g|I?U)\s*/\s*m?[lL])\s+(?:of\s+)?(?P<name>.+)"
)

_EMPTY = {"", "-", "–", "—", "x", "e", "empty", "empty well", "no cells", "not used", "unused"}
_LETTER_MARKS = {"x", "e"}
_PERCENT = r"\(?[0-9.,]+\s*%(?:\s*(?:\(?v/v\)?|final))?\)?"
_VEHICLE = re.compile(
    rf"(?:{_PERCENT}\s*)?(?:dmso|vehicle|veh\.?|solvent)"
    rf"(?:[\s,:]*(?:{_PERCENT}|control|ctrl|only|\([^()]*\)))*",
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
    """Return what a cell of the grid means.

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
    """Return whether an empty mark could be a compound's name as well ("x", "e")."""
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
    """Return whether a text beside a grid could be a label: no remark, amount or axis title."""
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
    """Return whether a text holds a word that stimulations are named by."""
    return _STIMULATION_WORD.search(text) is not None


def is_stimulation_title(text: str) -> bool:
    """Return whether a text declares the line beside it to hold the stimulation."""
    return _STIMULATION_TITLE.fullmatch(text) is not None


def is_dose_title(text: str) -> bool:
    """Return whether a text declares the line beside it to hold concentrations."""
    return _DOSE_TITLE.search(text) is not None


def kind_of_label(text: str) -> WellKind:
    """Return what a table's compound or control means: as in a grid, but "x" is a compound.

    Returns
    -------
    str
        "empty", "vehicle", "untreated", or "compound" for any other text.
    """
    kind = "compound" if is_letter_mark(text) or not text else kind_of_well(text, {})
    return "compound" if kind == "control" else kind


def one_spelling(labels: Sequence[str]) -> tuple[list[str], list[str]]:
    """Write labels alike that differ only by case, by spaces or by which micro sign was typed.

    Returns
    -------
    list of str
        The labels, each in the spelling that most of its kind have, the first among equals.
    list of str
        One sentence for each label that was written in several ways.
    """
    counts: dict[str, Counter[str]] = {}
    for label in labels:
        counts.setdefault(_key(label), Counter())[label] += 1
    chosen = {key: spellings.most_common(1)[0][0] for key, spellings in counts.items()}
    notes = [
        f"{', '.join(map(repr, spellings))} are one label, {chosen[key]!r}: they differ only by "
        "case, spaces or the micro sign"
        for key, spellings in counts.items()
        if len(spellings) > 1
    ]
    return [chosen[_key(label)] for label in labels], notes


def _key(label: str) -> str:
    # Case folding makes one of the two micro signs.
    return "".join(label.casefold().split())
