"""Labels that a person wrote, made fit for the names of files, artifacts and metrics."""

import re
from pathlib import Path


def safe_name(label: object) -> str:
    """Replace all but letters, digits, ``_``, ``.`` and ``-``, so that no path is left in a label.

    Examples
    --------
    >>> safe_name("../../etc/passwd"), safe_name("ConA 5 ug/mL"), safe_name("..")
    ('-etc-passwd', 'ConA-5-ug-mL', '-')
    """
    return re.sub(r"(?:[^\w.-]|\.\.)+", "-", str(label))


def has_name(folder: Path) -> bool:
    """Tell whether a folder has a name of its own, under which other things can stand beside it.

    Examples
    --------
    >>> has_name(Path("data/plate.zarr")), has_name(Path(".")), has_name(Path("data/.."))
    (True, False, False)
    """
    return folder.name not in ("", "..")
