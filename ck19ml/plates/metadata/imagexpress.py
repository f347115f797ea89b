"""ImageXpress: MetaXpress' ``*.HTD``, with the images beside it or in ``TimePoint_N/ZStep_N``.

The file has a line ``"KEY", value, ...`` each, as Bio-Formats' ``CellWorxReader`` reads it. The
images are called ``PLATE_A01_s1_w1GUID.tif``; a single site or wavelength is left out of the name,
and ``_thumb`` in it marks a small copy.
"""

import csv
import re
from pathlib import Path

from ck19ml.files.reading import read_text
from ck19ml.plates.listing import image_files
from ck19ml.plates.metadata.record import ImageFile, InstrumentPlate, usual_size

MOST_BYTES = 2**20
_GUID = r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}"
_NAME = re.compile(
    rf"(?P<plate>.*)_(?P<row>[A-Z]{{1,2}})(?P<column>\d{{2}})(?:_s(?P<field>\d+))?"
    rf"(?:_w(?P<channel>\d))?(?P<thumb>_thumb)?(?:{_GUID})?\.tiff?",
    re.I,
)
_FOLDER = re.compile(r"(TimePoint|ZStep)_(\d+)", re.I)


def read(path: Path) -> InstrumentPlate:
    """Read an ``.HTD`` and the names of the images below its folder.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or no image has a name as it is written with it.
    """
    keys = {
        row[0].strip(): [part.strip() for part in row[1:]]
        for row in csv.reader(_text(path).splitlines(), skipinitialspace=True)
        if len(row) > 1
    }
    if "XWells" not in keys or "YWells" not in keys:
        raise ValueError("it does not say XWells and YWells")
    count = int(keys.get("NWavelengths", ["1"])[0])
    waves = {str(n): keys.get(f"WaveName{n}", [str(n)])[0] for n in range(1, count + 1)}
    images, thumbs = [], 0
    for file in image_files(path.parent)[0]:
        match = _NAME.fullmatch(file.name)
        if match is None:
            continue
        if match["thumb"]:
            thumbs += 1
            continue
        places = _places(path.parent, file)
        images.append(
            ImageFile(
                file,
                match["row"],
                match["column"],
                field=match["field"],
                channel=waves.get(match["channel"] or "1", match["channel"]),
                z=places.get("zstep"),
                time=places.get("timepoint"),
            )
        )
    if not images:
        raise ValueError("no image is called PLATE_A01_s1_w1.tif or so")
    notes = [f"{thumbs} small copies (_thumb) are left aside"] if thumbs else []
    wells = int(keys["XWells"][0]) * int(keys["YWells"][0])
    return InstrumentPlate(
        path,
        tuple(sorted(images)),
        {"wells": usual_size(wells), "name": path.stem},
        tuple(sorted({str(image.channel) for image in images})),
        tuple(notes),
    )


def _text(path: Path) -> str:
    try:
        return read_text(path, MOST_BYTES)
    except UnicodeDecodeError:
        return path.read_text(encoding="cp1252")


def _places(folder: Path, file: Path) -> dict[str, str]:
    """Read the point in time and the focal plane from the names of the folders."""
    matches = map(_FOLDER.fullmatch, file.relative_to(folder).parts[:-1])
    return {match[1].lower(): match[2] for match in matches if match}
