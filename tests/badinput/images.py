"""The images of a plate: damaged, of wrong kinds, beyond bounds."""

import struct
import zlib
from pathlib import Path

import numpy as np
import tifffile

from tests.badinput.case import Case
from tests.badinput.plates import PREPARE
from tests.badinput.spoiling import (
    DC_A02,
    FITC_A02,
    FITC_B01,
    Spoil,
    both,
    cut_short,
    flip,
    mode,
    pipe,
    write,
)
from tests.plates.made_plates import SIDE, grey, write_image

STACK = "files: '(?P<row>[A-P])(?P<column>[0-9]+)\\.tif'\nchannels: {dc: 0, tcell: 1}\n"
PNGS = (
    "files: '(?P<row>[A-P])(?P<column>[0-9]+)-(?P<channel>[rg])\\.png'\n"
    "channels: {dc: r, tcell: g}\nbit_depth: 8\n"
)
FLOATS = grey(0).astype(np.float32)


def image(plane: np.ndarray, name: str = DC_A02, **options: object) -> Spoil:
    """Put another image in the place of one."""
    return lambda work: write_image(work / "plate" / name, plane, **options)


def in_place_of(name: str, content: bytes) -> Spoil:
    return write(f"plate/{name}", content)


def narrower_field(work: Path) -> None:
    for name in (DC_A02, FITC_A02):
        image(grey(0, (SIDE, SIDE - 8)), name)(work)


def huge_tiff(work: Path) -> None:
    """A few bytes that claim 10 gigapixels: every tile is the same, well compressed one."""
    tile = np.zeros((4096, 4096), np.uint16)
    path = work / "plate" / DC_A02
    tifffile.imwrite(path, tile, compression="zlib", tile=(4096, 4096))
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages[0].tags
        for name in ("ImageWidth", "ImageLength"):
            place = tags[name].valueoffset
            content[place : place + 4] = struct.pack("<I", 100_000)
    path.write_bytes(content)


def tiff_bomb(work: Path) -> None:
    """One strip of zeros, well compressed, in an image of 4 gigapixels."""
    packed = zlib.compress(bytes(2 * 2**20))
    path = work / "plate" / DC_A02
    side = 65_535
    entries = [
        (256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 16), (259, 3, 1, 8), (262, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, side), (279, 4, 1, len(packed)),
    ]  # fmt: skip
    start = 8 + len(packed)
    fields = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    path.write_bytes(
        struct.pack("<2sHI", b"II", 42, start) + packed
        + struct.pack("<H", len(entries)) + fields + bytes(4)
    )  # fmt: skip


