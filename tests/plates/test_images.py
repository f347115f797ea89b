import resource
from pathlib import Path

import numpy as np
import pytest
import tifffile
from imagecodecs import imwrite

from ck19ml.errors import Ck19Error, PlateError
from ck19ml.plates.description import PlateDescription
from ck19ml.plates.images import read_channels
from tests.places import REFERENCE
from tests.plates.made_plates import grey, write_image

STACKED = r"(?P<row>[A-P])(?P<column>\d+)\.tif"
COLOCALIZATION = REFERENCE / "images" / "colocalization"


def read_plane(path: Path, *, bit_depth: int) -> np.ndarray:
    (plane,) = read_channels(path, None, PlateDescription(bit_depth=bit_depth))
    return plane


def read_stack(
    path: Path, *, bit_depth: int, axis: int | None, indices: tuple[int | str, ...], **more: object
) -> np.ndarray:
    how = {"files": STACKED, "channels": {"dc": 0, "tcell": 1}, "channel_axis": axis}
    described = PlateDescription.model_validate(how | {"bit_depth": bit_depth} | more)
    return np.stack(read_channels(path, indices, described), axis=-1)


def error_of(path: Path, bit_depth: int = 12) -> str:
    with pytest.raises(PlateError) as caught:
        read_plane(path, bit_depth=bit_depth)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "lzw"},
        {"compression": "deflate", "predictor": True},
        {"compression": "zstd", "tile": (16, 16)},
        {"compression": "packbits", "rowsperstrip": 3},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"metadata": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_every_kind_of_tiff_gives_its_pixels_back(
    tmp_path: Path, options: dict[str, object], bits: int
) -> None:
    path = write_image(tmp_path / "a.tif", grey(1, bits=bits), **options)
    plane = read_plane(path, bit_depth=bits)
    assert plane.dtype == np.uint16
    np.testing.assert_array_equal(plane, grey(1, bits=bits))


def test_an_ome_tiff_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, grey(1)[None, None], metadata={"axes": "CZYX"}, ome=True)
    np.testing.assert_array_equal(read_plane(path, bit_depth=12), grey(1))


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_an_image_is_not_called_damaged_where_the_process_has_too_many_files_open(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    (imwrite if name == "a.png" else tifffile.imwrite)(path, grey(1))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, most[1]))
        with pytest.raises(Ck19Error, match=f"{name}: Too many open files") as caught:
            read_plane(path, bit_depth=12)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, most)
    assert not isinstance(caught.value, PlateError), "which --skip-bad would leave out"


@pytest.mark.parametrize("bits", [8, 16])
def test_png_is_read(tmp_path: Path, bits: int) -> None:
    imwrite(tmp_path / "a.png", grey(1, bits=bits))
    np.testing.assert_array_equal(
        read_plane(tmp_path / "a.png", bit_depth=bits), grey(1, bits=bits)
    )


@pytest.mark.skipif(not COLOCALIZATION.is_dir(), reason=f"no reference data at {COLOCALIZATION}")
def test_real_png_is_read() -> None:
    plane = read_plane(COLOCALIZATION / "0_1_N_R.png", bit_depth=16)
    assert plane.ndim == 2
    assert plane.min() < plane.max()


@pytest.mark.parametrize("compression", [None, "lzw", "zstd"])
@pytest.mark.parametrize("share", [0.98, 0.5, 0.05, 0.0])
def test_a_truncated_tiff_is_refused(tmp_path: Path, compression: str | None, share: float) -> None:
    path = write_image(tmp_path / "a.tif", grey(1, (80, 80)), compression=compression)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert "damaged" in error_of(path)


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_a_file_that_is_no_image_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("no image")
    assert "damaged" in error_of(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    error_of(tmp_path / "a.tif")


def test_a_colour_image_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4, 3), np.uint8), photometric="rgb")
    assert "an image of shape (4, 4, 3) (axes YXS) instead of grey values" in error_of(
        tmp_path / "a.tif", 8
    )


@pytest.mark.parametrize(
    ("dtype", "bits", "says"),
    [
        (
            np.uint8,
            12,
            "uint8 values where a bit_depth of 12 needs 16-bit values; set 'bit_depth: 8'",
        ),
        (
            np.uint16,
            8,
            "uint16 values where a bit_depth of 8 needs 8-bit values; set 'bit_depth: 16'",
        ),
        (np.int16, 12, ": int16 values"),
        (
            np.float32,
            12,
            "float32 values where a bit_depth of 12 needs 16-bit values; export unsigned",
        ),
    ],
)
def test_another_depth_is_refused(tmp_path: Path, dtype: type, bits: int, says: str) -> None:
    path = write_image(tmp_path / "a.tif", np.zeros((4, 4), dtype))
    assert says in error_of(path, bits)


@pytest.mark.parametrize(("value", "bits"), [(4096, 12), (1024, 10), (128, 7)])
def test_a_grey_value_that_the_camera_cannot_give_is_refused(
    tmp_path: Path, value: int, bits: int
) -> None:
    plane = np.zeros((4, 4), np.uint8 if bits <= 8 else np.uint16)
    plane[1, 1] = value
    path = write_image(tmp_path / "a.tif", plane)
    assert f"grey values up to {value}, more than {bits} bits allow ({2**bits - 1})" in error_of(
        path, bits
    )
    plane[1, 1] = value - 1
    write_image(path, plane)
    assert read_plane(path, bit_depth=bits).max() == value - 1


class TestStacks:
    @pytest.mark.parametrize("axis", [0, 2, -1, -3])
    def test_two_channels_of_a_stack(self, tmp_path: Path, axis: int) -> None:
        planes = [grey(seed, (8, 12)) for seed in range(3)]
        path = write_image(tmp_path / "a.tif", np.stack(planes, axis=axis), planarconfig="contig")
        stack = read_stack(path, bit_depth=12, axis=axis, indices=(2, 0))
        np.testing.assert_array_equal(stack, np.stack([planes[2], planes[0]], axis=-1))

    @pytest.mark.parametrize(
        ("shape", "axis", "indices"),
        [((2, 8, 8), 0, (0, 2)), ((8, 8), 0, (0, 1)), ((2, 8, 8), 3, (0, 1))],
    )
    def test_a_lacking_channel_is_refused(
        self, tmp_path: Path, shape: tuple[int, ...], axis: int, indices: tuple[int, int]
    ) -> None:
        path = write_image(tmp_path / "a.tif", np.zeros(shape, np.uint16))
        with pytest.raises(
            PlateError, match=r"(no channel 2|not the channels).*; correct "
        ) as caught:
            read_stack(path, bit_depth=12, axis=axis, indices=indices)
        assert str(path) in str(caught.value)

    def test_depth_is_checked_in_a_stack_too(self, tmp_path: Path) -> None:
        path = write_image(tmp_path / "a.tif", np.full((2, 4, 4), 4096, np.uint16))
        with pytest.raises(PlateError, match=r"up to 4096.*\(4095\)"):
            read_stack(path, bit_depth=12, axis=0, indices=(0, 1))
