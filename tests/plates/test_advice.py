"""The line that a plate's error says to add is taken as it stands, and the plate is read."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from ck19ml.errors import PlateError
from ck19ml.plates.folder import find_plate, read_field
from tests.plates.made_plates import grey, write_image, write_well

STACK = "files: '(?P<row>[A-P])(?P<column>\\d+)\\.tif'\n"


def stack(folder: Path) -> None:
    (folder / "plate.yaml").write_text(STACK + "channels: {dc: 0, tcell: 2}\n")
    write_image(folder / "A1.tif", np.stack([grey(n) for n in range(3)]))


def hyperstack(folder: Path) -> None:
    (folder / "plate.yaml").write_text(STACK + "channels: {dc: 0, tcell: 1}\n")
    planes = np.stack([[grey(n), grey(n + 9)] for n in range(3)])
    tifffile.imwrite(folder / "A1.tif", planes, imagej=True, metadata={"axes": "ZCYX"})


def without_channels(folder: Path) -> None:
    (folder / "plate.yaml").write_text(STACK)
    write_image(folder / "A1.tif", np.stack([grey(0), grey(1)]))


def eight_bits(folder: Path) -> None:
    for path in write_well(folder, "A", 1):
        write_image(path, grey(1, bits=8))


def sixteen_bits(folder: Path) -> None:
    for path in write_well(folder, "A", 1):
        write_image(path, grey(1, bits=16))


def other_dyes(folder: Path) -> None:
    for path in write_well(folder, "A", 1):
        path.rename(folder / path.name.replace("TexasRed", "Cy5").replace("FITC", "DAPI"))


def focal_planes(folder: Path) -> None:
    for path in write_well(folder, "A", 1):
        for z in (1, 2):
            write_image(folder / path.name.replace(").tif", f" z {z}).tif"), grey(z))
        path.unlink()


@pytest.mark.parametrize(
    "write",
    [
        stack, hyperstack, without_channels, eight_bits, sixteen_bits, other_dyes, focal_planes,
    ],
)  # fmt: skip
def test_advice_is_followed_as_it_stands(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(PlateError) as caught:
        read(tmp_path)
    keys = r"(?:channels|channel_axis|z|bit_depth): (?:\{[^}]*\}|[\w]+)"
    line = re.search(keys, str(caught.value))
    assert line is not None, str(caught.value)
    with (tmp_path / "plate.yaml").open("a") as file:
        file.write(line[0] + "\n")
    assert read(tmp_path) == 1


def read(folder: Path) -> int:
    plate = find_plate(folder)
    return len([read_field(field, plate.description) for field in plate.fields])