def png_of(*size_bits_colour: int, data: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        length, check = len(content), zlib.crc32(kind + content)
        return struct.pack(">I", length) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", *size_bits_colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    )  # fmt: skip


def pngs(red: bytes) -> Spoil:
    """A plate of one well in PNG files."""
    green = png_of(SIDE, SIDE, 8, 0, data=bytes((SIDE + 1) * SIDE))
    return both(
        write("png/plate.yaml", PNGS), write("png/A1-r.png", red), write("png/A1-g.png", green)
    )


def loop(work: Path) -> None:
    (work / "plate" / DC_A02).unlink()
    (work / "plate" / DC_A02).symlink_to(DC_A02)


def link_to_nothing(work: Path) -> None:
    (work / "plate" / DC_A02).unlink()
    (work / "plate" / DC_A02).symlink_to("nosuch.tif")


def folder_instead(name: str) -> Spoil:
    def spoil(work: Path) -> None:
        (work / name).unlink(missing_ok=True)
        (work / name).mkdir()

    return spoil


def all_bad(work: Path) -> None:
    for path in (work / "plate").glob("*.tif"):
        cut_short(path)


def constant_plate(work: Path) -> None:
    for path in (work / "plate").glob("*.tif"):
        write_image(path, np.full((SIDE, SIDE), 7, np.uint16))


def saturated_plate(work: Path) -> None:
    for path in (work / "plate").glob("*.tif"):
        write_image(path, np.full((SIDE, SIDE), 4095, np.uint16))


IMAGES = {
    "a TIFF is truncated": Case(
        PREPARE, (FITC_B01, "damaged"), spoil=lambda work: cut_short(work / "plate" / FITC_B01)
    ),
    "a TIFF is empty": Case(PREPARE, (DC_A02, "damaged"), spoil=in_place_of(DC_A02, b"")),
    "a TIFF is text": Case(
        PREPARE, (DC_A02, "damaged"), spoil=in_place_of(DC_A02, b"not an image")
    ),
    "a TIFF is a JPEG": Case(
        PREPARE, (DC_A02, "damaged"), spoil=in_place_of(DC_A02, b"\xff\xd8\xff\xe0" + bytes(90))
    ),
    "a TIFF's header lies of its pages": Case(
        PREPARE, (DC_A02, "damaged"),
        spoil=in_place_of(DC_A02, b"II*\0\xff\xff\xff\x7f" + bytes(64)),
    ),
    "a TIFF's directory is its own next": Case(
        PREPARE, (DC_A02, "planes of rows and columns"),
        spoil=in_place_of(DC_A02, b"II*\0\x08\0\0\0\0\0\x08\0\0\0"),
    ),
    "a TIFF with a flipped byte in its header": Case(
        PREPARE, (DC_A02,), spoil=lambda work: flip(work / "plate" / DC_A02, 0.0)
    ),
    "a compressed TIFF with a flipped byte": Case(
        PREPARE, (DC_A02, "damaged"),
        spoil=both(image(grey(0), compression="zlib"),
                   lambda work: flip(work / "plate" / DC_A02, 0.6)),
    ),
    "a TIFF that claims 10 gigapixels": Case(PREPARE, (DC_A02, "512 MiB"), spoil=huge_tiff),
    "a TIFF that unpacks to 8 GB": Case(PREPARE, (DC_A02, "512 MiB"), spoil=tiff_bomb),
    "export: a TIFF that unpacks to 8 GB": Case(
        "export plate new.zarr", (DC_A02, "512 MiB"), spoil=tiff_bomb
    ),
    "a PNG that claims 4 gigapixels": Case(
        "prepare png new.zarr --layout plate/layout.csv", ("A1-r.png", "512 MiB"),
        spoil=pngs(png_of(65_000, 65_000, 8, 0)),
    ),
    "a PNG without pixels": Case(
        "prepare png new.zarr --patch-size 16 --layout plate/layout.csv", ("A1-r.png", "damaged"),
        spoil=pngs(png_of(SIDE, SIDE, 8, 0)),
    ),
    "a PNG in colour": Case(
        "prepare png new.zarr --patch-size 16 --layout plate/layout.csv", ("A1-r.png", "grey"),
        spoil=pngs(png_of(SIDE, SIDE, 8, 2, data=bytes((3 * SIDE + 1) * SIDE))),
    ),
    "a PNG of an unknown kind": Case(
        "prepare png new.zarr --patch-size 16 --layout plate/layout.csv", ("A1-r.png", "damaged"),
        spoil=pngs(png_of(SIDE, SIDE, 8, 77)),
    ),
    "channels of two sizes": Case(
        PREPARE, (FITC_B01, "40 x 40", "40 x 32"), spoil=image(grey(0, (SIDE, SIDE - 8)), FITC_B01)
    ),
    "fields of two sizes": Case(PREPARE, (DC_A02, "40 x 40", "40 x 32"), spoil=narrower_field),
    "8 bits in a plate of 12": Case(
        PREPARE, (DC_A02, "uint8 values", "needs 16-bit"), spoil=image(grey(0, bits=8))
    ),
    "signed values": Case(PREPARE, (DC_A02, "int16"), spoil=image(-grey(0).astype(np.int16))),
    "fractions": Case(PREPARE, (DC_A02, "float32"), spoil=image(FLOATS / 4096)),
    "values that are no numbers": Case(
        PREPARE, (DC_A02, "float32"), spoil=image(np.full_like(FLOATS, np.nan))
    ),
    "infinite values": Case(
        PREPARE, (DC_A02, "float64"), spoil=image(np.full((SIDE, SIDE), np.inf))
    ),
    "a colour image": Case(
        PREPARE, (DC_A02, "(40, 40, 3)"),
        spoil=lambda work: tifffile.imwrite(work / "plate" / DC_A02,
                                            np.zeros((SIDE, SIDE, 3), np.uint16)),
    ),
    "a line instead of an image": Case(
        PREPARE,
        (DC_A02, "40 x 40 pixels", "has 1 x 40"),
        spoil=image(np.zeros((1, SIDE), np.uint16))
    ),
    "a stack where a plane is due": Case(
        PREPARE, (DC_A02, "5 planes instead of one", "z: max"),
        spoil=image(np.zeros((5, SIDE, SIDE), np.uint16)),
    ),
    "a grey value beyond the camera's": Case(
        PREPARE,
        (DC_A02, "grey values up to 5000", "(4095)"),
        spoil=image(np.full((SIDE, SIDE), 5000, np.uint16))
    ),
    "a stack that lacks a channel": Case(
        "prepare stack new.zarr --patch-size 16 --layout plate/layout.csv",
        ("A1.tif", "no channel 1"),
        spoil=both(write("stack/plate.yaml", STACK),
                   lambda work: write_image(work / "stack" / "A1.tif", grey(0))),
    ),
    "an image is a folder": Case(
        PREPARE, ("no dc file for A02",), spoil=folder_instead(f"plate/{DC_A02}")
    ),
    "an image is a link to nothing": Case(PREPARE, (DC_A02,), spoil=link_to_nothing),
    "an image is a link to itself": Case(PREPARE, (DC_A02,), spoil=loop),
    "an image is a pipe": Case(PREPARE, (DC_A02,), spoil=pipe(f"plate/{DC_A02}")),
    "an image that may not be read": Case(
        PREPARE, (DC_A02, "Permission denied"), spoil=mode(f"plate/{DC_A02}", 0), as_user=True
    ),
    "a plate folder that may not be read": Case(
        PREPARE, ("plate", "Permission denied"), spoil=mode("plate", 0), as_user=True
    ),
    "every image is bad, and skipped": Case(
        f"{PREPARE} --skip-bad", ("plate", "all 3 fields have problems"), spoil=all_bad
    ),
    "every field is empty": Case(
        PREPARE, ("plate", "no cell found", "6 problems in 3 wells"), spoil=constant_plate
    ),
    "every field is saturated": Case(
        PREPARE, ("plate", "100.0% of the pixels"), spoil=saturated_plate
    ),
}  # fmt: skip

CASES = {f"images: {name}": case for name, case in IMAGES.items()}
