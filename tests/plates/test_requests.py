"""Raw fields of a request: what is taken, and what is refused before it costs anything."""

import base64
import struct
import tracemalloc
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from imagecodecs import jpeg_encode, png_encode
from numpy.typing import NDArray

from ck19ml.core.measurements.panel import Panel
from ck19ml.errors import PlateError
from ck19ml.plates.formats.encoded import MOST_BYTES
from ck19ml.plates.requests import requested_fields

SIZE = 32
FIELD = np.random.default_rng(4).integers(100, 4096, (40, 50, 2)).astype(np.uint16)


def npy(image: NDArray[Any], **how: Any) -> bytes:
    file = BytesIO()
    np.save(file, image, **how)
    return file.getvalue()


def tiff(image: NDArray[Any], **how: Any) -> bytes:
    file = BytesIO()
    tifffile.imwrite(file, image, **how)
    return file.getvalue()


def png(image: NDArray[Any]) -> bytes:
    return bytes(png_encode(np.ascontiguousarray(image)))


FILES = {
    "NPY": npy,
    "PNG": png,
    "TIFF": tiff,
    "big-endian TIFF": lambda image: tiff(image, byteorder=">"),
    "Big TIFF": lambda image: tiff(image, bigtiff=True),
    "LZW": lambda image: tiff(image, compression="lzw", predictor=True),
    "Deflate": lambda image: tiff(image, compression="zlib", rowsperstrip=7),
    "tiles": lambda image: tiff(image, compression="zstd", tile=(16, 16)),
    "OME-TIFF": lambda image: tiff(image, ome=True),
}


def table(dc: Any, tcell: Any) -> pd.DataFrame:
    return pd.DataFrame({"dc": [dc], "tcell": [tcell]})


def fields(sent: Any, bit_depth: int = 12) -> list[NDArray[np.unsignedinteger]]:
    return list(requested_fields(sent, SIZE, bit_depth))


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("text", [False, True], ids=["bytes", "base64"])
def test_a_file_gives_the_pixels_that_went_in(kind: str, text: bool) -> None:
    files: list[Any] = [FILES[kind](FIELD[..., channel]) for channel in (0, 1)]
    if text:
        files = [base64.b64encode(files[0]).decode(), base64.encodebytes(files[1]).decode()]
    (field,) = fields(table(*files))
    assert field.dtype == np.uint16
    np.testing.assert_array_equal(field, FIELD)


def test_each_row_is_a_field_and_may_have_its_own_size() -> None:
    rows = pd.concat(
        [table(*(npy(part[..., channel]) for channel in (0, 1))) for part in (FIELD, FIELD[:32])]
    )
    assert [field.shape for field in fields(rows)] == [(40, 50, 2), (32, 50, 2)]


def test_a_model_of_other_channels_takes_a_column_each() -> None:
    panel, images = Panel(("nuclei",), ("nuclei",)), pd.DataFrame({"nuclei": [npy(FIELD[..., 0])]})
    (field,) = requested_fields(images, SIZE, 12, panel)
    np.testing.assert_array_equal(field, FIELD[..., :1])
    with pytest.raises(PlateError, match=r"the columns nuclei, found 1 rows of dc, tcell"):
        list(requested_fields(table(b"", b""), SIZE, 12, panel))


def huge_png() -> bytes:
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR"
    return start + struct.pack(">IIBBBBB", 60_000, 60_000, 16, 0, 0, 0, 0) + bytes(4)


def huge_npy(shape: str = "(60000, 60000)", dtype: str = "<u2") -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def changed_tag(content: bytes, tag: int, value: int) -> bytes:
    """Write another value of a tag into a little-endian TIFF."""
    with tifffile.TiffFile(BytesIO(content)) as found:
        at = found.pages.first.tags[tag]
        size = struct.calcsize({3: "H", 4: "I"}[at.dtype])
        place = at.valueoffset
    return content[:place] + value.to_bytes(size, "little") + content[place + size :]


