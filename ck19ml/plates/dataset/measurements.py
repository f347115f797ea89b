"""The general measurements of a dataset's patches, see `core.measurements`."""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

MEASUREMENTS = "measurements.parquet"

FIELDS_TOGETHER = 64
"""Fields a row group: few groups are read fast, and one of them takes little memory."""


def write_measurements(
    folder: Path, names: Sequence[str], fields: Iterable[NDArray[np.float32]]
) -> None:
    """Write the table of measurements, one row a patch.

    Parameters
    ----------
    names : sequence of str
        Of the measures.
    fields : iterable of ndarray, (patches, measures), float32
        One field after the other.
    """
    schema = pa.schema([(name, pa.float32()) for name in names])
    with pq.ParquetWriter(folder / MEASUREMENTS, schema) as writer:
        left = iter(fields)
        while part := list(islice(left, FIELDS_TOGETHER)):
            columns = np.ascontiguousarray(np.concatenate(part).T)
            arrays = [pa.array(each) for each in columns]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
