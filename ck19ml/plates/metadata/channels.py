"""Assignment of an instrument's channels to dendritic cells and T cells."""

import re
from collections.abc import Sequence
from pathlib import Path

from ck19ml.errors import PlateError

TCELL = re.compile(
    r"t[ _-]?cells?|fitc|cfse|e?gfp|green|(?:alexa ?(?:fluor)? ?|af ?)?488(?: ?nm)?",
    re.I,
)
"""T cells are dyed with CFSE in this assay: names of green channels."""

DC = re.compile(
    r"dcs?|dendritic(?: cells?)?|te?xa?s?[ _-]?red|tx ?red|cmtpx|cell ?tracker red|red|rfp|ds ?red"
    r"|m?cherry|tritc|cy ?3|(?:alexa ?(?:fluor)? ?|af ?)?(?:546|555|561|568|594)(?: ?nm)?",
    re.I,
)
"""Dendritic cells are dyed with CMTPX: names of red channels."""


def guess_channels(source: Path, names: Sequence[str]) -> dict[str, str | int]:
    """Return the channels of the two cell types, by their names.

    Raises
    ------
    PlateError
        If not exactly one name fits each; the message has the line to add to plate.yaml.
    """
    found = {
        key: [name for name in names if words.fullmatch(name.strip())]
        for key, words in (("dc", DC), ("tcell", TCELL))
    }
    if all(len(fitting) == 1 for fitting in found.values()):
        return {key: fitting[0] for key, fitting in found.items()}
    first, last = (names[0], names[-1]) if names else ("NAME", "NAME")
    raise PlateError(
        f"{source}: cannot tell which of the channels {', '.join(map(repr, names[:8])) or 'none'} "
        "shows dendritic cells and which T cells; add them to plate.yaml, as in "
        f"channels: {{dc: '{last}', tcell: '{first}'}}"
    )
