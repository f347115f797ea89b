"""Read the channels of a field from its image files, and hold the files to the description."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from ck19ml.core.patches import stored_dtype
from ck19ml.errors import Ck19Error, PlateError
from ck19ml.files.reading import require_file
from ck19ml.plates.description import PlateDescription
from ck19ml.plates.formats.container import UNKNOWN, Container, Header, Index, SeveralImages
from ck19ml.plates.formats.encoded import PNG_START, png_header
from ck19ml.plates.formats.ome_zarr import zarr_container
from ck19ml.plates.formats.tiff import tiff_container

MOST_BYTES = 2**29
"""Of what is read from a file, 16,384 x 16,384 pixels: a few damaged bytes may claim any number."""

NOT_THE_FILE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE)
"""Reading failed for want of files, of memory or of a network share: the image may be sound."""

Channel = int | str
Plane = NDArray[np.uint16]


class ImageError(PlateError):
    """A file that is not what the plate needs; `kind` is one of `problems.KINDS`."""

    def __init__(self, path: Path, message: str, kind: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path, self.kind = path, kind


def read_header(path: Path) -> Header:
    """Read what a file says of itself, without its pixels.

    Raises
    ------
    ImageError
        If the header cannot be read or promises more than the file holds.
    """
    with _opened(path) as container:
        return container.header


def probe_channels(
    path: Path, channels: Sequence[Channel] | None, description: PlateDescription
) -> Header:
    """Check that `read_channels` can read a file, as far as its header tells; see there.

    Returns
    -------
    Header
        What the file says of itself; of its axes only Y and X.
    """
    with _opened(path) as container:
        header, indices = _choose(path, container.header, channels, description)
        _check_dtype(path, header.dtype, description.bit_depth)
        _require_bounds(path, container, indices)
        return replace(header, axes="YX", shape=(header.size("Y"), header.size("X")))


def read_channels(
    path: Path, channels: Sequence[Channel] | None, description: PlateDescription
) -> list[Plane]:
    """Read channels of a file; focal planes are joined as the description's `z` says.

    Parameters
    ----------
    path : Path
        TIFF (8 or 16 bit, compressed or not), OME-TIFF, PNG, or an image of an OME-Zarr plate.
    channels : sequence of int or str, optional
        Index or name of each channel in the file; None where it holds one channel.
    description : PlateDescription
        `channel_axis`, `z`, `time` and `bit_depth` count.

    Returns
    -------
    list of ndarray, (height, width), uint16

    Raises
    ------
    ImageError
        If the file cannot be read, holds other axes or channels than described, or has another
        depth.
    """
    with _opened(path) as container:
        header, indices = _choose(path, container.header, channels, description)
        _check_dtype(path, header.dtype, description.bit_depth)
        _require_bounds(path, container, indices)
        planes = [_oriented(header, index, container.read(index)) for index in indices]
    joined = [join_planes(list(plane), description.z) for plane in planes]
    return [_check_depth(path, plane, description.bit_depth) for plane in joined]


def read_plane(path: Path) -> NDArray[np.generic]:
    """Read the only plane of a file, (height, width), whatever its values are.

    Raises
    ------
    ImageError
        If the file cannot be read or holds other axes.
    """
    with _opened(path) as container:
        header = container.header
        if set(header.axes) != {"Y", "X"} or len(header.axes) != 2:
            raise _wrong_axes(path, header, "one plane", "export one plane a file")
        index = (slice(None), slice(None))
        _require_bounds(path, container, [index])
        return np.asarray(_oriented(header, index, container.read(index))[0])


def join_planes(planes: Sequence[NDArray[np.generic]], z: str | int | None) -> NDArray[np.generic]:
    """Join focal planes: their maximum, or their mean in whole grey values; one stays as it is."""
    if len(planes) == 1:
        return planes[0]
    if z == "mean":
        return np.asarray(np.rint(np.stack(planes).mean(axis=0)).astype(planes[0].dtype))
    return np.asarray(np.max(planes, axis=0))


@contextmanager
def _opened(path: Path) -> Iterator[Container]:
    try:
        if path.is_dir():
            yield zarr_container(path)
            return
        require_file(path)
        if path.suffix.lower() == ".png":
            yield _png(path)
            return
        with tifffile.TiffFile(path) as tiff:
            yield tiff_container(tiff)
    except (ImageError, MemoryError):
        raise
    except SeveralImages as error:
        raise ImageError(
            path, f"{error} instead of one image; export one file a field", "wrong axes"
        ) from error
    except Exception as error:  # readers of damaged files raise nearly anything
        raise _damaged(path, error) from error


def _png(path: Path) -> Container:
    from imagecodecs import imread

    with path.open("rb") as file:
        header = png_header(file.read(PNG_START))
    return Container(header, lambda index: np.asarray(imread(path))[index])


def _choose(
    path: Path,
    header: Header,
    channels: Sequence[Channel] | None,
    description: PlateDescription,
) -> tuple[Header, list[Index]]:
    """Decide which planes of a file are meant, an index a channel."""
    if len(set(header.axes)) != len(header.axes) or {"Y", "X"} - set(header.axes):
        raise _wrong_axes(path, header, "planes of rows and columns", "export one file a field")
    header = _named(path, header, channels, description)
    if "S" in header.axes:
        raise _wrong_axes(path, header, "grey values", "export the channels as grey images")
    if channels is None and "C" in header.axes:
        raise _wrong_axes(
            path,
            header,
            "one channel, as the file's name says",
            "leave the group 'channel' out of 'files' in plate.yaml and give 'channels' as indices",
        )
    wanted = [0] if channels is None else [_channel(path, header, each) for each in channels]
    fixed: dict[str, int | slice] = {"Y": slice(None), "X": slice(None)}
    if "T" in header.axes:
        fixed["T"] = _one(path, header, "T", description.time or 1, "time")
    if "Z" in header.axes:
        fixed["Z"] = _focal_planes(path, header, description)
    if channels is None and "C" in header.axes:
        raise _wrong_axes(
            path, header, "one channel, as the file's name says",
            "leave the group 'channel' out of 'files' in plate.yaml and give 'channels' as indices",
        )  # fmt: skip
    wanted = [0] if channels is None else [_channel(path, header, each) for each in channels]
    return header, [tuple((fixed | {"C": n})[axis] for axis in header.axes) for n in wanted]


def _named(
    path: Path,
    header: Header,
    channels: Sequence[Channel] | None,
    description: PlateDescription,
) -> Header:
    """Name the axes that the file leaves open, where the description or their length tells."""
    axes, axis = header.axes, description.channel_axis
    if channels is not None and axis is not None:
        if len(axes) == 3 and set(axes) & {UNKNOWN, "S"}:
            # Rows and columns are the other two, whatever a program took the file for.
            axes = "?YX" if axis in (0, -3) else "Y?X" if axis in (1, -2) else "YX?"
        if not -len(axes) <= axis < len(axes) or axes[axis] in "YX":
            found = f"axis {axis} of {_axes(header)}"
            raise ImageError(
                path,
                f"axis {axis} holds {found}, not the channels; correct channel_axis in plate.yaml",
                "wrong axes",
            )
        place = axis % len(axes)
        axes = axes[:place] + "C" + axes[place + 1 :]
    if UNKNOWN in axes:
        length = header.shape[axes.index(UNKNOWN)]
        if channels is None or "C" in axes:
            # A file of one channel may hold focal planes, and where `z` is given they are meant.
            if description.z is None:
                raise _focus_open(path, length)
            axes = axes.replace(UNKNOWN, "Z")
        elif length == len(channels) and all(_number(each) in range(length) for each in channels):
            axes = axes.replace(UNKNOWN, "C")
        else:
            place = axes.index(UNKNOWN)
            raise _wrong_axes(
                path, header, "a file that says which of its planes are channels",
                f"if its {length} planes are channels, add 'channel_axis: {place}' to plate.yaml; "
                "if some are focal planes, save the files as OME-TIFF or hyperstacks",
            )  # fmt: skip
    return replace(header, axes=axes)


def _number(channel: Channel) -> int | None:
    text = str(channel)
    return int(text) if text.isascii() and text.isdigit() else None


def _channel(path: Path, header: Header, channel: Channel) -> int:
    """Return the index of a channel that is given by its name or by its index, quoted or not."""
    count = header.size("C")
    names = [name.casefold() for name in header.channels[:count]]
    if names.count(str(channel).casefold()) == 1:
        return names.index(str(channel).casefold())
    number = _number(channel)
    if number is not None and number < count:
        return number
    seen = ", ".join(map(repr, header.channels[:count])) if any(names) else f"{count} without names"
    raise ImageError(
        path,
        f"no channel {channel!r} in an image of {_axes(header)}, which has {seen}; "
        "correct 'channels' in plate.yaml",
        "wrong axes",
    )


def _focal_planes(path: Path, header: Header, description: PlateDescription) -> int | slice:
    if isinstance(description.z, int):
        return _one(path, header, "Z", description.z, "z")
    if description.z is None:
        raise _focus_open(path, header.size("Z"))
    return slice(None)


def _focus_open(path: Path, count: int) -> ImageError:
    return ImageError(
        path,
        f"{count} planes instead of one; if they are focal planes, add 'z: max', "
        f"'z: mean' or 'z: N' (the N-th, from 1 to {count}) to plate.yaml",
        "wrong axes",
    )


def _one(path: Path, header: Header, axis: str, number: int, key: str) -> int:
    if number > header.size(axis):
        raise ImageError(
            path,
            f"no {key} {number} in an image of {_axes(header)}, which has {header.size(axis)}; "
            f"correct '{key}' in plate.yaml",
            "wrong axes",
        )
    return number - 1


def _wrong_axes(path: Path, header: Header, expected: str, advice: str) -> ImageError:
    return ImageError(
        path, f"an image of {_axes(header)} instead of {expected}; {advice}", "wrong axes"
    )


def _axes(header: Header) -> str:
    return f"shape {header.shape} (axes {header.axes})"


def _oriented(header: Header, index: Index, planes: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return planes as (focal plane, Y, X), whatever the order of the file's axes."""
    left = [axis for axis, part in zip(header.axes, index, strict=True) if isinstance(part, slice)]
    order = [left.index(axis) for axis in "ZYX" if axis in left]
    turned = planes.transpose(order)
    return turned if "Z" in left else turned[None]


