"""Numbers and concentrations as people write them."""

import math
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

UnitKind = Literal["molar", "stimulus"]

_NO_NUMBER = {"", "-", "–", "—", "na", "n/a", "nan", "none"}
_GROUPED = r"[1-9][0-9]{0,2}(?:%s[0-9]{3})+"
_GROUPED_DOT, _GROUPED_COMMA = (re.compile(_GROUPED % sign) for sign in (r"\.", ","))
_DECIMAL_COMMA = re.compile(r"[0-9]*,[0-9]+(?:[eE][-+]?[0-9]+)?")

SIGNIFICANT = 12
"""Digits of a concentration; 0.1 * 3 differs from 0.3 in the 17th."""

# To uM. A lower-case pM or M is left out: "3 pm" is a time and "m" a metre.
_TO_UM: dict[str, float] = {"M": 1e6, "mM": 1e3, "uM": 1.0, "nM": 1e-3, "pM": 1e-6}
_PER_LITRE = r"[ _]*(?:/|per)[ _]*(?:[lL]|lit(?:er|re)s?)"
_MOLES = rf"mol(?:es?)?{_PER_LITRE}"
_MOLAR = re.compile(
    rf"(?<![A-Za-zµμ])(?:(?P<micro>[uUµμ][Mm]|micromolar|(?:[uµμ]|micro){_MOLES})"
    rf"|(?P<nano>[nN]M|nm|nanomolar|n(?:ano)?{_MOLES})|(?P<milli>mM|millimolar|m(?:illi)?{_MOLES})"
    rf"|(?P<pico>pM|p(?:ico)?{_MOLES})|(?P<one>M|{_MOLES}))(?![A-Za-z/])"
)
_MOLAR_NAMES = {"micro": "uM", "nano": "nM", "milli": "mM", "pico": "pM", "one": "M"}
_MASS = re.compile(r"(?<![A-Za-z])(?:[uµμnmp]g|mcg|I?U|units?)\s*(?:/|per)\s*[muµμ]?[lL]\b")
NUMBER = r"[0-9]{1,3}(?:[.,][0-9]{3}){2,}|[0-9]+(?:[.,][0-9]+)?(?:[eE][-+]?[0-9]+)?|[.,][0-9]+"
_AMOUNT = re.compile(rf"(?P<number>{NUMBER})\s*(?P<unit>.*)")


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


def parse_number(text: str, *, dot_is_decimal: bool = False) -> float:
    """Read a number of 0 or more; "0,3" is 0.3 and nothing, "-" or "NA" is NaN.

    Parameters
    ----------
    dot_is_decimal : bool
        Whether "1.000" is surely one, see `has_decimal_dots`.

    Raises
    ------
    ValueError
        If the text is no finite number of 0 or more, or if its comma or dot could also group
        thousands (as in "1,000").
    """
    text = text.strip()
    if text.lower() in _NO_NUMBER:
        return math.nan
    grouped = "comma" if _GROUPED_COMMA.fullmatch(text) else ""
    if _GROUPED_DOT.fullmatch(text) and not (dot_is_decimal and text.count(".") == 1):
        grouped = "dot"
    if grouped:
        plain = text.replace(",", "").replace(".", "")
        one = re.sub(r"[.,]", ".", text, count=1).rstrip("0").rstrip(".")
        raise ValueError(
            f"cannot tell whether the {grouped} of {text!r} groups thousands; write {plain} or "
            f"{one}"
        )
    number = float(text.replace(",", ".") if text.count(",") == 1 else text)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{text!r} is not a number of 0 or more")
    return number


def has_decimal_dots(texts: Iterable[str]) -> bool:
    """Return whether numbers that belong together show that their dot is a decimal point.

    They do if one has a dot that cannot group thousands ("0.3"), and none a decimal comma.
    """
    numbers = [match["number"] for text in texts if (match := _AMOUNT.fullmatch(text.strip()))]
    dots = any("." in number and not _GROUPED_DOT.fullmatch(number) for number in numbers)
    return dots and not has_decimal_commas(numbers)


def has_decimal_commas(texts: Iterable[str]) -> bool:
    """Return whether one of some numbers has a comma that cannot group thousands."""
    numbers = [match["number"] for text in texts if (match := _AMOUNT.fullmatch(text.strip()))]
    return any(_DECIMAL_COMMA.fullmatch(n) and not _GROUPED_COMMA.fullmatch(n) for n in numbers)


def find_unit(text: str) -> Unit | None:
    """Find the first unit of concentration in a text; None if there is none."""
    if match := _MASS.search(text):
        return Unit("stimulus", match[0].replace(" ", ""), math.nan, match[0])
    if match := _MOLAR.search(text):
        name = _MOLAR_NAMES[str(match.lastgroup)]
        return Unit("molar", name, _TO_UM[name], match[0])
    return None


def to_um(number: float, unit: Unit) -> float:
    """Convert a molar amount to uM; divides by whole numbers, so that 300 nM is exactly 0.3."""
    return number * unit.to_um if unit.to_um >= 1 else number / round(1 / unit.to_um)


def rounded(concentration: float) -> float:
    """Round a concentration so that those that differ by arithmetic alone are one."""
    return float(f"{concentration:.{SIGNIFICANT}g}")


def parse_amount(value: str | float, *, dot_is_decimal: bool = False) -> Amount | None:
    """Read a number, or a number and its unit; None if the value is anything else.

    Raises
    ------
    ValueError
        If the comma or dot of a number may group thousands, or the number is below 0.
    """
    if not isinstance(value, str):
        if value < 0:
            raise ValueError(f"{value:g} is below 0")
        return Amount(float(value), None)
    match = _AMOUNT.fullmatch(value)
    if match is None:
        return None
    unit = find_unit(match["unit"])
    if match["unit"] and not (unit and unit.as_written == match["unit"].strip("()[] ")):
        return None
    return Amount(parse_number(match["number"], dot_is_decimal=dot_is_decimal), unit)


def parse_um(text: str, unit: Unit | None, *, dot_is_decimal: bool) -> float:
    """Read a concentration in uM; NaN where there is none.

    Parameters
    ----------
    unit : Unit, optional
        The column's, which counts where the text has none; uM without it.

    Raises
    ------
    ValueError
        If the text is no number, or not one of molar concentration.
    """
    if text.strip().lower() in _NO_NUMBER:
        return math.nan
    amount = parse_amount(text.strip(), dot_is_decimal=dot_is_decimal)
    if amount is None:
        raise ValueError(f"{text!r} is not a number")
    meant = amount.unit or unit
    if meant is not None and meant.kind != "molar":
        raise ValueError(f"{meant.text} is not a molar unit")
    return rounded(to_um(amount.number, meant) if meant else amount.number)
