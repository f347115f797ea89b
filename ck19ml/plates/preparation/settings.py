"""Input of a preparation, plates with their layouts, and its parameters."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
import pandas as pd
from pydantic import Field

from ck19ml.core.contacts import CONTACT_UM
from ck19ml.core.mask_methods import (
    INSTRUMENT,
    LABELS,
    NAMES,
    NETWORK,
    MaskSettings,
    PlaneMethod,
)
from ck19ml.core.measurements.panel import PAIR
from ck19ml.core.measurements.table import VERSION
from ck19ml.core.quality import SAMPLED, Thresholds, background_level, level_of, noise
from ck19ml.core.settings import LARGEST_FIELD, Frozen, Share, one_of
from ck19ml.errors import PlateError
from ck19ml.files.fingerprint import fingerprint
from ck19ml.plates.dataset.hashes import hash_file
from ck19ml.plates.description import PlateDescription
from ck19ml.plates.folder import Plate, read_field
from ck19ml.plates.images import ImageError
from ck19ml.plates.label_images import LabelImages

NETWORK_FOLDER = "mask_network"
"""Folder of a dataset, and of a model, with the network that makes its masks, if one does."""

Mask = Annotated[str, one_of(NAMES)]
"""Name of a mask method."""

MadeBy = Annotated[str, one_of((*NAMES, LABELS))]
"""Name of a mask method, or `LABELS`."""


STEP = 16
"""Sides of patches are multiples of it: networks halve them four times."""

ASKED = "asked_patch_size"
"""Key of ``dataset.json`` with the side that was asked for, where the fields are smaller."""


class Network(Protocol):
    """A mask method that lies in files, see `networks.mask_model.StoredMasks`."""

    @property
    def fingerprint(self) -> str:
        """Hash of the network's file."""
        ...

    def copy_to(self, folder: Path) -> PlaneMethod:
        """Copy the files into a folder; returns the method that reads them there."""
        ...


@dataclass(frozen=True)
class Source:
    """A plate and its layout, see `layouts`, and label images where these are its masks.

    `found` is the plate's own background where it was estimated.
    """

    plate: Plate
    layout: pd.DataFrame
    labels_read: LabelImages | None = None
    found: tuple[int, ...] | None = None

    @property
    def labels(self) -> pd.DataFrame:
        """The layout's rows of the wells that have images."""
        return self.layout[self.layout["well"].isin(self.plate.wells)]

    @property
    def estimated(self) -> bool:
        """True if the background is estimated from the images."""
        return self.plate.description.levels is None


class Preparation(Frozen):
    """Settings of a preparation: from fields to patches, masks and numbers.

    Attributes
    ----------
    mask : str
        A name of `core.mask_methods.NAMES`.
    patch_size : int
        Side of a patch in pixels; fields that are smaller have patches as large as fit.
    illumination : bool
        Whether uneven illumination is corrected, see `core.illumination`.
    quality : Thresholds
    saturated_limit : float
        A field with a larger share of pixels at the camera's maximum in a channel is a problem:
        what was bright cannot be told.
    keep_empty : bool
        Whether a field without a cell in a channel is kept; otherwise it is a problem.
    contact_um : float
        Cells of both kinds touch up to this distance, see `core.contacts.measure_cells`.
    chance : bool
        Whether overlaps are compared with those under all shifts, see `core.chance.by_chance`: it
        takes longer than all the rest.
    """

    mask: Mask = INSTRUMENT
    patch_size: int = Field(default=192, ge=STEP, le=LARGEST_FIELD, multiple_of=STEP)
    illumination: bool = False
    quality: Thresholds = Thresholds()
    saturated_limit: Share = 0.05
    keep_empty: bool = True
    contact_um: float = Field(default=CONTACT_UM, gt=0, le=100)
    chance: bool = False

    @property
    def own(self) -> dict[str, Any]:
        """All of these settings, without those that a command adds."""
        return self.model_dump(include=set(Preparation.model_fields))

    @property
    def judging(self) -> dict[str, Any]:
        """Settings that decide only whether a field is a problem."""
        return {"saturated_limit": self.saturated_limit, "keep_empty": self.keep_empty}

    @property
    def measuring(self) -> dict[str, Any]:
        """Settings other than `parameters` that the numbers depend on."""
        known = {
            "illumination": self.illumination,
            "thresholds": self.quality.model_dump(),
            "measurements": VERSION,
            "contact_um": self.contact_um,
        }
        # A dataset that holds more than is asked for will do.
        return known | ({"chance": True} if self.chance else {})


def mask_settings(description: PlateDescription, preparation: Preparation) -> MaskSettings:
    """Combine what the plate and the preparation say of the masks."""
    return MaskSettings(
        method=preparation.mask,
        cells=description.cells,
        pixel_size_um=description.pixel_size_um,
        patch_size=preparation.patch_size,
        levels=levels_of(description),
        panel=description.panel,
    )


def levels_of(description: PlateDescription) -> tuple[int, ...]:
    """Return the background of each channel of a plate, see `with_levels`."""
    assert description.levels is not None  # noqa: S101 (`in_order` estimates it)
    return description.levels


def background_of(description: PlateDescription) -> int | dict[str, int]:
    """Return the background of a plate: one number if the stained channels share it."""
    panel, levels = description.panel, levels_of(description)
    each = {n: levels[place] for n, place in panel.placed}
    return each if len(set(each.values())) > 1 else next(iter(each.values()))