def _require_bounds(path: Path, container: Container, indices: Sequence[Index]) -> None:
    header = container.header
    whole = (slice(None),) * len(header.axes)
    size = header.bytes(whole) if container.whole else sum(map(header.bytes, indices))
    if size > MOST_BYTES:
        raise ImageError(
            path,
            f"an image of {_axes(header)} in {header.dtype} is larger than "
            f"{MOST_BYTES // 2**20} MiB; export it again",
            "wrong size",
        )


def _damaged(path: Path, error: Exception) -> ImageError:
    """Say that a file is damaged, unless its reading failed by no fault of the file."""
    if isinstance(error, OSError) and error.errno in NOT_THE_FILE:
        raise Ck19Error(
            f"cannot read {path}: {error.strerror}; the image may be sound: free what is missing "
            "and run the same command again"
        ) from error
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    # tifffile quotes the first bytes, which may be of any file that a link leads to.
    reason = " ".join(text.partition(": header=")[0].split())[:120] or type(error).__name__
    return ImageError(path, f"the image is damaged ({reason}); export it again", "unreadable")


def _check_dtype(path: Path, found: np.dtype[np.generic], bit_depth: int) -> None:
    expected = np.dtype(stored_dtype(bit_depth))
    native = found.newbyteorder("=")
    if native == expected:
        return
    if native not in (np.uint8, np.uint16):
        advice = "export unsigned integers of 8 or 16 bits"
    else:
        advice = (
            f"set 'bit_depth: {8 * found.itemsize}' in plate.yaml if all files have such values"
        )
    raise ImageError(
        path,
        f"{found.name} values where a bit_depth of {bit_depth} needs "
        f"{expected.itemsize * 8}-bit values; {advice}",
        "wrong bit depth",
    )


def _check_depth(path: Path, image: NDArray[np.generic], bit_depth: int) -> Plane:
    if image.size and int(image.max()) >= 2**bit_depth:
        raise ImageError(
            path,
            f"grey values up to {image.max()}, more than {bit_depth} bits allow "
            f"({2**bit_depth - 1}); set 'bit_depth: {_depth(int(image.max()))}' in plate.yaml",
            "wrong bit depth",
        )
    return image.astype(np.uint16, copy=False)


def _depth(value: int) -> int:
    """Return the smallest usual depth of a camera that holds a value."""
    return next(bits for bits in (8, 10, 12, 14, 16) if value < 2**bits)
