"""Types of values that several configs share."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from ck19ml.core.settings import each_once
from ck19ml.files.names import has_name

SEED = 2211

Seed = Annotated[int, Field(ge=0, lt=2**32, description="Seed of every random draw.")]
"""Range of the seeds that numpy, Python and Keras all take."""

Classes = Annotated[list[str], Field(min_length=2), AfterValidator(each_once)]


def without_a_user(address: str) -> str:
    """Refuse a user or a password in an address: configs are logged, and Dask takes none."""
    if "@" in address:
        raise ValueError("must be tcp://HOST:PORT without a user or a password")
    return address


Address = Annotated[str, AfterValidator(without_a_user)]


def with_a_name(path: Path) -> Path:
    """Refuse a folder like ``.``: other files are written beside it, under its name."""
    if not has_name(path):
        raise ValueError(f"must be a folder with a name of its own, found {str(path)!r}")
    return path


Named = Annotated[Path, AfterValidator(with_a_name)]
