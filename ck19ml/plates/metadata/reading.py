"""Find the instrument's own metadata in a plate folder, and read it."""

from collections.abc import Callable
from pathlib import Path

from ck19ml.errors import PlateError
from ck19ml.plates.metadata import cellvoyager, imagexpress, incell, ome_zarr, operetta
from ck19ml.plates.metadata.record import InstrumentPlate, MetadataError

READERS: dict[str, tuple[tuple[str, ...], Callable[[Path], InstrumentPlate]]] = {
    "INCell": (("*.xdce",), incell.read),
    "Operetta, Opera Phenix": (
        ("Index.idx.xml", "Index.xml", "Images/Index.idx.xml", "Images/Index.xml"),
        operetta.read,
    ),
    "ImageXpress": (("*.htd",), imagexpress.read),
    "CellVoyager": (("MeasurementData.mlf",), cellvoyager.read),
    "OME-Zarr plate": (("zarr.json", ".zattrs"), ome_zarr.read),
}
"""For each kind, what its metadata files are called, in either case, and its reader."""


def read_metadata(folder: Path) -> InstrumentPlate | None:
    """Read what an instrument noted of a plate; None where there is no such file.

    Raises
    ------
    PlateError
        If there are several, or the one cannot be read.
    """
    found: list[tuple[Path, Callable[[Path], InstrumentPlate]]] = []
    for patterns, reader in READERS.values():
        files = [path for pattern in patterns for path in _files(folder, pattern)]
        if reader is ome_zarr.read:
            files = [path for path in files if ome_zarr.is_plate(path)][:1]
        found += [(path, reader) for path in files]
    if not found:
        return None
    if len(found) > 1:
        names = " and ".join(str(path.relative_to(folder)) for path, _ in found[:3])
        raise PlateError(
            f"{folder} holds the metadata of more than one plate: {names}; move all but one away, "
            "or describe the file names by 'files' in plate.yaml"
        )
    path, reader = found[0]
    try:
        return reader(path)
    except (MetadataError, PlateError):
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MetadataError(path, getattr(error, "strerror", None) or error) from error


def _files(folder: Path, name: str) -> list[Path]:
    if "*" not in name:
        return [folder / name] if (folder / name).is_file() else []
    ending = name.lstrip("*")
    return sorted(p for p in folder.iterdir() if p.suffix.lower() == ending and p.is_file())