def parameters(source: Source, preparation: Preparation, network: Network | None) -> dict[str, Any]:
    """Return the parameters of the preparation: mask, patch_size, background, bit_depth.

    For the masks ``instrument`` and ``unet`` also cells and pixel_size_um; where a network makes
    the masks, mask_network, its fingerprint.
    """
    description = source.plate.description
    mask = preparation.mask if source.labels_read is None else LABELS
    known = {
        "mask": mask,
        "patch_size": preparation.patch_size,
        "background": background_of(description),
        "bit_depth": description.bit_depth,
    }
    if mask in (INSTRUMENT, NETWORK):
        known["cells"] = description.cells.model_dump()
        known["pixel_size_um"] = description.pixel_size_um
    known |= description.panel.parameters
    return known if network is None else known | {"mask_network": network.fingerprint}


def in_order(sources: Sequence[Source]) -> list[Source]:
    """Sort plates by name, and refuse those that cannot stand in one dataset.

    Raises
    ------
    PlateError
        If two have the same name, or their cameras or pixel sizes differ.
    """
    held: dict[str, Plate] = {}
    for plate in (source.plate for source in sources):
        for name in sorted({each.plate for each in plate.fields} or {plate.name}):
            if name in held:
                raise PlateError(
                    f"two plates are named {name!r}: {held[name].folder} and {plate.folder}; "
                    "rename one in its file names or its plate.yaml"
                )
            held[name] = plate
    sources = with_levels(sources)
    first = sources[0].plate
    for plate in (source.plate for source in sources[1:]):
        if _camera(plate) != _camera(first):
            raise PlateError(
                f"{plate.folder} has another camera ({_camera(plate)}) than {first.folder} "
                f"({_camera(first)}); prepare it as a dataset of its own"
            )
    return sorted(sources, key=lambda source: source.plate.name)


SAMPLED_FIELDS = 24
"""Fields of a plate, evenly spaced, from which a background is estimated: enough for a median."""


def estimate_levels(plate: Plate) -> tuple[int, ...]:
    """Estimate the background of each channel from some of a plate's images.

    Returns
    -------
    tuple of int
        The median over fields of `core.quality.level_of`; 0 where no image can be read, and of
        channels without a stain.
    """
    fields, panel = sorted(plate.fields), plate.description.panel
    found: list[list[int]] = []
    places = np.linspace(0, len(fields) - 1, min(len(fields), SAMPLED_FIELDS)).astype(int)
    for place in places:
        try:
            image = read_field(fields[place], plate.description)
        except ImageError:
            continue  # the checks that follow report it
        planes = np.moveaxis(image, -1, 0)
        found.append([level_of(background_level(p, SAMPLED), noise(p, SAMPLED)) for p in planes])
    levels = np.median(found, axis=0) if found else np.zeros(len(panel.names))
    top = 2**plate.description.bit_depth - 1
    return panel.levels({n: min(int(v), top) for n, v in zip(panel.names, levels, strict=True)})


def with_levels(sources: Sequence[Source]) -> list[Source]:
    """Give the plates whose background is to be estimated the highest that is found of them.

    Plates of one dataset share a background, as a model has one; `Source.found` keeps each plate's.
    """
    sources = [
        replace(source, found=estimate_levels(source.plate)) if source.estimated else source
        for source in sources
    ]
    return [source if source.found is None else _shared(source, sources) for source in sources]


def _shared(source: Source, sources: Sequence[Source]) -> Source:
    """Give a plate the highest background of those that are estimated with its bit depth."""
    described = source.plate.description
    found = [
        other.found
        for other in sources
        if other.found is not None and other.plate.description.bit_depth == described.bit_depth
    ]
    highest = dict(zip(described.panel.names, map(max, zip(*found, strict=True)), strict=True))
    changed = described.changed(background={n: highest[n] for n in described.panel.stained})
    return replace(source, plate=replace(source.plate, description=changed))


def folders(sources: Sequence[Source]) -> str:
    """Name the plates' folders."""
    return ", ".join(str(source.plate.folder) for source in sources)


def source_fingerprint(sources: Sequence[Source]) -> str:
    """Fingerprint the files, labels and descriptions of plates, wherever they stand."""
    return fingerprint(*(_source(source) for source in sources))


def content_fingerprint(sources: Sequence[Source]) -> str:
    """Fingerprint the files' bytes, not their times: a copied or touched plate is the same."""
    return fingerprint(
        *([[(name, hash_file(path)) for name, path in _files(s)], *_meaning(s)] for s in sources)
    )


def _source(source: Source) -> list[Any]:
    stats = [(name, path.stat()) for name, path in _files(source)]
    return [[(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats], *_meaning(source)]


def _meaning(source: Source) -> list[Any]:
    described = source.plate.description
    # Those of before had no `stained`, and are the same plates.
    told = described.model_dump(exclude={"stained"} if described.stained is None else None)
    return [source.labels.to_csv(index=False), told]


def _files(source: Source) -> list[tuple[str, Path]]:
    """List the files of a plate with their names; those of a Zarr image with their paths."""
    plate = source.plate
    pairs = [] if source.labels_read is None else source.labels_read.files.values()
    found = []
    for path in [*plate.files, *(path for pair in pairs for path in pair)]:
        if path.is_dir():
            below = sorted(part for part in path.rglob("*") if part.is_file())
            base = plate.folder if path.is_relative_to(plate.folder) else path.parent
            found += [(part.relative_to(base).as_posix(), part) for part in below]
        else:
            found.append((path.name, path))
    return found


def _camera(plate: Plate) -> str:
    description = plate.description
    told = f", channels {', '.join(description.panel.names)}"
    return (
        f"{description.bit_depth} bits, background {background_of(description)}, "
        f"{description.pixel_size_um:g} um a pixel, cells of "
        + " and ".join(
            f"{description.cells.of(name).diameter_um:g}" for name in description.panel.stained
        )
        + f" um{'' if description.panel == PAIR else told}"
    )
