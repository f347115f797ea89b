"""The content of a plate folder's plate.yaml, and the INCell's file names, which need none."""

from pathlib import Path
from typing import Literal, Self

import regex
from pydantic import Field, ValidationError, field_validator, model_validator

from ck19ml.core.instrument_masks import CellKinds
from ck19ml.core.measurements.panel import CELLS, Panel
from ck19ml.core.settings import Frozen, explain
from ck19ml.core.wells import FORMATS
from ck19ml.errors import PlateError
from ck19ml.files.yaml_text import read_yaml

INCELL = (
    r"(?:(?P<plate>.+?) - )?(?P<row>[A-Z]|A[A-F]) - (?P<column>\d{1,2})"
    r"\(fld (?P<field>\d+) wv (?P<channel>\w[\w ]*?) - \w[\w ]*?"
    r"(?: wix \d+)?(?: z (?P<z>\d+))?(?:(?: -)? time (?P<time>\d+)(?: - \d+ ?ms)?)?\)\.tiff?"
)
"""File names of the INCell Analyzer 2000, with and without the plate's name (DOMAIN.md)."""


STUDY_BITS = 12
"""Depth of the study's camera; more bits are often filled in part, or by another gain."""


class PlateDescription(Frozen):
    """The content of ``plate.yaml``; its defaults describe an INCell plate.

    Attributes
    ----------
    name : str, optional
        The plate's name where the file names do not give it; otherwise the folder's.
    files : str
        Regular expression, in either case of letters, for a whole file name or, with a ``/`` in
        it, for a path below the folder. Groups: row and column and, where there are any, plate,
        field, channel, z (focal plane) and time.
    channels : dict
        For ``dc`` and ``tcell``, or for one or more channels under names of your own, the channel's
        name in the file name; where one file holds several channels, its name in the file's
        metadata, or its index from 0.
    stained : list of str, optional
        The channels whose cells are masked, as in ``[nuclei]`` where another one is brightfield;
        by default all.
    channel_axis : int, optional
        Axis of the channels, from 0, where a file of several planes does not say it.
    z : {"max", "mean"} or int, optional
        How focal planes are joined, or which one is used, from 1.
    time : int, optional
        The point in time that is used, from 1; the first without it.
    wells : int, optional
        Number of wells of the plate: 6, 12, 24, 48, 96, 384 or 1536; without it, what the layout
        and the images need.
    bit_depth : int
        Bits that the camera uses; larger grey values are refused.
    background : int, dict or 'auto', optional
        Level that grey values are raised to: one number, or ``{dc: 410, tcell: 380}``, or 'auto',
        estimated from the images of the plate (`core.quality.level_of`). By default the study's 255
        for 12 bits, as much of the range for fewer, and 'auto' for more: they do not say how much
        of a camera's range its images use.
    pixel_size_um : float
        Side of a pixel in micrometres.
    cells : CellKinds
        What the cells of each channel look like, as in ``{tcell: {diameter_um: 8}}``.
    labels : dict, optional
        For each stained channel, the pattern of the names of label images, see ``files``; used by
        ``prepare --labels``.
    layout : str, optional
        The layout's file name in the folder.
    layout_columns : dict
        What the layout's own columns are called, by our names.
    """

    name: str | None = None
    files: str = INCELL
    channels: dict[str, str | int] = Field(default={"dc": "TexasRed", "tcell": "FITC"})
    stained: list[str] | None = None
    channel_axis: int | None = None
    z: str | int | None = None
    time: int | None = Field(default=None, ge=1)
    wells: int | None = None
    bit_depth: int = 12
    background: int | dict[str, int] | Literal["auto"] | None = None
    pixel_size_um: float = Field(default=1.34, gt=0)
    cells: CellKinds = CellKinds()
    labels: dict[str, str] | None = None
    layout: str | None = None
    layout_columns: dict[str, str] = Field(default={})

    @field_validator("files")
    @classmethod
    def pattern_names_the_well(cls, value: str) -> str:
        """Refuse a pattern that is no regular expression or lacks the groups row and column."""
        try:
            groups = regex.compile(value).groupindex
        except regex.error as error:
            raise ValueError(f"is not a regular expression: {error}") from error
        missing = {"row", "column"} - set(groups)
        if missing:
            raise ValueError(f"lacks the group(s) {', '.join(sorted(missing))}")
        return value

    @field_validator("labels")
    @classmethod
    def labels_name_the_well(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        """Refuse patterns that do not name the wells."""
        for pattern in (value or {}).values():
            cls.pattern_names_the_well(pattern)
        return value

    @field_validator("channels")
    @classmethod
    def channels_differ(cls, value: dict[str, str | int]) -> dict[str, str | int]:
        """Refuse names that no column can have, and a channel that is named twice."""
        if not value:
            raise ValueError("must name a channel, found none")
        for name in value:
            if not regex.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
                raise ValueError(
                    f"must have names of letters and digits, as in nuclei, found {name!r}"
                )
        seen = [str(channel).casefold() for channel in value.values()]
        if twice := [str(c) for c in value.values() if seen.count(str(c).casefold()) > 1]:
            raise ValueError(f"must name {len(seen)} channels, found {twice[0]} twice")
        if any(isinstance(channel, int) and channel < 0 for channel in value.values()):
            raise ValueError("must be indices from 0, found a negative one")
        return value

    @field_validator("layout")
    @classmethod
    def layout_stands_in_the_folder(cls, value: str | None) -> str | None:
        """Refuse a path: the description comes with the plate and must not lead elsewhere."""
        if value is not None and (Path(value).name != value or value == ".."):
            raise ValueError("must be the name of a file in the plate's folder")
        return value

    @field_validator("bit_depth")
    @classmethod
    def bit_depth_fits_sixteen(cls, value: int) -> int:
        """Refuse depths that no supported file holds."""
        if not 1 <= value <= 16:
            raise ValueError(f"must be 1 to 16 bits, found {value}")
        return value

    @model_validator(mode="after")
    def keys_are_channels(self) -> Self:
        """Refuse what is said of channels that are not there or not stained."""
        if odd := [name for name in self.stained or () if name not in self.channels]:
            raise ValueError(f"stained: {odd[0]!r} is none of {', '.join(self.channels)}")
        stained = self.panel.stained
        if lost := [name for name in CELLS if name in self.channels and name not in stained]:
            raise ValueError(f"stained lacks {lost[0]}, whose cells are stained in any case")
        if not stained:
            raise ValueError("stained must name a channel, found none")
        for key, told in (("background", self.background), ("labels", self.labels)):
            if isinstance(told, dict) and set(told) != set(stained):
                raise ValueError(
                    f"{key} must have the keys {' and '.join(stained)}, "
                    f"found {', '.join(told) or 'none'}"
                )
        if odd := sorted(set(self.cells.model_extra or ()) - set(stained)):
            raise ValueError(f"cells: {odd[0]!r} is none of {', '.join(stained)}")
        return self

    @model_validator(mode="after")
    def background_is_a_grey_value(self) -> Self:
        """Refuse a background that the camera cannot give."""
        for level in self.levels or ():
            if not 0 <= level < 2**self.bit_depth:
                raise ValueError(
                    f"background must be between 0 and {2**self.bit_depth - 1}, found {level}"
                )
        return self

    @field_validator("z")
    @classmethod
    def focal_planes_are_joined_or_counted(cls, value: str | int | None) -> str | int | None:
        """Refuse anything but max, mean and a number from 1."""
        if value in (None, "max", "mean") or (isinstance(value, int) and value > 0):
            return value
        raise ValueError(f"must be max, mean or a number from 1, found {value!r}")

    @field_validator("wells")
    @classmethod
    def plates_have_usual_sizes(cls, value: int | None) -> int | None:
        """Refuse a number of wells that no plate has."""
        if value is not None and value not in FORMATS:
            raise ValueError(f"must be {', '.join(map(str, FORMATS))}, found {value}")
        return value

    @model_validator(mode="after")
    def stacks_say_their_channels(self) -> Self:
        """Refuse a pattern without a group ``channel`` that leaves the channels to the defaults."""
        named = "channel" in regex.compile(self.files).groupindex
        if not named and "channels" not in self.model_fields_set:
            raise ValueError(
                "channels must be names or indices in each file, since the pattern has no group "
                "'channel'; add 'channels: {dc: 0, tcell: 1}'"
            )
        return self

    @property
    def panel(self) -> Panel:
        """The channels in the order in which fields are read."""
        return Panel.of(list(self.channels), self.stained)

    @property
    def levels(self) -> tuple[int, ...] | None:
        """The background of each channel; None if it is to be estimated."""
        level = self.background
        if level is None:
            studys = max((1 << self.bit_depth) // 16 - 1, 0)
            level = studys if self.bit_depth <= STUDY_BITS else "auto"
        return None if level == "auto" else self.panel.levels(level)


def read_description(folder: Path) -> PlateDescription:
    """Read the folder's ``plate.yaml``; without one, describe an INCell plate.

    Raises
    ------
    PlateError
        If the file is not YAML, has unknown keys or values of the wrong kind.
    """
    path = folder / "plate.yaml"
    if not path.exists():
        return PlateDescription()
    try:
        return PlateDescription.model_validate(read_yaml(path) or {})
    except ValidationError as error:  # a ValueError too
        raise PlateError(f"{path}: {explain(PlateDescription, error, 'correct it')}") from error
    except (ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PlateError(f"{path} cannot be read as YAML: {reason}; correct it") from error
