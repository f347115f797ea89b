"""Conversion of people's labels to names of files, artifacts and metrics."""

import hashlib
import re
from pathlib import Path


def safe_name(label: object) -> str:
    """Replace all but letters, digits, ``_``, ``.`` and ``-``, so that no path is left in a label.

    A label that is changed ends with four digits of its hash: other labels stay other names.

    Examples
    --------
    >>> safe_name("../../etc/passwd"), safe_name("ConA 5 ug/mL"), safe_name("..")
    ('-etc-passwd-3754', 'ConA-5-ug-mL-a1d9', '-5ec1')
    """
    text = str(label)
    name = re.sub(r"(?:[^\w.-]|\.\.)+", "-", text)
    if name == text:
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{name.rstrip('-')}-{digest[:4]}"


def has_name(folder: Path) -> bool:
    """Return whether a folder has a name of its own, under which other things can stand beside it.

    Examples
    --------
    >>> has_name(Path("data/plate.zarr")), has_name(Path(".")), has_name(Path("data/.."))
    (True, False, False)
    """
    return folder.name not in ("", "..")
