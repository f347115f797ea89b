"""What all configs share."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ck19ml.files.names import has_name
from ck19ml.networks.card import each_once

SEED = 2211

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What numpy, Python and Keras all take."""


LARGEST_FIELD = 2**14
"""Side of a field in pixels at most: a number that is mistyped must not fill the memory."""


Classes = Annotated[list[str], Field(min_length=2), AfterValidator(each_once)]


def without_a_user(address: str) -> str:
    """Refuse a user or a password in an address: configs are logged, and Dask takes none."""
    if "@" in address:
        raise ValueError("expected tcp://HOST:PORT, found a user or a password; leave it out")
    return address


Address = Annotated[str, AfterValidator(without_a_user)]


def with_a_name(path: Path) -> Path:
    """Refuse a folder like ``.``: other things are written beside it, under its name."""
    if not has_name(path):
        raise ValueError(f"expected a folder with a name of its own, found {str(path)!r}")
    return path


Named = Annotated[Path, AfterValidator(with_a_name)]


class Frozen(BaseModel):
    """Base of all configs: values cannot change, and every key must be known."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
