"""Plates in OME-Zarr 0.4 and 0.5: ``plate`` names the wells, ``well`` the images [1]_.

References
----------
.. [1] https://ngff.openmicroscopy.org
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ck19ml.plates.formats.ome_zarr import PATH, attributes_of
from ck19ml.plates.metadata.record import ImageFile, InstrumentPlate

KEY = "ck19ml"
"""Attributes that `export` adds: the plate's description, a well's labels, a field's number."""


def is_plate(path: Path) -> bool:
    """Return whether the metadata of a Zarr group say that it is a plate."""
    try:
        return "plate" in attributes_of(path.parent)
    except (OSError, ValueError):
        return False


def read(path: Path) -> InstrumentPlate:
    """Read the plate whose ``zarr.json`` or ``.zattrs`` is given.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        If it is damaged.
    """
    folder = path.parent
    attributes = attributes_of(folder)
    plate = attributes["plate"]
    own = attributes.get(KEY, {})
    rows = [str(row["name"]) for row in plate["rows"]]
    columns = [str(column["name"]) for column in plate["columns"]]
    images: list[ImageFile] = []
    missing = []
    for well in plate["wells"]:
        name = _inside(well["path"])
        if not (folder / name).is_dir():
            missing.append(name)
            continue
        row, _, column = name.partition("/")
        if "rowIndex" in well:
            row, column = rows[int(well["rowIndex"])], columns[int(well["columnIndex"])]
        images += _images(folder / name, row, column)
    notes = [f"{len(missing)} wells are missing, such as {missing[0]}"] if missing else []
    if not images:
        raise ValueError("it has no images")
    shown = attributes_of(images[0].path).get("omero", {}).get("channels", [])
    known = {"name": str(plate.get("name") or folder.name.split(".")[0])}
    labels = tuple(str(channel.get("label", "")) for channel in shown)
    return InstrumentPlate(path, tuple(images), known | own, labels, tuple(notes))


def _images(folder: Path, row: str, column: str) -> Iterator[ImageFile]:
    """List the images of a well; those of later acquisitions count as later points in time."""
    seen: Counter[int] = Counter()
    for image in attributes_of(folder)["well"]["images"]:
        acquisition = int(image.get("acquisition") or 0)
        seen[acquisition] += 1
        path = folder / _inside(image["path"])
        own = attributes_of(path).get(KEY, {})
        field = str(own.get("field", seen[acquisition]))
        yield ImageFile(path, row, column, field=field, time=str(acquisition + 1))


def _inside(path: object) -> str:
    if not PATH.fullmatch(str(path)):
        raise ValueError(f"a path {str(path)[:80]!r}")
    return str(path)