GOOD = npy(FIELD[..., 0])
PLAIN, TILED = tiff(FIELD[..., 0]), tiff(FIELD[..., 0], tile=(16, 16), compression="zlib")
REFUSED = {
    "nothing": (b"", "neither TIFF, PNG nor NPY"),
    "text": ("a field", "padding"),
    "number": (5, "int instead of bytes"),
    "missing": (None, "NoneType instead of bytes"),
    "zip": (b"PK\x03\x04" + bytes(50), "neither"),
    "pickle": (npy(np.array([{}, 1], dtype=object), allow_pickle=True), "of object"),
    "pickle in a square": (npy(np.array([[{}]], dtype=object), allow_pickle=True), "of object"),
    "fractions": (npy(FIELD[..., 0] / 2), "of float64"),
    "records": (npy(np.zeros((40, 50), [("a", np.uint16)])), "not one grey image"),
    "stack": (npy(FIELD), r"shape \(40, 50, 2\)"),
    "huge NPY": (huge_npy(), "7200000000 bytes"),
    "negative NPY": (huge_npy("(-40, -50)"), ""),
    "huge PNG": (huge_png(), "7200000000 bytes"),
    "cut PNG": (png(FIELD[..., 0])[:60], ""),
    "colour PNG": (png(np.zeros((40, 40, 3), np.uint16)), r"shape \(40, 40, 3\)"),
    "cut NPY": (GOOD[:-10], ""),
    "huge TIFF": (changed_tag(changed_tag(PLAIN, 256, 60_000), 257, 60_000), "7200000000 bytes"),
    "huge tiles": (changed_tag(changed_tag(TILED, 322, 60_000), 323, 60_000), "7200000000 bytes"),
    "cut TIFF": (PLAIN[:-100], "its header promises"),
    "two pages": (tiff(np.stack([FIELD[..., 0]] * 2), photometric="minisblack"), "2 pages"),
    "colour TIFF": (tiff(np.zeros((40, 40, 3), np.uint16)), r"shape \(40, 40, 3\)"),
    "signed": (tiff(FIELD[..., 0].astype(np.int16)), "of int16"),
    "JPEG in a TIFF": (tiff(np.zeros((48, 48), np.uint8), compression="jpeg"), "compression 7"),
    "JPEG": (jpeg_encode(np.zeros((48, 48), np.uint8)), "neither"),
    "8 bits": (npy(np.zeros((40, 50), np.uint8)), "uint8"),
    "13 bits": (npy(np.full((40, 50), 4096, np.uint16)), "4096"),
    "another size": (npy(FIELD[:39, :, 0]), r"\(39, 50\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_any_other_content_is_refused_in_one_line(name: str) -> None:
    content, found = REFUSED[name]
    with pytest.raises(PlateError, match=f"must .*found .*{found}") as caught:
        fields(table(GOOD, content))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["huge NPY", "huge PNG", "huge TIFF", "huge tiles"])
def test_a_claimed_size_takes_no_memory(name: str) -> None:
    tracemalloc.start()
    with pytest.raises(PlateError):
        fields(table(GOOD, REFUSED[name][0]))
    assert tracemalloc.get_traced_memory()[1] < MOST_BYTES / 4
    tracemalloc.stop()


@pytest.mark.parametrize(
    "sent",
    [pd.DataFrame(), pd.DataFrame({"dc": [GOOD]}), table(GOOD, GOOD)[:0], {"dc": GOOD}, [[1], [2]]],
    ids=["no columns", "one channel", "no rows", "by name", "lists"],
)
def test_another_table_is_refused(sent: Any) -> None:
    with pytest.raises(PlateError, match=r"must have .*(found|stack)"):
        fields(sent)


@pytest.mark.parametrize(
    "values",
    [FIELD[None] / 2, FIELD[None].astype(str), FIELD[None] > 300, FIELD[None].astype(object)],
    ids=["fractions", "texts", "booleans", "objects"],
)
def test_other_values_than_whole_numbers_are_refused(values: NDArray[Any]) -> None:
    with pytest.raises(PlateError, match=r"grey values must be .*numbers, found"):
        fields(values)
