"""Content of each image, by its name: the pattern of plate.yaml, or the INCell's names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import regex

from ck19ml.errors import PlateError
from ck19ml.plates.description import INCELL, PlateDescription
from ck19ml.plates.grouping import Unused
from ck19ml.plates.metadata.record import ImageFile

MATCHING_S = 1.0
"""For one file name; an honest pattern takes some microseconds."""

SHOWN = 3
"""Names that an error shows of those that were seen."""


def match_files(
    folder: Path, images: Sequence[Path], description: PlateDescription
) -> tuple[list[ImageFile], list[Unused]]:
    """Match images against the pattern of their names.

    A pattern with a ``/`` is matched against the path below the folder. Any other is matched
    against the name, of the images in the folder itself or, if it takes none of these, in the
    one folder below where it takes some.

    Raises
    ------
    PlateError
        If it takes no image, or images of several folders below, or never ends.
    """
    pattern = regex.compile(description.files)
    over_paths = "/" in description.files
    matches = {}
    for path in images:
        name = path.relative_to(folder).as_posix() if over_paths else path.name
        if (match := _match(pattern, name, folder)) is not None:
            matches[path] = match
    if not matches:
        raise PlateError(_nothing(folder, images, description))
    chosen = set(matches) if over_paths else _one_folder(folder, list(matches))
    left = [Unused("they match no pattern", tuple(path for path in images if path not in matches))]
    below = sorted(set(matches) - chosen)
    left.append(Unused("they lie in folders below the plate's own images", tuple(below)))
    return [_image(path, matches[path].groupdict()) for path in sorted(chosen)], left


def _match(pattern: Any, name: str, folder: Path) -> Any:
    stem, dot, ending = name.rpartition(".")
    # The same format is called .tif, .TIF and .Tif.
    spellings = dict.fromkeys(
        (name, f"{stem}{dot}{ending.lower()}", f"{stem}{dot}{ending.upper()}")
    )
    try:
        # The expression comes with the plate: some never end on some names.
        found = (pattern.fullmatch(spelling, timeout=MATCHING_S) for spelling in spellings)
        return next((match for match in found if match is not None), None)
    except TimeoutError as error:
        raise PlateError(
            f"{folder}: the pattern {pattern.pattern!r} does not decide within {MATCHING_S:g} s on "
            f"{name!r}; simplify 'files' in plate.yaml"
        ) from error


def _one_folder(folder: Path, matched: list[Path]) -> set[Path]:
    own = {path for path in matched if path.parent == folder}
    if own:
        return own
    places = sorted({path.parent.relative_to(folder).as_posix() for path in matched})
    if len(places) > 1:
        raise PlateError(
            f"{folder} holds images in {len(places)} folders below it "
            f"({', '.join(places[:SHOWN])}); give the folder of one plate, or let 'files' in "
            "plate.yaml begin with the folders that belong to it, such as "
            f"'{places[0]}/' before the name"
        )
    return set(matched)


def _nothing(folder: Path, images: Sequence[Path], description: PlateDescription) -> str:
    if not images:
        return (
            f"{folder}: found no images (.tif, .tiff or .png) in this folder or below; give the "
            "folder of a plate"
        )
    names = [path.relative_to(folder).as_posix() for path in images[:SHOWN]]
    seen = f"the {len(images)} images are called {', '.join(map(repr, names))}"
    if description.files == INCELL:
        return (
            f"{folder}: no file name is like 'CK19 - A - 3(fld 1 wv FITC - FITC).tif'; {seen}; "
            "describe them in a plate.yaml, which 'ck19ml layout FOLDER --write "
            "FOLDER/plate.yaml' proposes"
        )
    return (
        f"{folder}: the pattern {description.files!r} of plate.yaml takes no image, but {seen}; "
        "correct 'files'"
    )


def _image(path: Path, groups: dict[str, str | None]) -> ImageFile:
    return ImageFile(
        path,
        groups["row"] or "",
        groups["column"] or "",
        *(groups.get(name) or None for name in ("plate", "field", "channel", "z", "time")),
    )
