"""The image files below a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from ck19ml.errors import PlateError

READ = (".tif", ".tiff", ".png")
"""Endings of the files that are read, in either case."""

OTHERS = (
    ".jpg", ".jpeg", ".bmp", ".gif", ".jp2", ".jxr", ".webp", ".dib", ".c01", ".flex", ".im",
    ".stk", ".btf", ".tf8", ".czi", ".lif", ".nd2", ".oir", ".vsi", ".ims", ".lsm", ".mea",
)  # fmt: skip
"""Endings of images that are not read, so that nobody takes them for used."""

IGNORED = ("thumbs.db", "desktop.ini", "__macosx", "@eadir")

MOST_FILES = 500_000
"""A plate of 1536 wells with 9 fields, 4 channels and 5 planes has 276,480 images."""


def image_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """List the images below a folder, in order; links are followed to files, not to folders.

    Hidden files and folders and Zarr folders are passed over.

    Returns
    -------
    list of Path
        Those of formats that are read.
    list of Path
        Those of other formats.

    Raises
    ------
    PlateError
        If there are more files than a plate has.
    """
    read, others = [], []
    for path in _files(folder):
        ending = path.suffix.lower()
        if ending in READ:
            read.append(path)
        elif ending in OTHERS:
            others.append(path)
    return sorted(read), sorted(others)


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_hidden(name) and not _is_zarr(name)]
        for name in names:
            count += 1
            if count > MOST_FILES:
                raise PlateError(
                    f"{folder} holds more than {MOST_FILES:,} files, too many for one plate; "
                    "give the folder of one plate"
                )
            if not _is_hidden(name):
                yield Path(place, name)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in IGNORED


def _is_zarr(name: str) -> bool:
    return name.lower().endswith((".zarr", ".zarr.partial"))
