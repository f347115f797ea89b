"""What is written is read back bit for bit, whatever it is; a flipped bit is noticed."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from ck19ml.errors import PlateError
from ck19ml.plates.dataset.arrays import (
    ARRAYS,
    create_arrays,
    keep_fields,
    read_field_arrays,
    write_field,
)
from ck19ml.plates.dataset.store import Dataset


@st.composite
def stored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Patches and masks of all fields, (fields, patches, size, size, 2)."""
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 3)), *[draw(st.integers(1, 5))] * 2, 2)
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    return draw(npst.arrays(dtype, shape)), draw(npst.arrays(np.bool_, shape))


def write(folder: Path, patches: np.ndarray, masks: np.ndarray) -> Dataset:
    fields, number, size = patches.shape[:3]
    create_arrays(folder, fields, number, size, str(patches.dtype))
    for index in range(fields):
        write_field(folder, index, patches[index], masks[index])
    return Dataset(folder, None, None, {})  # type: ignore[arg-type]


@settings(max_examples=40)
@given(stored(), st.data())
def test_what_is_written_is_read_back_bit_for_bit(
    content: tuple[np.ndarray, np.ndarray], data: Any
) -> None:
    patches, masks = content
    flat = [part.reshape(-1, *part.shape[2:]) for part in content]
    rows = np.array(data.draw(st.lists(st.integers(0, len(flat[0]) - 1), max_size=8)), int)
    with TemporaryDirectory() as place:
        dataset = write(Path(place) / "d.zarr", patches, masks)
        for found, written in zip(
            (dataset.read(rows), dataset.read_masks(rows)), flat, strict=True
        ):
            np.testing.assert_array_equal(found, written[rows])
            assert found.dtype == written.dtype


@settings(max_examples=20)
@given(stored(), st.data())
def test_the_fields_that_are_kept_are_those_that_were_written(
    content: tuple[np.ndarray, np.ndarray], data: Any
) -> None:
    patches, masks = content
    kept = sorted(data.draw(st.sets(st.integers(0, len(patches) - 1), min_size=1)))
    with TemporaryDirectory() as place:
        folder = Path(place) / "d.zarr"
        write(folder, patches, masks)
        keep_fields(folder, kept, patches.shape[1])
        for place_now, index in enumerate(kept):
            found = read_field_arrays(folder, place_now, patches.shape[1])
            np.testing.assert_array_equal(found[0], patches[index])
            np.testing.assert_array_equal(found[1], masks[index])


@settings(max_examples=60)
@given(stored(), st.data())
def test_any_flipped_bit_of_a_chunk_is_noticed(
    content: tuple[np.ndarray, np.ndarray], data: Any
) -> None:
    with TemporaryDirectory() as place:
        dataset = write(Path(place) / "d.zarr", *content)
        name = data.draw(st.sampled_from(ARRAYS))
        path = dataset.path / name / "c" / "0" / "0" / "0" / "0"
        spoilt = bytearray(path.read_bytes())
        bit = data.draw(st.integers(0, 8 * len(spoilt) - 1))
        spoilt[bit // 8] ^= 1 << bit % 8
        path.write_bytes(spoilt)
        read = dataset.read if name == "patches" else dataset.read_masks
        with pytest.raises(PlateError, match="damaged"):
            read(np.array([0]))
